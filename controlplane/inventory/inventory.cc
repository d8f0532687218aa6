// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/inventory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/address.h"

namespace bulkhead {
namespace {

// How often a workload's namespace is looked into again though nothing was heard: addresses and interfaces change in there without a
// sound out here. Engines tell of their changes, files do not.
constexpr uint64_t kRecheckStatic = 1 * kSecond;
constexpr uint64_t kRecheckEngine = 10 * kSecond;
constexpr uint64_t kRetryFirst = kSecond / 10;
constexpr uint64_t kRetryLast = 2 * kSecond;
constexpr uint64_t kPeerRetry = kSecond / 20;

bool IsRunning(WorkloadPhase phase) { return phase == WorkloadPhase::kRunning || phase == WorkloadPhase::kPaused; }

std::string KeyOf(const WorkloadReport& report) { return absl::StrCat(report.runtime, "/", report.id); }

}  // namespace

Inventory::Inventory(InventoryOptions options, IdentityInterner* interner)
    : options_(std::move(options)),
      interner_(interner),
      slot_pool_(1, BH_MAX_ENDPOINTS - 1, kSlotRest),
      zone_pool_(1, UINT16_MAX, kZoneRest) {
  for (const std::string& source : options_.sources) sources_[source] = {};
  for (const EndpointState& endpoint : options_.adopted) {
    if (!slot_pool_.Take(endpoint.slot)) continue;
    adopted_[endpoint.ifindex] = endpoint;
    slots_[endpoint.ifindex] = endpoint.slot;
    next_number_ = std::max(next_number_, endpoint.workload + 1);
  }
}

bool Inventory::Alive(const Record& record) {
  return record.report.phase == WorkloadPhase::kConnecting || IsRunning(record.report.phase);
}

bool Inventory::Resolvable(const Record& record) {
  const WorkloadReport& report = record.report;
  return Alive(record) && (report.pid > 0 || !report.netns_path.empty()) && !report.host_network && report.unprotected.empty() &&
         report.shares_with.empty();
}

// Whether the next look may find more than the last.
bool Inventory::Incomplete(const Record& record) {
  if (!record.found || !record.found->status.ok()) return true;
  const size_t found = record.found->interfaces.size();
  return found < record.report.networks.size() || (found == 0 && !record.report.no_network);
}

void Inventory::OnSource(const SourceEvent& event, uint64_t now) {
  switch (event.kind) {
    case SourceEvent::Kind::kUpsert: Upsert(event, now); return;
    case SourceEvent::Kind::kRemove: Remove(event); return;
    case SourceEvent::Kind::kSyncBegin:
      syncing_.insert(event.source);
      for (auto& [key, record] : records_) {
        if (record.source == event.source) record.listed = false;
      }
      return;
    case SourceEvent::Kind::kSyncEnd: EndSync(event.source); return;
    case SourceEvent::Kind::kLost:
      syncing_.erase(event.source);
      sources_[event.source].state = "lost";
      sources_[event.source].error = event.text;
      return;
    case SourceEvent::Kind::kProblem:
      if (event.text.empty()) {
        source_problems_.erase({event.source, event.key});
      } else {
        source_problems_[{event.source, event.key}] = event.text;
      }
      return;
  }
}

void Inventory::Upsert(const SourceEvent& event, uint64_t now) {
  Record& record = records_[KeyOf(event.report)];
  WorkloadReport report = event.report;
  const bool goes_on = IsRunning(record.report.phase) && IsRunning(report.phase);
  if (goes_on && report.pid == 0) report.pid = record.report.pid;
  const bool same_process = (record.report.pid == 0 || record.report.pid == report.pid) &&
                            (record.report.netns_path.empty() || record.report.netns_path == report.netns_path);
  const bool fell_back = IsRunning(record.report.phase) && !IsRunning(report.phase);
  if (!same_process || fell_back || report.phase == WorkloadPhase::kStopped) {
    ++record.token;
    record.found.reset();
    record.resolving = false;
    record.failures = 0;
    record.running_since = 0;
  }
  record.source = event.source;
  record.listed = true;
  if (record.report.labels != report.labels || record.naming.service.empty() || record.report != report) {
    record.naming = NameWorkload(report, options_.trust_image_labels);
    record.identity = interner_->Intern(record.naming.ns, record.naming.service, SecurityLabels(record.naming.labels),
                                        report.image_digest, record.naming.named_ports);
  }
  record.report = std::move(report);
  if (IsRunning(record.report.phase) && record.running_since == 0) record.running_since = now;
  record.resolve_wanted = true;
  record.next_try = 0;
  if (record.report.phase == WorkloadPhase::kConnecting) {
    for (const NetworkAttachment& network : record.report.networks) WantPeersOn(network.bridge);
  }
}

void Inventory::Remove(const SourceEvent& event) {
  for (auto at = records_.begin(); at != records_.end(); ++at) {
    if (at->second.source != event.source || at->second.report.id != event.id) continue;
    numbers_.erase(at->first);
    records_.erase(at);
    return;
  }
}

void Inventory::EndSync(const std::string& source) {
  if (syncing_.erase(source) == 0) return;
  for (auto at = records_.begin(); at != records_.end();) {
    if (at->second.source == source && !at->second.listed) {
      numbers_.erase(at->first);
      at = records_.erase(at);
    } else {
      ++at;
    }
  }
  synced_once_.insert(source);
  sources_[source].state = "synced";
  sources_[source].error.clear();
}

void Inventory::WantPeersOn(const std::string& bridge) {
  if (bridge.empty()) return;
  for (const auto& [ifindex, link] : links_) {
    if (link.master != 0 && BridgeName(link.master) == bridge) peers_wanted_.insert(ifindex);
  }
}

void Inventory::OnLink(const HostLink& link, uint64_t now) {
  links_[link.ifindex] = link;
  if (const auto held = adopted_.find(link.ifindex); held != adopted_.end() && link.master != 0 && held->second.zone != 0) {
    if (!zones_.contains(link.master) && zone_pool_.Take(held->second.zone)) zones_[link.master] = held->second.zone;
  }
  if (link.kind != "veth") return;
  peers_wanted_.insert(link.ifindex);
  for (auto& [key, record] : records_) {
    if (Resolvable(record) && (Incomplete(record) || (link.peer_nsid >= 0 && record.found->nsid == link.peer_nsid))) {
      record.resolve_wanted = true;
      record.next_try = std::min(record.next_try, now);
    }
  }
}

void Inventory::OnLinkGone(uint32_t ifindex, uint64_t now) {
  const auto at = links_.find(ifindex);
  if (at == links_.end()) return;
  for (auto& [key, record] : records_) {
    if (!record.found) continue;
    const auto& interfaces = record.found->interfaces;
    if (std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& one) { return one.host_ifindex == ifindex; })) {
      record.resolve_wanted = true;
      record.next_try = std::min(record.next_try, now);
    }
  }
  links_.erase(at);
  peers_.erase(ifindex);
  peers_wanted_.erase(ifindex);
  peers_next_.erase(ifindex);
  attached_.erase(ifindex);
  provisional_.erase(ifindex);
}

