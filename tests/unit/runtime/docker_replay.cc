// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/runtime/docker_replay.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/places/places.h"

namespace bulkhead {

Transcript LoadTranscript(const std::string& name) {
  std::ifstream file(SourcePath("tests/data/docker/" + name));
  if (!file) throw std::runtime_error("no transcript " + name);
  Transcript out;
  out.steps.emplace_back();
  std::map<std::string, std::string> bodies;
  std::string text;
  while (std::getline(file, text)) {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (line.contains("engine")) {
      out.about = line;
    } else if (line.contains("event")) {
      out.steps.push_back({line["event"].dump(), {}});
    } else {
      const std::string path = line["get"];
      if (line.contains("body")) bodies[path] = line["body"].dump();
      out.steps.back().answers.push_back({path, line["asked"], line["status"], bodies[path]});
    }
  }
  return out;
}

RecordedEngine::RecordedEngine(const Transcript& transcript) {
  int order = 0;
  for (size_t step = 0; step < transcript.steps.size(); ++step) {
    for (const TranscriptAnswer& answer : transcript.steps[step].answers) {
      by_path_[answer.path].push_back({answer, static_cast<int>(step), ++order});
    }
  }
}

std::optional<RecordedEngine::Answer> RecordedEngine::Ask(const DockerRequest& request, int sent) const {
  std::string path;
  switch (request.kind) {
    case DockerRequest::Kind::kNetworks:
      path = "/networks";
      break;
    case DockerRequest::Kind::kList:
    case DockerRequest::Kind::kListOne:
      path = "/containers/json?all=1";
      break;
    case DockerRequest::Kind::kInspect:
      path = "/containers/" + request.id + "/json";
      break;
    case DockerRequest::Kind::kNetwork:
      path = "/networks/" + request.id;
      break;
    case DockerRequest::Kind::kImage:
      path = "/images/" + request.id + "/json";
      break;
  }
  const Recorded* found = nullptr;
  const auto at = by_path_.find(path);
  if (at != by_path_.end()) {
    for (const Recorded& recorded : at->second) {
      if (recorded.answer.asked >= sent || recorded.step <= answered_) found = &recorded;
      if (recorded.answer.asked >= sent) break;
    }
  }
  if (found == nullptr) return Answer{0, absl::NotFoundError("status 404")};
  if (found->step > answered_) return std::nullopt;
  if (found->answer.status != 200) return Answer{found->order, absl::NotFoundError("status 404")};
  if (request.kind != DockerRequest::Kind::kListOne) return Answer{found->order, found->answer.body};
  nlohmann::json one = nlohmann::json::array();
  for (const nlohmann::json& container : nlohmann::json::parse(found->answer.body)) {
    if (container["Id"] == request.id) one.push_back(container);
  }
  return Answer{found->order, one.dump()};
}

const std::string& RecordedEngine::Last(const std::string& path) const { return by_path_.at(path).back().answer.body; }

std::string Summarise(WorkloadPhase phase, int pid, const std::vector<NetworkAttachment>& networks) {
  std::vector<std::string> parts;
  for (const NetworkAttachment& network : networks) {
    std::string part = absl::StrCat(network.network, "@", network.bridge, " ", network.mac.ToString());
    for (const IpAddress& address : network.addresses) absl::StrAppend(&part, " ", address.ToString());
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  std::string out = absl::StrCat("phase ", static_cast<int>(phase), " pid ", pid);
  for (const std::string& part : parts) absl::StrAppend(&out, " | ", part);
  return out;
}

std::map<std::string, std::string> RecordedEngine::Truth() const {
  std::map<std::string, std::string> out;
  std::map<std::string, std::string> bridges;
  const auto networks = DecodeDockerNetworks(Last("/networks"));
  for (const DockerNetwork& network : networks.value()) bridges[network.name] = network.bridge;
  const auto list = DecodeDockerList(Last("/containers/json?all=1"));
  for (const DockerContainer& listed : list.value()) {
    const auto seen = DecodeDockerInspect(Last("/containers/" + listed.id + "/json"));
    const bool runs = seen->state == DockerState::kRunning || seen->state == DockerState::kPaused;
    std::vector<NetworkAttachment> attachments;
    for (const DockerEndpoint& endpoint : seen->endpoints) {
      if (!runs || !endpoint.connected()) continue;
      attachments.push_back({endpoint.network, bridges[endpoint.network], endpoint.mac, endpoint.addresses});
    }
    const WorkloadPhase phase = seen->state == DockerState::kRunning   ? WorkloadPhase::kRunning
                                : seen->state == DockerState::kPaused  ? WorkloadPhase::kPaused
                                : seen->state == DockerState::kCreated ? WorkloadPhase::kCreated
                                                                       : WorkloadPhase::kStopped;
    out[listed.id] = Summarise(phase, seen->pid, attachments);
  }
  return out;
}

void ReportReader::Take(std::vector<SourceEvent> events) {
  for (SourceEvent& event : events) {
    switch (event.kind) {
      case SourceEvent::Kind::kUpsert:
        workloads[event.report.id] = event.report;
        named.insert(event.report.id);
        break;
      case SourceEvent::Kind::kRemove:
        workloads.erase(event.id);
        break;
      case SourceEvent::Kind::kSyncBegin:
        named.clear();
        syncing = true;
        break;
      case SourceEvent::Kind::kSyncEnd:
        std::erase_if(workloads, [&](const auto& entry) { return !named.contains(entry.first); });
        syncing = false;
        ++syncs;
        break;
      case SourceEvent::Kind::kProblem:
        problems[event.key] = event.text;
        if (event.text.empty()) problems.erase(event.key);
        break;
      case SourceEvent::Kind::kLost:
        break;
    }
    history.push_back(std::move(event));
  }
}

std::map<std::string, std::string> ReportReader::Summary() const {
  std::map<std::string, std::string> out;
  for (const auto& [id, report] : workloads) out[id] = Summarise(report.phase, report.pid, report.networks);
  return out;
}

const WorkloadReport* ReportReader::ByName(const std::string& name) const {
  for (const auto& [id, report] : workloads) {
    if (report.name == name) return &report;
  }
  return nullptr;
}

void Replay::Connect() {
  pending_.clear();
  tracker.BeginSync(/*new_connection=*/true);
  Send();
  Deliver();
}

void Replay::Resync() {
  tracker.BeginSync(/*new_connection=*/false);
  Send();
  Deliver();
}

void Replay::Step(const std::string& text) {
  engine.Happen();
  if (!text.empty()) {
    const absl::StatusOr<DockerEvent> event = DecodeDockerEvent(text);
    if (!event.ok()) throw std::runtime_error(event.status().ToString());
    tracker.OnEvent(*event);
  }
  Send();
  engine.Answered();
  for (Pending& pending : pending_) --pending.left;
  Deliver();
}

void Replay::Run() {
  Connect();
  RunToEnd();
}

void Replay::RunToEnd() {
  while (!AtEnd()) Step();
  Settle();
}

void Replay::Settle() {
  for (Pending& pending : pending_) pending.left = 0;
  delay_ = 0;
  Deliver();
}

void Replay::Send() {
  reader.Take(tracker.TakeEvents());
  for (DockerRequest& request : tracker.TakeRequests()) {
    request.sent_at = tracker.clock();
    const int left = delay_ == 0 ? 0 : static_cast<int>(random_() % (delay_ + 1));
    pending_.push_back({request, engine.events(), left});
  }
}

void Replay::Deliver() {
  while (true) {
    std::vector<std::pair<int, size_t>> due;
    for (size_t i = 0; i < pending_.size(); ++i) {
      const auto answer = engine.Ask(pending_[i].request, pending_[i].sent);
      if (pending_[i].left <= 0 && answer) due.emplace_back(answer->order, i);
    }
    if (due.empty()) return;
    std::sort(due.begin(), due.end());
    const size_t pick = due[delay_ == 0 ? 0 : random_() % due.size()].second;
    const Pending picked = pending_[pick];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pick));
    failure.Update(tracker.OnAnswer(picked.request, engine.Ask(picked.request, picked.sent)->body));
    Send();
  }
}

}  // namespace bulkhead
