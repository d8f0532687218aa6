// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/docker_session.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

// Versions of the Engine API that the decoder was written for. Docker 29 speaks nothing older than 1.44.
constexpr int kOldestMinor = 24;
constexpr int kNewestMinor = 51;

constexpr size_t kMaxBody = size_t{32} << 20;
constexpr size_t kMaxLine = size_t{1} << 20;
constexpr size_t kMaxPing = 4 << 10;

// Containers that start block an inspection each; a burst of them must not hold up the answers that come at once.
constexpr int kQuickAtOnce = 8;
constexpr int kSlowAtOnce = 32;

// {"type":["container","network"],"event":[...]}: health checks and execs are many, and say nothing about networks.
constexpr std::string_view kEventFilters =
    "%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22die%22%2C%22died%22"
    "%2C%22pause%22%2C%22unpause%22%2C%22rename%22%2C%22destroy%22%2C%22remove%22%2C%22connect%22%2C%22disconnect%22%5D%7D";

std::string Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return absl::StrFormat("%d.%09d", now.tv_sec, now.tv_nsec);
}

absl::StatusOr<std::string> BodyOf(absl::StatusOr<HttpAnswer> answer) {
  if (!answer.ok()) return answer.status();
  if (answer->status == 200) return std::move(answer->body);
  const std::string text = absl::StrCat("status ", answer->status, " ", DecodeDockerMessage(answer->body));
  if (answer->status == 404) return absl::NotFoundError(text);
  return absl::UnavailableError(text);
}

}  // namespace

absl::StatusOr<std::string> ChooseDockerApi(std::string_view newest) {
  int minor = 0;
  const std::string_view digits = newest.substr(std::min(newest.size(), size_t{2}));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
  if (!newest.starts_with("1.") || error != std::errc() || end != digits.data() + digits.size() || minor < kOldestMinor) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the engine does not say that it speaks an API version that is known here "
                        "(1.%d to 1.%d)",
                        kOldestMinor, kNewestMinor));
  }
  return absl::StrCat("1.", std::min(minor, kNewestMinor));
}

DockerSession::DockerSession(std::string socket, DockerTimes times, DockerTracker* tracker, Flush flush)
    : http_(std::move(socket)), times_(times), tracker_(tracker), flush_(std::move(flush)) {}

void DockerSession::Stop() {
  stopped_ = true;
  http_.Wake();
}

void DockerSession::Fail(absl::Status why) {
  if (failure_.ok()) failure_ = std::move(why);
}

absl::Status DockerSession::Run() {
  since_ = Now();
  http_.Get("/_ping", kMaxPing, times_.quick, [this](const absl::StatusOr<HttpAnswer>& answer) { OnPing(answer); });
  while (failure_.ok()) {
    if (stopped_) return absl::CancelledError("stopped");
    CheckTimers();
    TakeRequests();
    SendRequests();
    flush_();
    http_.Poll(UntilNextTimer());
  }
  return failure_;
}

void DockerSession::OnPing(const absl::StatusOr<HttpAnswer>& answer) {
  if (!answer.ok()) return Fail(answer.status());
  if (answer->status != 200) return Fail(absl::UnavailableError(absl::StrCat("a ping was answered with status ", answer->status)));
  const auto version = answer->headers.find("api-version");
  const absl::StatusOr<std::string> api = ChooseDockerApi(version == answer->headers.end() ? "" : version->second);
  if (!api.ok()) return Fail(api.status());
  api_ = absl::StrCat("/v", *api);
  http_.Get(absl::StrCat(api_, "/info"), kMaxBody, times_.quick,
            [this](absl::StatusOr<HttpAnswer> info) { OnInfo(std::move(info)); });
}

void DockerSession::OnInfo(absl::StatusOr<HttpAnswer> answer) {
  const absl::StatusOr<std::string> body = BodyOf(std::move(answer));
  if (!body.ok()) return Fail(body.status());
  const absl::StatusOr<bool> rootless = DecodeDockerRootless(*body);
  if (!rootless.ok()) return Fail(rootless.status());
  if (*rootless) tracker_->set_unprotected("its engine is rootless");
  OpenStream();
}

