// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/runtime/docker_session.h"
#include "controlplane/runtime/docker_tracker.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

// What must hold of everything that a source reports, in whatever order its engine speaks.
class ReportChecker {
 public:
  void Take(const std::vector<SourceEvent>& events) {
    for (const SourceEvent& event : events) Check(event);
  }

 private:
  void Check(const SourceEvent& event) {
    using Kind = SourceEvent::Kind;
    Require(event.source == "docker", "a report without its source");
    switch (event.kind) {
      case Kind::kUpsert:
        return CheckReport(event);
      case Kind::kRemove:
        return Require(IsDockerId(event.id), "what is removed has no id", event.id);
      case Kind::kSyncBegin:
        syncing_ = true;
        return;
      case Kind::kSyncEnd:
        return Require(std::exchange(syncing_, false), "a synchronisation that ends and never began");
      case Kind::kProblem:
        return Require(IsPrintable(event.text) && event.text.size() < 1000, "a problem with control bytes", event.text);
      case Kind::kLost:
        return Require(false, "an engine that is lost, said by one who does not know");
    }
  }

  static void CheckReport(const SourceEvent& event) {
    const WorkloadReport& report = event.report;
    Require(IsDockerId(report.id) && report.id == event.id, "a workload without an id", report.id);
    Require(report.pid >= 0, "a process that is none");
    Require(report.named_ports.size() <= kMaxExposed, "too many named ports");
    for (const NetworkAttachment& network : report.networks) {
      Require(network.bridge.size() <= 15 && network.bridge.find_first_of(std::string_view("/ \n\0", 4)) == std::string::npos,
              "a bridge that is no interface's name", network.bridge);
      for (const IpAddress& address : network.addresses) {
        Require((address.family == 4 || address.family == 6) && !address.IsUnspecified(), "an address that is none");
      }
    }
    for (const PublishedPort& port : report.published) {
      Require(port.host_port != 0 && port.container_port != 0, "a published port that is none");
      Require(port.host_address.family == 4 || port.host_address.family == 6, "a published address that is none");
    }
  }

  bool syncing_ = false;
};

std::string RequestPath(const DockerRequest& request) {
  switch (request.kind) {
    case DockerRequest::Kind::kNetworks:
      return "/networks";
    case DockerRequest::Kind::kList:
      return "/containers/json?all=1";
    case DockerRequest::Kind::kListOne:
      return "/one/" + request.id;
    case DockerRequest::Kind::kInspect:
      return "/containers/" + request.id + "/json";
    case DockerRequest::Kind::kNetwork:
      return "/networks/" + request.id;
    case DockerRequest::Kind::kImage:
      return "/images/" + request.id + "/json";
  }
  return "";
}

class ScriptedEngine {
 public:
  // false: the connection is of no use any more.
  bool Line(std::string_view line) {
    switch (line.empty() ? '\0' : line.front()) {
      case '{':
        return Event(line);
      case '/':
        return Answer(line);
      case '*':
        return AnswerAll("");
      case '+':
        tracker_.BeginSync(true);
        pending_.clear();
        break;
      case '~':
        if (!tracker_.syncing()) tracker_.BeginSync(false);
        break;
      case '.':
        tracker_.EndSync();
        break;
    }
    return Collect();
  }

 private:
  bool Event(std::string_view line) {
    const absl::StatusOr<DockerEvent> event = DecodeDockerEvent(line);
    if (!event.ok()) return false;
    Require(IsDockerId(event->id), "an event about nobody", event->id);
    tracker_.OnEvent(*event);
    return Collect();
  }

  bool Answer(std::string_view line) {
    const std::vector<std::string> parts = absl::StrSplit(std::string(line), absl::MaxSplits(' ', 2));
    int status = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &status)) return true;
    absl::StatusOr<std::string> body = parts[2];
    if (status == 404) body = absl::NotFoundError("status 404");
    if (status != 404 && status != 200)
      body = absl::UnavailableError(absl::StrCat("status ", status, " ", DecodeDockerMessage(parts[2])));
    answers_.insert_or_assign(parts[0], std::move(body));
    return AnswerAll(parts[0]);
  }

  // Those that wait for `path`, or all; what comes of it waits for the next line.
  bool AnswerAll(const std::string& path) {
    std::deque<DockerRequest> waiting = std::exchange(pending_, {});
    bool useful = true;
    for (DockerRequest& request : waiting) {
      const auto answer = answers_.find(RequestPath(request));
      if (!path.empty() && RequestPath(request) != path) {
        pending_.push_back(std::move(request));
      } else {
        useful = tracker_.OnAnswer(request, answer == answers_.end() ? absl::NotFoundError("status 404") : answer->second).ok() &&
                 useful;
      }
    }
    return Collect() && useful;
  }

  // true.
  bool Collect() {
    checker_.Take(tracker_.TakeEvents());
    for (DockerRequest& request : tracker_.TakeRequests()) {
      Require(request.id.empty() || IsDockerId(request.id), "a request's path is what somebody else wrote", request.id);
      request.sent_at = tracker_.clock();
      pending_.push_back(std::move(request));
      // A line may name a few thousand containers, but each waits for two answers at most.
      Require(pending_.size() <= 100'000, "requests without end");
    }
    return true;
  }

  DockerTracker tracker_{"docker", "docker", ""};
  ReportChecker checker_;
  std::map<std::string, absl::StatusOr<std::string>> answers_;
  std::deque<DockerRequest> pending_;
};

// Whatever it is, every decoder survives it.
void DecodeAll(std::string_view json) {
  (void)DecodeDockerRootless(json);
  Require(IsPrintable(DecodeDockerMessage(json)) && DecodeDockerMessage(json).size() <= 200, "a message with control bytes");
  if (const auto image = DecodeDockerImage(json); image.ok())
    Require(image->exposed.size() <= kMaxExposed, "too many exposed ports");
  if (const auto networks = DecodeDockerNetworks(json); networks.ok()) {
    for (const DockerNetwork& network : *networks) Require(IsDockerId(network.id), "a network without an id");
  }
  if (const auto network = DecodeDockerNetwork(json); network.ok()) {
    for (const auto& [container, endpoint] : network->endpoints) Require(IsDockerId(container), "an endpoint of nobody");
  }
  if (const auto list = DecodeDockerList(json); list.ok()) {
    for (const DockerContainer& one : *list) Require(IsDockerId(one.id), "a container without an id");
  }
  if (const auto one = DecodeDockerInspect(json); one.ok())
    Require(IsDockerId(one->id) && one->pid >= 0, "a container without an id");
  if (const auto api = ChooseDockerApi(json); api.ok())
    Require(api->size() == 4 && api->starts_with("1."), "a version that is none", *api);
}

}  // namespace

void FuzzDockerScript(std::string_view script) {
  DecodeAll(script);
  ScriptedEngine engine;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(script.data(), script.size()), '\n')) {
    if (!engine.Line({line.data(), line.size()})) return;
  }
}

void FuzzDocker(std::string_view bytes) {
  if (bytes.starts_with("HTTP/")) {
    FuzzDockerHttp(bytes);
  } else {
    FuzzDockerScript(bytes);
  }
}

}  // namespace bulkhead
