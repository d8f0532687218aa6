// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/unix_http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxHeaderBytes = 64 << 10;
constexpr std::chrono::milliseconds kConnectTimeout{5000};

}  // namespace

struct UnixHttp::Transfer {
  CURL* easy = nullptr;
  HttpAnswer answer;
  size_t header_bytes = 0;
  size_t max_bytes = 0;  // of the body, or of one line
  bool too_big = false;
  bool is_stream = false;
  bool headers_complete = false;
  bool open = false;
  Done done;
  Opened opened;
  Line line;
  Ended ended;
  char error[CURL_ERROR_SIZE] = {};

  ~Transfer() { curl_easy_cleanup(easy); }

  static size_t OnHeader(char* data, size_t size, size_t count, void* user) {
    auto* self = static_cast<Transfer*>(user);
    const size_t bytes = size * count;
    self->header_bytes += bytes;
    if (self->header_bytes > kMaxHeaderBytes) {
      self->too_big = true;
      return 0;
    }
    const std::string text(data, bytes);
    if (text == "\r\n" || text == "\n") self->headers_complete = true;
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return bytes;
    std::string value = text.substr(colon + 1);
    absl::StripAsciiWhitespace(&value);
    self->answer.headers[absl::AsciiStrToLower(text.substr(0, colon))] = std::move(value);
    return bytes;
  }

  static size_t OnBody(char* data, size_t size, size_t count, void* user) {
    auto* self = static_cast<Transfer*>(user);
    const size_t bytes = size * count;
    // A stream's whole lines are taken out after each round of curl, which reads at most some 1.6 MB; what is left is one line.
    const size_t slack = self->is_stream ? size_t{4} << 20 : 0;
    if (self->answer.body.size() + bytes > self->max_bytes + slack) {
      self->too_big = true;
      return 0;
    }
    self->answer.body.append(data, bytes);
    return bytes;
  }
};

UnixHttp::UnixHttp(std::string socket) : socket_(std::move(socket)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi_ = curl_multi_init();
}

UnixHttp::~UnixHttp() {
  for (const auto& [transfer, owned] : transfers_) curl_multi_remove_handle(multi_, transfer->easy);
  transfers_.clear();
  curl_multi_cleanup(multi_);
}

UnixHttp::Transfer* UnixHttp::Begin(const std::string& path) {
  auto owned = std::make_unique<Transfer>();
  Transfer* transfer = owned.get();
  transfer->easy = curl_easy_init();
  CURL* easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, absl::StrCat("http://localhost", path).c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  transfers_.emplace(transfer, std::move(owned));
  return transfer;
}

void UnixHttp::Get(const std::string& path, size_t max_bytes, std::chrono::milliseconds timeout, Done done) {
  Transfer* transfer = Begin(path);
  transfer->max_bytes = max_bytes;
  transfer->done = std::move(done);
  curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_multi_add_handle(multi_, transfer->easy);
}

void UnixHttp::Stream(const std::string& path, size_t max_line, Opened opened, Line line, Ended ended) {
  Transfer* transfer = Begin(path);
  transfer->is_stream = true;
  transfer->max_bytes = max_line;
  transfer->opened = std::move(opened);
  transfer->line = std::move(line);
  transfer->ended = std::move(ended);
  curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
  curl_multi_add_handle(multi_, transfer->easy);
}

void UnixHttp::DeliverLines(Transfer* transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  if (!transfer->headers_complete || status != 200) return;
  if (!transfer->open) {
    transfer->open = true;
    transfer->opened();
  }
  std::string& body = transfer->answer.body;
  size_t begin = 0;
  for (size_t end = body.find('\n'); end != std::string::npos; end = body.find('\n', begin)) {
    std::string line = body.substr(begin, end - begin);
    absl::StripAsciiWhitespace(&line);
    begin = end + 1;
    if (line.size() > transfer->max_bytes) transfer->too_big = true;
    if (!line.empty() && !transfer->too_big) transfer->line(line);
  }
  body.erase(0, begin);
  if (body.size() > transfer->max_bytes) transfer->too_big = true;
}

void UnixHttp::Finish(Transfer* transfer, int code) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi_, transfer->easy);
  const auto node = transfers_.extract(transfer);
  absl::Status error;
  if (transfer->too_big) {
    error = absl::ResourceExhaustedError(absl::StrCat("answer of more than ", transfer->max_bytes, " bytes"));
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    error = absl::DeadlineExceededError("no answer in time");
  } else if (code == CURLE_COULDNT_CONNECT) {
    long os_error = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
    // Without a number: as many as may wait to be accepted wait already.
    error = absl::UnavailableError(absl::StrCat("cannot connect: ", os_error == 0 ? "it accepts nobody" : std::strerror(static_cast<int>(os_error))));
  } else if (code != CURLE_OK) {
    const std::string why = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(static_cast<CURLcode>(code));
    error = absl::UnavailableError(why);
  } else if (transfer->is_stream) {
    error = absl::UnavailableError(status == 200 ? "the stream ended" : absl::StrCat("answered with status ", status));
  }
  if (transfer->is_stream) {
    transfer->ended(error);
  } else if (!error.ok()) {
    transfer->done(error);
  } else {
    transfer->answer.status = static_cast<int>(status);
    transfer->done(std::move(transfer->answer));
  }
}

void UnixHttp::Poll(std::chrono::milliseconds wait) {
  int running = 0;
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::max<int64_t>(wait.count(), 0)), nullptr);
  curl_multi_perform(multi_, &running);
  std::vector<Transfer*> streams;
  for (const auto& [transfer, owned] : transfers_) {
    if (transfer->is_stream) streams.push_back(transfer);
  }
  for (Transfer* stream : streams) {
    DeliverLines(stream);
    if (stream->too_big) Finish(stream, CURLE_WRITE_ERROR);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const int code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    Finish(transfer, code);
  }
}

void UnixHttp::Wake() { curl_multi_wakeup(multi_); }

}  // namespace bulkhead
