// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/client.h"

#include <curl/curl.h>

#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "controlplane/api/errors.h"

namespace bulkhead::api {
namespace {

constexpr size_t kMaxAnswerBytes = 64 << 20;
constexpr size_t kMaxLineBytes = 8 << 20;  // a proposal's YAML is one line
constexpr long kConnectTimeoutMs = 5000;

void InitOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

std::string Escaped(CURL* curl, const std::string& text) {
  char* escaped = curl_easy_escape(curl, text.data(), static_cast<int>(text.size()));
  std::string out = escaped == nullptr ? "" : escaped;
  curl_free(escaped);
  return out;
}

// The path as it goes on the wire: each segment escaped, slashes kept.
std::string UrlOf(CURL* curl, const std::string& path, const ApiClient::Query& query) {
  std::string url = "http://bulkhead";
  size_t start = 0;
  while (start < path.size()) {
    const size_t end = std::min(path.find('/', start), path.size());
    if (end > start) absl::StrAppend(&url, Escaped(curl, path.substr(start, end - start)));
    if (end < path.size()) url += '/';
    start = end + 1;
  }
  char separator = '?';
  for (const auto& [key, value] : query) {
    url += separator;
    absl::StrAppend(&url, key, "=", Escaped(curl, value));
    separator = '&';
  }
  return url;
}

}  // namespace

// What has come of one answer.
struct ApiClient::Transfer {
  CURL* curl = nullptr;
  std::function<absl::StatusOr<bool>(const Json&)> on_line;  // unset: the answer is collected whole
  std::string buffer;                                        // the answer, an error's body, or the line that has begun
  bool enough = false;
  absl::Status status;

  long HttpStatus() const {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
  bool Fail(absl::Status why) {
    status = std::move(why);
    return false;
  }
  bool TakeLine(std::string_view line) {
    if (line.empty()) return true;
    absl::StatusOr<Json> json = ParseJson(line);
    if (!json.ok()) return Fail(absl::InternalError(absl::StrCat("the daemon's answer: ", json.status().message())));
    // An error in the middle of lines comes as the last one.
    if (json->is_object() && json->contains("error") && json->contains("code")) return Fail(StatusOfError(500, line));
    const absl::StatusOr<bool> more = on_line(*json);
    if (!more.ok()) return Fail(more.status());
    enough = !*more;
    return *more;
  }
  bool Take(std::string_view data) {
    const bool collect = !on_line || HttpStatus() >= 400;
    if (buffer.size() + data.size() > (collect ? kMaxAnswerBytes : kMaxLineBytes)) {
      return Fail(absl::ResourceExhaustedError("the daemon's answer is too long"));
    }
    buffer.append(data);
    if (collect) return true;
    size_t start = 0;
    for (size_t end; (end = buffer.find('\n', start)) != std::string::npos; start = end + 1) {
      if (!TakeLine(std::string_view(buffer).substr(start, end - start))) return false;
    }
    buffer.erase(0, start);
    return true;
  }
};

size_t ApiClient::OnData(char* data, size_t size, size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->Take({data, size * count}) ? size * count : 0;
}

absl::Status ApiClient::Perform(const std::string& method, const std::string& path, const Query& query, const std::string& body,
                                Transfer* transfer) {
  InitOnce();
  const Curl curl(curl_easy_init(), &curl_easy_cleanup);
  if (curl == nullptr) return absl::InternalError("libcurl does not start");
  transfer->curl = curl.get();
  const std::string url = UrlOf(curl.get(), path, query);
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &ApiClient::OnData);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, transfer);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(curl_slist_append(nullptr, "Content-Type: application/json"),
                                                                      &curl_slist_free_all);
  if (!body.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (!transfer->status.ok() || transfer->enough) return transfer->status;
  const long http_status = transfer->HttpStatus();
  // A request that is refused before its body was read shows as a failed send, with the answer at hand.
  if (http_status >= 400) {
    absl::Status error = StatusOfError(static_cast<unsigned>(http_status), transfer->buffer);
    return absl::IsPermissionDenied(error) ? RefusedError(std::move(error)) : error;
  }
  if (code == CURLE_OK) return absl::OkStatus();
  if (http_status != 0)
    return UnreachableError(absl::StrCat("bulkheadd at ", socket_path_, " went away: ", curl_easy_strerror(code)));
  long error = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &error);
  const std::string why = error == 0 ? curl_easy_strerror(code) : strerror(static_cast<int>(error));
  if (error == EACCES || error == EPERM) {
    return UnreachableError(
        absl::StrCat("cannot reach bulkheadd at ", socket_path_, ": ", why, " (only root and the group of the socket may)"));
  }
  return UnreachableError(absl::StrCat("cannot reach bulkheadd at ", socket_path_, ": ", why, " (is it running?)"));
}

absl::StatusOr<std::string> ApiClient::Call(const std::string& method, const std::string& path, const Query& query,
                                            const std::string& body) {
  Transfer transfer;
  if (absl::Status status = Perform(method, path, query, body, &transfer); !status.ok()) return status;
  return std::move(transfer.buffer);
}

absl::Status ApiClient::GetLines(const std::string& path, const Query& query,
                                 const std::function<absl::StatusOr<bool>(const Json&)>& on_line) {
  Transfer transfer;
  transfer.on_line = on_line;
  return Perform("GET", path, query, "", &transfer);
}

}  // namespace bulkhead::api
