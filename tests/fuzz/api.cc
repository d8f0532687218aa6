// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json.h"
#include "controlplane/api/router.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead {
namespace {

constexpr size_t kPipeBytes = 64 << 20;   // more than the fake service has to tell
constexpr int kRequestsOfAService = 256;  // it keeps a list of what it was asked

struct Daemon {
  testing::FakeService service;
  api::ActivityWindow activity;
};

api::Request RequestOf(std::string_view bytes) {
  api::Request request;
  const size_t end = bytes.find('\n');
  std::string_view line = bytes.substr(0, end);
  if (end != std::string_view::npos) request.body = bytes.substr(end + 1);
  const size_t space = line.find(' ');
  request.method = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  const size_t question = line.find('?');
  request.path = line.substr(0, question);
  request.user = "root";
  request.access = api::Access::kAll;
  if (question == std::string_view::npos) return request;
  const std::vector<std::string> pairs = absl::StrSplit(std::string(line.substr(question + 1)), '&');
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    request.query[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
  }
  return request;
}

void CheckError(const absl::Status& status) {
  const unsigned http = api::HttpStatusOf(status.code());
  Require(http >= 400 && http < 600 && http != 500, "an error that is ours and not the client's", status.ToString());
  const auto error = api::ParseWire<api::ApiError>(api::ErrorBody(status));
  Require(error.ok() && !error->error.empty(), "an error that no client can read", status.ToString());
}

void CheckLines(std::string_view lines) {
  for (const absl::string_view line : absl::StrSplit(absl::string_view(lines.data(), lines.size()), '\n', absl::SkipEmpty())) {
    const auto json = api::ParseJson({line.data(), line.size()});
    Require(json.ok() && json->is_object(), "a line that is no JSON object", {line.data(), line.size()});
  }
}

// A stream that goes on until its reader leaves has one who left; every other has one who takes all.
void CheckStream(const api::Producer& produce, bool endless) {
  api::LinePipe pipe(kPipeBytes);
  if (endless) {
    pipe.Cancel();
    (void)produce(pipe);
    return;
  }
  const absl::Status status = produce(pipe);
  pipe.Finish(status);
  if (!status.ok()) CheckError(status);
  std::string lines, block(1 << 16, '\0');
  while (const auto count = pipe.Read(block.data(), block.size())) {
    if (*count == 0) break;
    lines.append(block, 0, *count);
  }
  CheckLines(lines);
}

// Who may only read changes nothing, whatever he asks for.
void CheckReader(const api::Context& context, api::Request request, const testing::FakeService& service) {
  if (request.method == "GET") return;
  const size_t calls = service.calls().size();
  request.access = api::Access::kRead;
  std::string allowed;
  const absl::StatusOr<api::Response> response = api::Route(context, std::move(request), &allowed);
  Require(!response.ok() && service.calls().size() == calls, "a reader who changes something");
  CheckError(response.status());
}

}  // namespace

void FuzzApi(std::string_view bytes) {
  static std::unique_ptr<Daemon> daemon;
  static int requests = 0;
  if (requests++ % kRequestsOfAService == 0) daemon = std::make_unique<Daemon>();
  const api::Context context{&daemon->service, &daemon->activity, "0.1", "bulkhead"};
  api::Request request = RequestOf(bytes);
  const bool endless =
      request.path.starts_with("/v1/top") || request.path.starts_with("/v1/capture") || request.query.contains("follow");
  CheckReader(context, request, daemon->service);
  std::string allowed;
  const absl::StatusOr<api::Response> response = api::Route(context, std::move(request), &allowed);
  if (!response.ok()) return CheckError(response.status());
  if (response->lines) return CheckStream(response->lines, endless);
  if (std::string_view(response->content_type) != "application/json") return;
  Require(api::ParseJson(response->body).ok(), "an answer that is no JSON", response->body);
}

}  // namespace bulkhead