// The stream comes first and the lists after it, so nothing is missed between them. `since` covers the moment between the stream's
// headers and its subscription (moby, postEvents: they are flushed first).
void DockerSession::OpenStream() {
  http_.Stream(
      absl::StrCat(api_, "/events?since=", since_, "&filters=", std::string(kEventFilters)), kMaxLine,
      [this] {
        BeginSync(/*new_connection=*/true);
        ping_due_ = Clock::now() + times_.ping;
      },
      [this](const std::string& line) { OnLine(line); }, [this](const absl::Status& why) { Fail(why); });
}

void DockerSession::OnLine(const std::string& line) {
  if (!failure_.ok()) return;
  const absl::StatusOr<DockerEvent> event = DecodeDockerEvent(line);
  if (!event.ok()) return Fail(event.status());
  spdlog::debug("docker: event {} {}", event->action, event->id);
  tracker_->OnEvent(*event);
}

void DockerSession::BeginSync(bool new_connection) {
  tracker_->BeginSync(new_connection);
  sync_due_ = Clock::time_point::max();
  resync_due_ = Clock::now() + times_.resync;
}

void DockerSession::CheckTimers() {
  const Clock::time_point now = Clock::now();
  if (now >= sync_due_) {
    sync_due_ = Clock::time_point::max();
    tracker_->EndSync();
  }
  if (now >= resync_due_ && !tracker_->syncing()) BeginSync(/*new_connection=*/false);
  if (now >= ping_due_ && !pinging_) {
    pinging_ = true;
    http_.Get("/_ping", kMaxPing, times_.quick, [this](const absl::StatusOr<HttpAnswer>& answer) {
      pinging_ = false;
      ping_due_ = Clock::now() + times_.ping;
      if (!answer.ok()) Fail(answer.status());
    });
  }
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    DockerRequest request = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    (request.slow() ? slow_ : quick_).push_back(std::move(request));
  }
}

std::chrono::milliseconds DockerSession::UntilNextTimer() const {
  Clock::time_point next = std::min({sync_due_, ping_due_, resync_due_, Clock::now() + std::chrono::seconds(1)});
  if (!delayed_.empty()) next = std::min(next, delayed_.begin()->first);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void DockerSession::TakeRequests() {
  for (DockerRequest& request : tracker_->TakeRequests()) {
    if (request.delay.count() > 0) {
      delayed_.emplace(Clock::now() + request.delay, std::move(request));
    } else {
      (request.slow() ? slow_ : quick_).push_back(std::move(request));
    }
  }
}

void DockerSession::SendRequests() {
  for (; quick_under_way_ < kQuickAtOnce && !quick_.empty(); quick_.pop_front()) Send(std::move(quick_.front()));
  for (; slow_under_way_ < kSlowAtOnce && !slow_.empty(); slow_.pop_front()) Send(std::move(slow_.front()));
}

void DockerSession::Send(DockerRequest request) {
  int& under_way = request.slow() ? slow_under_way_ : quick_under_way_;
  ++under_way;
  request.sent_at = tracker_->clock();
  const bool patient = request.slow() || request.kind == DockerRequest::Kind::kList;
  http_.Get(PathOf(request), kMaxBody, patient ? times_.slow : times_.quick,
            [this, request, &under_way](absl::StatusOr<HttpAnswer> answer) {
              --under_way;
              const absl::Status status = tracker_->OnAnswer(request, BodyOf(std::move(answer)));
              if (!status.ok()) Fail(status);
              if (request.kind == DockerRequest::Kind::kList) sync_due_ = Clock::now() + times_.sync;
            });
}

std::string DockerSession::PathOf(const DockerRequest& request) const {
  switch (request.kind) {
    case DockerRequest::Kind::kNetworks:
      return absl::StrCat(api_, "/networks");
    case DockerRequest::Kind::kList:
      return absl::StrCat(api_, "/containers/json?all=1");
    case DockerRequest::Kind::kListOne:  // {"id":["..."]}
      return absl::StrCat(api_, "/containers/json?all=1&filters=%7B%22id%22%3A%5B%22", request.id, "%22%5D%7D");
    case DockerRequest::Kind::kInspect:
      return absl::StrCat(api_, "/containers/", request.id, "/json");
    case DockerRequest::Kind::kNetwork:
      return absl::StrCat(api_, "/networks/", request.id);
    case DockerRequest::Kind::kImage:
      return absl::StrCat(api_, "/images/", request.id, "/json");
  }
  return "/";
}

}  // namespace bulkhead
