// SPDX-License-Identifier: Apache-2.0
// The passes of Inventory::Update that make what people and the compiler see: workloads, identities, published ports, problems.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/inventory/inventory.h"

namespace bulkhead {

// Containers that share a network namespace have the identity of its owner. A few steps at most: a chain cannot be longer than what
// an engine makes, and a ring must not hang us.
const Inventory::Record* Inventory::IdentityOwner(const Record& record) const {
  const Record* owner = &record;
  for (int step = 0; step < 4 && !owner->report.shares_with.empty(); ++step) {
    const auto at = records_.find(absl::StrCat(owner->report.runtime, "/", owner->report.shares_with));
    if (at == records_.end()) break;
    owner = &at->second;
  }
  return owner;
}

void Inventory::MakeWorkloads(uint64_t now) {
  for (auto& [name, source] : sources_) source.workloads = 0;
  for (const auto& [key, record] : records_) {
    if (!Alive(record)) continue;
    state_.workloads[key] = WorkloadOf(key, record, now);
    ++sources_[record.source].workloads;
    if (!IsObserved(key, record)) continue;
    state_.observed[key] = {record.identity, {key, record.token, record.report.pid, record.report.netns_path}, record.found->nsid};
  }
  state_.sources = sources_;
}

bool Inventory::IsObserved(const std::string& key, const Record& record) const {
  return record.report.phase == WorkloadPhase::kRunning && Resolvable(record) && record.found && record.found->status.ok() &&
         interfaces_of_.contains(key) && state_.workloads.at(key).unprotected.empty();
}

Workload Inventory::WorkloadOf(const std::string& key, const Record& record, uint64_t now) const {
  const WorkloadReport& report = record.report;
  Workload out;
  out.id = report.id;
  out.runtime = report.runtime;
  out.ns = record.naming.ns;
  out.name = report.name;
  out.service = record.naming.service;
  out.labels = record.naming.labels;
  out.image = report.image;
  out.image_digest = report.image_digest;
  out.published = report.published;
  const Record* owner = IdentityOwner(record);
  out.identity = owner->identity;
  out.named_ports = owner->naming.named_ports;
  out.host_network = report.host_network;
  out.no_network = report.no_network;
  out.via = report.shares_with;
  out.unprotected = WhyUnprotected(key, record, now);
  const auto interfaces = interfaces_of_.find(key);
  if (interfaces == interfaces_of_.end()) return out;
  for (const uint32_t ifindex : interfaces->second) {
    const Claim& claim = claims_.at(ifindex);
    const HostLink& link = links_.at(ifindex);
    Endpoint endpoint;
    endpoint.ifindex = ifindex;
    endpoint.ifname = link.name;
    endpoint.bridge = link.master;
    const auto slot = slots_.find(ifindex);
    if (slot != slots_.end()) {
      const auto state = state_.endpoints.find(slot->second);
      if (state != state_.endpoints.end()) endpoint.mac = state->second.mac;
    }
    endpoint.addresses = AddressesOf(claim);
    if (claim.network != nullptr) endpoint.network = claim.network->network;
    out.endpoints.push_back(std::move(endpoint));
  }
  return out;
}

std::string Inventory::WhyUnprotected(const std::string& key, const Record& record, uint64_t now) const {
  const WorkloadReport& report = record.report;
  if (!report.unprotected.empty()) return report.unprotected;
  if (report.host_network) return "it uses the host's network namespace";
  if (!report.shares_with.empty()) {
    const auto owner = records_.find(absl::StrCat(report.runtime, "/", report.shares_with));
    if (owner == records_.end()) return "the workload whose network namespace it shares is not known";
    return owner->second.report.shares_with.empty() ? WhyUnprotected(owner->first, owner->second, now) : "";
  }
  if (conflicts_.contains(key)) return conflicts_.at(key);
  const auto interfaces = interfaces_of_.find(key);
  const size_t claimed = interfaces == interfaces_of_.end() ? 0 : interfaces->second.size();
  for (size_t i = 0; i < claimed; ++i) {
    const uint32_t ifindex = interfaces->second[i];
    const std::string& name = links_.at(ifindex).name;
    if (without_slot_.contains(ifindex)) return absl::StrCat("no endpoint slot is free for its interface ", name);
    const auto attached = attached_.find(ifindex);
    if (attached != attached_.end() && !attached->second.ok()) {
      return absl::StrCat("no programs on its interface ", name, ": ", std::string(attached->second.message()));
    }
  }
  if (record.found && !record.found->unseen.empty()) return absl::StrCat("its interface ", record.found->unseen.front());
  if (record.running_since == 0 || now < record.running_since + kBindGrace) return "";
  if (!Resolvable(record)) return "its process is not known";
  if (!record.found) return "its network namespace has not been looked into yet";
  if (!record.found->status.ok()) return absl::StrCat("its network namespace: ", std::string(record.found->status.message()));
  if (claimed < report.networks.size()) {
    return absl::StrCat("only ", claimed, " of its ", report.networks.size(), " networks have an interface that leads to this host");
  }
  return "";
}

void Inventory::MakeIdentities() {
  for (const auto& [key, record] : records_) {
    std::set<IpAddress>& addresses = state_.identities[IdentityOwner(record)->identity];
    if (!Alive(record)) continue;
    for (const NetworkAttachment& network : record.report.networks) addresses.insert(network.addresses.begin(), network.addresses.end());
  }
  for (const auto& [slot, endpoint] : state_.endpoints) {
    if (!endpoint.bound) continue;
    state_.identities[endpoint.identity].insert(endpoint.addresses.begin(), endpoint.addresses.end());
  }
}

// Engines forward a published port to one address of the workload: on the first of its networks, in their names' order.
void Inventory::MakeClosedBridges() {
  state_.closed_bridges.clear();
  for (const auto& [key, record] : records_) {
    for (const NetworkAttachment& network : record.report.networks) {
      if (network.closed) state_.closed_bridges.insert(network.bridge);
    }
  }
}

void Inventory::MakePublished() {
  std::set<PublishedTarget> targets;
  for (const auto& [key, workload] : state_.workloads) {
    if (workload.published.empty()) continue;
    std::vector<const Endpoint*> endpoints;
    for (const Endpoint& endpoint : workload.endpoints) endpoints.push_back(&endpoint);
    std::sort(endpoints.begin(), endpoints.end(), [](const Endpoint* a, const Endpoint* b) { return a->network < b->network; });
    std::map<uint8_t, std::pair<IpAddress, uint16_t>> behind;  // family -> address, zone
    for (const Endpoint* endpoint : endpoints) {
      const auto zone = zones_.find(endpoint->bridge);
      for (const IpAddress& address : endpoint->addresses) {
        behind.try_emplace(address.family, address, zone == zones_.end() ? uint16_t{0} : zone->second);
      }
    }
    for (const PublishedPort& port : workload.published) {
      auto at = behind.find(port.host_address.family);
      // docker-proxy carries a connection over to the other family when the workload has only that.
      if (at == behind.end()) at = behind.begin();
      if (at == behind.end()) continue;
      targets.insert({port.host_address, port.host_port, port.protocol, at->second.first, port.container_port, at->second.second});
    }
  }
  if (!settled_) {
    for (const PublishedTarget& held : options_.adopted_published) {
      const bool replaced = std::any_of(targets.begin(), targets.end(), [&held](const PublishedTarget& target) {
        return target.host == held.host && target.host_port == held.host_port && target.protocol == held.protocol;
      });
      if (!replaced) targets.insert(held);
    }
  }
  state_.published.assign(targets.begin(), targets.end());
}

void Inventory::MakeProblems() {
  std::vector<std::string>& problems = state_.problems;
  for (const auto& [name, source] : sources_) {
    if (settled_ && !synced_once_.contains(name) && !options_.adopted.empty()) {
      problems.push_back(absl::StrCat("source ", name, ": has not listed its workloads within ", options_.settle_within / kSecond,
                                      " s of the start; those of before are no longer kept"));
    }
    if (source.state == "lost") problems.push_back(absl::StrCat("source ", name, ": ", source.error));
  }
  for (const auto& [about, text] : source_problems_) problems.push_back(text);
  for (const auto& [key, record] : records_) {
    const std::string name = absl::StrCat("workload ", record.naming.ns, "/", record.report.name);
    if (!record.report.problem.empty()) problems.push_back(absl::StrCat(name, ": ", record.report.problem));
    for (const std::string& problem : record.naming.problems) problems.push_back(absl::StrCat(name, ": ", problem));
  }
  for (const auto& [key, conflict] : conflicts_) problems.push_back(conflict);
  if (!without_slot_.empty()) {
    problems.push_back(absl::StrCat(without_slot_.size(), " interfaces have no programs: no endpoint slot or zone is free"));
  }
}

}  // namespace bulkhead
