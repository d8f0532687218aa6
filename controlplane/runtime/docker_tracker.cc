// SPDX-License-Identifier: Apache-2.0
// Events, and what they make of a container's record. Answers are in docker_answers.cc, reports in docker_report.cc.
#include "controlplane/runtime/docker_tracker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

// An engine that tells of more is not believed; it would take the memory of the control plane.
constexpr size_t kMaxContainers = 20'000;
constexpr size_t kMaxNetworks = 4096;
constexpr std::chrono::milliseconds kFirstRetry{250};
constexpr std::chrono::milliseconds kLastRetry{10'000};

std::chrono::milliseconds RetryDelay(int failures) {
  if (failures == 0) return std::chrono::milliseconds(0);
  return std::min(kLastRetry, kFirstRetry * (1 << std::min(failures - 1, 10)));
}

}  // namespace

DockerTracker::DockerTracker(std::string source, std::string runtime, std::string unprotected)
    : source_(std::move(source)), runtime_(std::move(runtime)), unprotected_(std::move(unprotected)) {}

void DockerTracker::BeginSync(bool new_connection) {
  sync_.emplace(Sync());
  forgotten_.clear();
  if (new_connection) {
    for (auto& [id, record] : records_) record.state_known = record.asked_inspect = record.ask_again = false;
    requests_.clear();
    networks_.clear();
    for (const std::string& key : std::set<std::string>(problems_)) Problem(key, "");  // all is asked anew
    network_asks_.clear();
    std::erase_if(images_, [](const auto& entry) { return entry.second.state != Image::State::kKnown; });
  }
  Ask(DockerRequest::Kind::kNetworks, "");
  Ask(DockerRequest::Kind::kList, "");
}

void DockerTracker::EndSync() {
  if (!sync_ || !sync_->listed) return;
  const std::set<std::string> late = std::move(sync_->pending);
  sync_->pending = {""};  // so that settling the last one does not end it a second time
  for (const std::string& id : late) {
    if (const auto at = records_.find(id); at != records_.end()) Report(id, &at->second, /*insist=*/true);
  }
  sync_->pending.clear();
  Settle("");
}

// One container of the list is dealt with; after the last one the synchronisation is over.
void DockerTracker::Settle(const std::string& id) {
  if (!sync_) return;
  sync_->pending.erase(id);
  if (!sync_->listed || !sync_->pending.empty()) return;
  sync_.reset();
  Emit(SourceEvent::Kind::kSyncEnd);
}

DockerTracker::Record* DockerTracker::Ensure(const std::string& id) {
  const auto at = records_.find(id);
  if (at != records_.end()) return &at->second;
  if (records_.size() >= kMaxContainers) {
    Problem("containers", absl::StrCat("the engine tells of more than ", kMaxContainers, " containers; the others are left out"));
    return nullptr;
  }
  return &records_[id];
}

void DockerTracker::Forget(const std::string& id) {
  Problem(id, "");
  records_.erase(id);
  if (sync_ && !sync_->listed) forgotten_[id] = clock_;
  Emit(SourceEvent::Kind::kRemove, id);
  Settle(id);
}

void DockerTracker::OnEvent(const DockerEvent& event) {
  ++clock_;
  if (event.is_network) {
    OnNetworkEvent(event);
  } else {
    OnContainerEvent(event);
  }
}

void DockerTracker::OnContainerEvent(const DockerEvent& event) {
  if (event.action == "destroy" || event.action == "remove") return Forget(event.id);
  const bool is_new = !records_.contains(event.id);
  Record* record = Ensure(event.id);
  if (record == nullptr) return;
  record->last_event = clock_;
  if (is_new) {
    // The listing answers at once, even while the container starts; the inspection tells the ports it will publish.
    Ask(DockerRequest::Kind::kListOne, event.id);
    AskInspect(event.id, record);
  }
  if (event.action == "create") {
    record->state_known = record->state_known || is_new;
  } else if (event.action == "start") {
    OnStart(event.id, record);
  } else if (event.action == "die" || event.action == "died") {
    OnDie(event.id, record);
  } else if (event.action == "pause" || event.action == "unpause") {
    record->phase = event.action == "pause" ? WorkloadPhase::kPaused : WorkloadPhase::kRunning;
    record->state_known = true;
    if (record->pid == 0) AskInspect(event.id, record);
    Report(event.id, record);
  } else if (event.action == "rename") {
    record->known.name = event.name;
    Report(event.id, record);
  } else {
    AskInspect(event.id, record);
  }
}

// The process runs, but the event does not tell which it is.
void DockerTracker::OnStart(const std::string& id, Record* record) {
  record->phase = WorkloadPhase::kRunning;
  record->state_known = true;
  record->pid = 0;
  AskInspect(id, record);
  Report(id, record);
}

void DockerTracker::OnDie(const std::string& id, Record* record) {
  record->phase = WorkloadPhase::kStopped;
  record->state_known = true;
  record->pid = 0;
  record->endpoints.clear();
  record->connecting.clear();
  record->last_network_event = clock_;
  Report(id, record);
}

void DockerTracker::OnNetworkEvent(const DockerEvent& event) {
  if (event.action == "destroy" || event.action == "remove") networks_.erase(event.id);
  if (event.container.empty()) return;
  if (event.action == "connect") {
    const bool is_new = !records_.contains(event.container);
    Record* record = Ensure(event.container);
    if (record == nullptr) return;
    if (is_new) {
      Ask(DockerRequest::Kind::kListOne, event.container);
      AskInspect(event.container, record);
    }
    record->last_network_event = clock_;
    record->connecting.insert(event.id);
    // There is nothing to learn of the networks "host" and "none".
    if (event.driver != "host" && event.driver != "null") AskNetwork(event.id);
  } else if (event.action == "disconnect") {
    const auto at = records_.find(event.container);
    if (at == records_.end()) return;
    Record* record = &at->second;
    record->last_network_event = clock_;
    record->connecting.erase(event.id);
    record->endpoints.erase(event.id);
    // A start that failed: its networks are taken away again.
    if (record->phase == WorkloadPhase::kConnecting && record->connecting.empty()) record->phase = WorkloadPhase::kStopped;
    Report(event.container, record);
  }
}

void DockerTracker::Ask(DockerRequest::Kind kind, const std::string& id, int failures) {
  requests_.push_back({kind, id, RetryDelay(failures)});
}

void DockerTracker::AskInspect(const std::string& id, Record* record) {
  record->ask_again = record->asked_inspect;
  if (record->asked_inspect) return;
  record->asked_inspect = true;
  Ask(DockerRequest::Kind::kInspect, id, record->failures);
}

// Many containers that connect at once are many events of one network: at most one request for it is under way, and one follows.
void DockerTracker::AskNetwork(const std::string& id) {
  if (!networks_.contains(id) && !network_asks_.contains(id) && networks_.size() + network_asks_.size() >= kMaxNetworks) {
    Problem("networks", absl::StrCat("the engine tells of more than ", kMaxNetworks, " networks; the others are left out"));
    return;
  }
  const auto [at, is_new] = network_asks_.try_emplace(id);
  if (is_new) {
    Ask(DockerRequest::Kind::kNetwork, id);
  } else {
    at->second.again = true;
  }
}

}  // namespace bulkhead