void Inventory::OnAllLinks(const std::vector<HostLink>& links, uint64_t now) {
  std::set<uint32_t> present;
  for (const HostLink& link : links) present.insert(link.ifindex);
  std::vector<uint32_t> gone;
  for (const auto& [ifindex, link] : links_) {
    if (!present.contains(ifindex)) gone.push_back(ifindex);
  }
  for (const uint32_t ifindex : gone) OnLinkGone(ifindex, now);
  links_known_ = true;
  for (const HostLink& link : links) {
    const auto known = links_.find(link.ifindex);
    if (known == links_.end() || known->second != link) OnLink(link, now);
  }
}

void Inventory::OnResolved(const std::string& key, uint64_t token, Resolution resolution, uint64_t now) {
  const auto at = records_.find(key);
  if (at == records_.end() || at->second.token != token) return;
  Record& record = at->second;
  record.resolving = false;
  if (resolution.status.ok()) {
    record.found = std::move(resolution);
    record.failures = Incomplete(record) ? record.failures + 1 : 0;
  } else {
    ++record.failures;
    // What a look found is not undone by one that failed: the process may be ending, or memory short.
    if (!record.found || !record.found->status.ok()) record.found = std::move(resolution);
  }
  if (Incomplete(record)) {
    record.next_try = now + std::min(kRetryLast, kRetryFirst << std::min(record.failures, 10U));
  } else {
    record.next_try = now + (record.report.runtime == "static" ? kRecheckStatic : kRecheckEngine);
  }
}

