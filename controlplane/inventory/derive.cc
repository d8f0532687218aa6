// SPDX-License-Identifier: Apache-2.0
// The passes of Inventory::Update: from facts to interfaces with owners, slots and zones.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/inventory/inventory.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxAddresses = 64;  // of one endpoint

// fe80::/10 and 169.254.0.0/16 mean nothing beyond the link; the dataplane knows the former by the MAC.
bool IsLinkLocal(const IpAddress& address) {
  if (address.IsV4()) return address.bytes[0] == 169 && address.bytes[1] == 254;
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

}  // namespace

const InventoryState& Inventory::Update(uint64_t now) {
  if (first_update_ == 0) first_update_ = now;
  if (!settled_ && (Settles() || now - first_update_ >= options_.settle_within)) {
    settled_ = true;
    adopted_.clear();
  }
  state_ = {};
  FindManagedBridges();
  ClaimConfirmed();
  ClaimProvisional(now);
  NumberInterfaces(now);
  MakeEndpoints();
  MakeWorkloads(now);
  MakeIdentities();
  MakePublished();
  MakeClosedBridges();
  MakeProblems();
  return state_;
}

// A bridge whose ports are containers': an engine says so, its name says so, or a workload has been found behind it.
void Inventory::FindManagedBridges() {
  std::set<std::string> names;
  std::set<uint32_t> found;
  for (const auto& [key, record] : records_) {
    for (const NetworkAttachment& network : record.report.networks) {
      if (!network.bridge.empty()) names.insert(network.bridge);
    }
    if (!record.found || !Resolvable(record)) continue;
    for (const FoundInterface& interface : record.found->interfaces) {
      const auto link = links_.find(interface.host_ifindex);
      if (link != links_.end() && link->second.master != 0) found.insert(link->second.master);
    }
  }
  managed_bridges_.clear();
  for (const auto& [ifindex, link] : links_) {
    if (link.kind != "bridge") continue;
    if (names.contains(link.name) || found.contains(ifindex) || IsEngineBridgeName(link.name)) managed_bridges_.insert(ifindex);
  }
}

void Inventory::ClaimConfirmed() {
  claims_.clear();
  interfaces_of_.clear();
  conflicts_.clear();
  for (const auto& [key, record] : records_) {
    if (!record.found || !Resolvable(record)) continue;
    for (const FoundInterface& interface : record.found->interfaces) {
      const auto link = links_.find(interface.host_ifindex);
      if (link == links_.end()) continue;
      const auto [claim, free] = claims_.emplace(interface.host_ifindex, Claim{&record, key, &interface, nullptr});
      if (!free) {
        conflicts_[key] = absl::StrCat("workload ", key, ": its interface ", link->second.name, " belongs to ", claim->second.key,
                                       " already, since both have the same network namespace");
        continue;
      }
      claim->second.network = MatchNetwork(record, link->second, interface.mac);
      interfaces_of_[key].push_back(interface.host_ifindex);
    }
  }
}

const NetworkAttachment* Inventory::MatchNetwork(const Record& record, const HostLink& link, const MacAddress& mac) const {
  const NetworkAttachment* by_bridge = nullptr;
  const NetworkAttachment* by_mac = nullptr;
  size_t on_bridge = 0;
  for (const NetworkAttachment& network : record.report.networks) {
    if (link.master != 0 && !network.bridge.empty() && network.bridge == BridgeName(link.master)) {
      ++on_bridge;
      by_bridge = &network;
    }
    const bool elsewhere = !network.bridge.empty() && network.bridge != BridgeName(link.master);
    if (!mac.IsZero() && network.mac == mac && !elsewhere) by_mac = &network;
  }
  if (on_bridge == 1) return by_bridge;
  if (by_mac != nullptr) return by_mac;
  const auto& networks = record.report.networks;
  return networks.size() == 1 && networks.front().bridge.empty() ? &networks.front() : nullptr;
}

bool Inventory::KeepProvisional(uint32_t ifindex, const Provisional& binding, uint64_t now) const {
  const auto at = records_.find(binding.key);
  if (at == records_.end() || !links_.contains(ifindex) || claims_.contains(ifindex)) return false;
  const Record& record = at->second;
  if (record.token != binding.token || !Alive(record)) return false;
  // Somebody has looked: a claim, or nothing.
  if (record.found && record.found->status.ok()) return false;
  return record.running_since == 0 || now < record.running_since + kConfirmWithin;
}

