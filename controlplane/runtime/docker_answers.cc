// SPDX-License-Identifier: Apache-2.0
// Answers of the engine, and what they make of the records.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/runtime/docker_tracker.h"

namespace bulkhead {
namespace {

// The body, or why there is none that can be used.
template <typename T>
absl::StatusOr<T> Decode(const absl::StatusOr<std::string>& body, absl::StatusOr<T> (*decode)(std::string_view)) {
  if (!body.ok()) return body.status();
  return decode(*body);
}

}  // namespace

absl::Status DockerTracker::OnAnswer(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  switch (request.kind) {
    case DockerRequest::Kind::kNetworks:
      return OnNetworks(body);
    case DockerRequest::Kind::kList:
      return OnList(request, body);
    case DockerRequest::Kind::kListOne:
      OnListOne(request, body);
      break;
    case DockerRequest::Kind::kInspect:
      OnInspect(request, body);
      break;
    case DockerRequest::Kind::kNetwork:
      OnNetwork(request, body);
      break;
    case DockerRequest::Kind::kImage:
      OnImage(request, body);
      break;
  }
  return absl::OkStatus();
}

absl::Status DockerTracker::OnNetworks(const absl::StatusOr<std::string>& body) {
  absl::StatusOr<std::vector<DockerNetwork>> networks = Decode(body, &DecodeDockerNetworks);
  if (!networks.ok()) return networks.status();
  for (DockerNetwork& network : *networks) {
    network.endpoints.clear();
    networks_.insert_or_assign(network.id, network);
  }
  for (auto& [id, record] : records_) Report(id, &record);
  return absl::OkStatus();
}

absl::Status DockerTracker::OnList(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  const absl::StatusOr<std::vector<DockerContainer>> list = Decode(body, &DecodeDockerList);
  if (!list.ok()) return list.status();
  if (!sync_) return absl::OkStatus();
  Emit(SourceEvent::Kind::kSyncBegin);
  Problem("containers", "");
  for (auto& [id, record] : records_) record.sent.reset();  // what is not said again is gone
  sync_->pending = {""};                                    // until all are asked for
  sync_->listed = true;
  for (const DockerContainer& seen : *list) {
    const auto gone = forgotten_.find(seen.id);
    if (gone != forgotten_.end() && gone->second > request.sent_at) continue;
    Record* record = Ensure(seen.id);
    if (record == nullptr) break;
    Describe(record, seen, request.sent_at, /*inspected=*/false);
    sync_->pending.insert(seen.id);
    AskInspect(seen.id, record);
  }
  for (auto at = records_.begin(); at != records_.end();) {
    auto& [id, record] = *at++;
    if (sync_->pending.contains(id)) continue;
    // It came after the list was made; or it went while nobody listened.
    if (record.last_event > request.sent_at || record.last_network_event > request.sent_at) {
      sync_->pending.insert(id);
      AskInspect(id, &record);
    } else {
      Problem(id, "");
      records_.erase(std::string(id));
    }
  }
  DropUnusedImages();
  Settle("");
  return absl::OkStatus();
}

void DockerTracker::OnListOne(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  const auto at = records_.find(request.id);
  const absl::StatusOr<std::vector<DockerContainer>> list = Decode(body, &DecodeDockerList);
  if (at == records_.end() || !list.ok()) return;  // the inspection that was asked for with it will tell
  for (const DockerContainer& seen : *list) {      // the engine's filter takes prefixes
    if (seen.id == request.id) Describe(&at->second, seen, request.sent_at, /*inspected=*/false);
  }
  Report(request.id, &at->second);
}

void DockerTracker::OnInspect(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  const auto at = records_.find(request.id);
  if (at == records_.end()) return;
  Record* record = &at->second;
  record->asked_inspect = false;
  if (absl::IsNotFound(body.status())) return Forget(request.id);
  absl::StatusOr<DockerContainer> seen = Decode(body, &DecodeDockerInspect);
  if (seen.ok() && seen->id != request.id) seen = absl::InvalidArgumentError("the answer is about another container");
  if (!seen.ok()) {
    ++record->failures;
    Problem(request.id, absl::StrCat("container ", request.id.substr(0, 12), ": ", seen.status().message()));
    AskInspect(request.id, record);
    // Late is better than never, but what is known of it is not all there is.
    return Report(request.id, record, /*insist=*/true);
  }
  record->failures = 0;
  Problem(request.id, "");
  Describe(record, *seen, request.sent_at, /*inspected=*/true);
  for (const auto& [network, endpoint] : record->endpoints) {
    if (FindNetwork(endpoint) == nullptr) AskNetwork(network);
  }
  if (record->ask_again || record->last_event > request.sent_at) AskInspect(request.id, record);
  Report(request.id, record);
}

// Labels, image and network mode never change. The rest is worth what its moment is worth.
void DockerTracker::Describe(Record* record, const DockerContainer& seen, uint64_t sent_at, bool inspected) {
  DockerContainer& known = record->known;
  const bool fresh = record->last_event <= sent_at;
  if (inspected || !record->inspected) {
    known.labels = seen.labels;
    known.image = seen.image;
    known.image_id = seen.image_id;
    known.network_mode = seen.network_mode;
  }
  if (fresh || known.name.empty()) known.name = seen.name;
  // A listing has the ports of what runs, and they are right then; a container that does not run yet has them only in inspections.
  if (inspected ? fresh || known.published.empty() : !record->inspected) known.published = seen.published;
  record->described = true;
  record->inspected = record->inspected || inspected;
  if (fresh && (inspected || !record->state_known)) TakeState(record, seen, sent_at);
  if (fresh && inspected) record->state_known = true;
}

void DockerTracker::TakeState(Record* record, const DockerContainer& seen, uint64_t sent_at) {
  const bool runs = seen.state == DockerState::kRunning || seen.state == DockerState::kPaused;
  const bool networks_fresh = record->last_network_event <= sent_at;
  if (runs) {
    record->phase = seen.state == DockerState::kPaused ? WorkloadPhase::kPaused : WorkloadPhase::kRunning;
    if (seen.pid != 0) record->pid = seen.pid;
    if (!networks_fresh) return;
    record->endpoints.clear();
    for (const DockerEndpoint& endpoint : seen.endpoints) {
      if (endpoint.connected() && !endpoint.network_id.empty()) record->endpoints[endpoint.network_id] = endpoint;
    }
    return;
  }
  record->pid = 0;
  // It was about to be connected when it was asked about.
  if (record->phase == WorkloadPhase::kConnecting && !networks_fresh) return;
  record->phase = seen.state == DockerState::kCreated ? WorkloadPhase::kCreated : WorkloadPhase::kStopped;
  if (networks_fresh) record->endpoints.clear();
}

void DockerTracker::OnNetwork(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  const auto ask = network_asks_.extract(request.id);
  const bool again = !ask.empty() && ask.mapped().again;
  const std::string key = absl::StrCat("network ", request.id);
  absl::StatusOr<DockerNetwork> network = Decode(body, &DecodeDockerNetwork);
  if (network.ok()) {
    Problem(key, "");
    const auto endpoints = std::exchange(network->endpoints, {});
    const auto [known, is_new] = networks_.insert_or_assign(network->id, *network);
    ApplyEndpoints(network->id, endpoints, request.sent_at);
    if (is_new) {
      for (auto& [id, record] : records_) Report(id, &record);
    }
    if (again) AskNetwork(request.id);
  } else if (absl::IsNotFound(network.status())) {
    Problem(key, "");
    networks_.erase(request.id);
    if (again) AskNetwork(request.id);
  } else {
    Problem(key, absl::StrCat(key, ": ", network.status().message()));
    const int failures = ask.empty() ? 1 : ask.mapped().failures + 1;
    network_asks_[request.id] = {.again = false, .failures = failures};
    Ask(DockerRequest::Kind::kNetwork, request.id, failures);
  }
}

// Before the process runs, only the network tells which address and MAC a container will have.
void DockerTracker::ApplyEndpoints(const std::string& network, const std::map<std::string, DockerEndpoint>& endpoints,
                                   uint64_t sent_at) {
  for (const auto& [id, endpoint] : endpoints) {
    const auto at = records_.find(id);
    if (at == records_.end() || !endpoint.connected()) continue;
    Record* record = &at->second;
    if (!record->connecting.contains(network) || record->last_network_event > sent_at) continue;
    record->endpoints[network] = endpoint;
    if (record->phase == WorkloadPhase::kCreated || record->phase == WorkloadPhase::kStopped) {
      record->phase = WorkloadPhase::kConnecting;
      record->state_known = true;
    }
    Report(id, record);
  }
}

void DockerTracker::OnImage(const DockerRequest& request, const absl::StatusOr<std::string>& body) {
  Image& image = images_[request.id];
  absl::StatusOr<DockerImage> known = Decode(body, &DecodeDockerImage);
  if (known.ok()) {
    image = {Image::State::kKnown, *std::move(known), 0};
  } else if (absl::IsNotFound(known.status())) {
    image = {Image::State::kGone, {}, 0};
  } else {
    image = {Image::State::kFailed, {}, image.failures + 1};
    Ask(DockerRequest::Kind::kImage, request.id, image.failures);
  }
  for (auto& [id, record] : records_) {
    if (record.described && record.known.image_id == request.id) Report(id, &record);
  }
}

}  // namespace bulkhead