void Inventory::OnPeer(uint32_t ifindex, std::optional<MacAddress> mac) {
  peers_asked_.erase(ifindex);
  if (mac && links_.contains(ifindex)) {
    peers_[ifindex] = *mac;
  } else {
    peers_.erase(ifindex);
  }
}

void Inventory::OnAttached(uint32_t ifindex, const absl::Status& status) {
  if (links_.contains(ifindex)) attached_[ifindex] = status;
}

std::vector<ResolveRequest> Inventory::TakeResolveRequests(uint64_t now) {
  std::vector<ResolveRequest> out;
  for (auto& [key, record] : records_) {
    if (record.resolving || !Resolvable(record)) continue;
    const bool due = record.found ? now >= record.next_try : record.resolve_wanted;
    if (!due && !record.resolve_wanted) continue;
    record.resolving = true;
    record.resolve_wanted = false;
    out.push_back({key, record.token, record.report.pid, record.report.netns_path});
  }
  return out;
}

std::vector<PeerRequest> Inventory::TakePeerRequests(uint64_t now) {
  std::vector<PeerRequest> out;
  std::set<uint32_t> later;
  for (const uint32_t ifindex : peers_wanted_) {
    const auto link = links_.find(ifindex);
    const auto claim = claims_.find(ifindex);
    const bool confirmed = claim != claims_.end() && claim->second.found != nullptr;
    // Without a namespace id the other end is still here; it tells when it moves.
    if (link == links_.end() || confirmed || link->second.peer_nsid < 0 || !managed_bridges_.contains(link->second.master)) continue;
    if (peers_asked_.contains(ifindex)) {
      later.insert(ifindex);
      continue;
    }
    peers_asked_.insert(ifindex);
    peers_next_[ifindex] = now + kPeerRetry;
    out.push_back({ifindex, link->second.peer_nsid});
  }
  peers_wanted_ = std::move(later);
  return out;
}

bool Inventory::Settles() const {
  if (!links_known_) return false;
  for (const std::string& source : options_.sources) {
    if (!synced_once_.contains(source)) return false;
  }
  return std::all_of(records_.begin(), records_.end(),
                     [](const auto& entry) { return !Resolvable(entry.second) || entry.second.found.has_value(); });
}

std::string Inventory::BridgeName(uint32_t ifindex) const {
  const auto at = links_.find(ifindex);
  return at == links_.end() ? "" : at->second.name;
}

bool IsEngineBridgeName(const std::string& name) {
  for (const char* exact : {"docker0", "docker_gwbridge", "cni0", "nerdctl0", "podman0"}) {
    if (name == exact) return true;
  }
  const auto all_from = [&](size_t start, const char* set) {
    return name.size() > start && name.find_first_not_of(set, start) == std::string::npos;
  };
  // libnetwork: br- and the first 12 digits of the network's id; the others count.
  if (name.starts_with("br-") && name.size() == 15) return all_from(3, "0123456789abcdef");
  if (name.starts_with("podman")) return all_from(6, "0123456789");
  if (name.starts_with("cni-podman")) return all_from(10, "0123456789");
  if (name.starts_with("cni")) return all_from(3, "0123456789");
  return false;
}

}  // namespace bulkhead