void Inventory::ClaimProvisional(uint64_t now) {
  std::erase_if(provisional_, [&](const auto& entry) { return !KeepProvisional(entry.first, entry.second, now); });
  // While connecting, the match is made anew each time: the MAC or the bridge may have changed since.
  std::erase_if(provisional_, [&](const auto& entry) {
    return records_.at(entry.second.key).report.phase == WorkloadPhase::kConnecting;
  });
  std::map<std::pair<std::string, MacAddress>, std::vector<std::string>> wanted;
  for (const auto& [key, record] : records_) {
    if (record.report.phase != WorkloadPhase::kConnecting || !record.report.unprotected.empty()) continue;
    if (record.found && record.found->status.ok()) continue;
    for (const NetworkAttachment& network : record.report.networks) {
      if (!network.mac.IsZero() && !network.bridge.empty()) wanted[{network.bridge, network.mac}].push_back(key);
    }
  }
  if (!wanted.empty()) {
    for (const auto& [ifindex, link] : links_) {
      if (claims_.contains(ifindex) || provisional_.contains(ifindex) || !managed_bridges_.contains(link.master)) continue;
      const auto peer = peers_.find(ifindex);
      const auto next = peers_next_.find(ifindex);
      if (peer == peers_.end() && (next == peers_next_.end() || now >= next->second)) peers_wanted_.insert(ifindex);
      if (peer == peers_.end()) continue;
      const auto match = wanted.find({BridgeName(link.master), peer->second});
      // Two workloads that expect the same MAC: neither, rather than the wrong one.
      if (match == wanted.end() || match->second.size() != 1) continue;
      const std::string& key = match->second.front();
      provisional_[ifindex] = {key, records_.at(key).token};
    }
  }
  for (const auto& [ifindex, binding] : provisional_) {
    const Record& record = records_.at(binding.key);
    const auto peer = peers_.find(ifindex);
    const MacAddress mac = peer == peers_.end() ? MacAddress() : peer->second;
    claims_[ifindex] = {&record, binding.key, nullptr, MatchNetwork(record, links_.at(ifindex), mac)};
    interfaces_of_[binding.key].push_back(ifindex);
  }
}

void Inventory::ReleaseNumbers(const std::set<uint32_t>& managed, uint64_t now) {
  if (!links_known_) return;
  for (auto at = slots_.begin(); at != slots_.end();) {
    if (managed.contains(at->first)) {
      ++at;
      continue;
    }
    slot_pool_.Release(at->second, now);
    adopted_.erase(at->first);
    at = slots_.erase(at);
  }
  for (auto at = zones_.begin(); at != zones_.end();) {
    if (links_.contains(at->first)) {
      ++at;
      continue;
    }
    zone_pool_.Release(at->second, now);
    at = zones_.erase(at);
  }
}

void Inventory::NumberInterfaces(uint64_t now) {
  std::set<uint32_t> managed;
  for (const auto& [ifindex, link] : links_) {
    const bool port = link.kind == "veth" && managed_bridges_.contains(link.master);
    if (port || claims_.contains(ifindex) || adopted_.contains(ifindex)) managed.insert(ifindex);
  }
  ReleaseNumbers(managed, now);
  without_slot_.clear();
  for (const uint32_t ifindex : managed) {
    if (slots_.contains(ifindex)) continue;
    if (const std::optional<uint16_t> slot = slot_pool_.Allocate(now)) {
      slots_[ifindex] = *slot;
    } else {
      without_slot_.insert(ifindex);
    }
  }
  for (const uint32_t ifindex : managed) {
    const uint32_t master = links_.at(ifindex).master;
    if (master == 0 || zones_.contains(master)) continue;
    const std::optional<uint16_t> zone = zone_pool_.Allocate(now);
    // An address without its zone could be taken for another's, so such an interface gets no programs at all.
    if (zone) {
      zones_[master] = *zone;
    } else {
      without_slot_.insert(ifindex);
    }
  }
}

void Inventory::MakeEndpoints() {
  for (const auto& [ifindex, slot] : slots_) {
    const auto link = links_.find(ifindex);
    const uint32_t master = link == links_.end() ? 0 : link->second.master;
    const auto zone = zones_.find(master);
    const auto held = adopted_.find(ifindex);
    if (link != links_.end() && master != 0 && zone == zones_.end()) continue;
    EndpointState endpoint;
    endpoint.slot = slot;
    endpoint.ifindex = ifindex;
    endpoint.zone = zone == zones_.end() ? 0 : zone->second;
    const auto claim = claims_.find(ifindex);
    if (claim != claims_.end()) {
      endpoint = StateOf(claim->second, endpoint);
      state_.owners[slot] = claim->second.key;
    } else if (held != adopted_.end()) {
      const uint16_t now_in = link == links_.end() ? held->second.zone : endpoint.zone;
      endpoint = held->second;
      endpoint.zone = now_in;
    }
    state_.endpoints[slot] = std::move(endpoint);
  }
}

std::vector<IpAddress> Inventory::AddressesOf(const Claim& claim) const {
  // What the engine gave out, not what the workload took: one with CAP_NET_ADMIN can give itself anybody's address.
  const bool told = claim.network != nullptr && !claim.network->addresses.empty();
  std::vector<IpAddress> out;
  for (const IpAddress& address : told ? claim.network->addresses : claim.found ? claim.found->addresses : std::vector<IpAddress>()) {
    if (!IsLinkLocal(address) && !address.IsUnspecified()) out.push_back(address);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > kMaxAddresses) out.resize(kMaxAddresses);
  return out;
}

EndpointState Inventory::StateOf(const Claim& claim, EndpointState endpoint) {
  const auto [number, added] = numbers_.emplace(claim.key, next_number_);
  if (added) ++next_number_;
  endpoint.bound = true;
  endpoint.workload = number->second;
  endpoint.identity = IdentityOwner(*claim.record)->identity;
  if (claim.network != nullptr && !claim.network->mac.IsZero()) {
    endpoint.mac = claim.network->mac;
  } else if (claim.found != nullptr) {
    endpoint.mac = claim.found->mac;
  }
  endpoint.addresses = AddressesOf(claim);
  return endpoint;
}

}  // namespace bulkhead
