// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/fast_path_keeper.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/fast_path/decide.h"

namespace bulkhead {
namespace {

constexpr uint64_t kLookEvery = 2 * kSecond;   // for what changes without a word
constexpr uint32_t kVouchSeconds = 10;
constexpr uint64_t kLookPause = kSecond / 50;  // between two looks in a burst of changes

}  // namespace

void FastPathKeeper::OnChange(uint64_t now) {
  stale_ = true;
  Tend(now);
}

void FastPathKeeper::Sync(const InventoryState& inventory, const std::function<bool(uint32_t)>& attached, uint64_t now) {
  std::map<uint16_t, Endpoint> endpoints;
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    if (endpoint.zone == 0) continue;
    endpoints[slot] = {endpoint.ifindex, endpoint.zone, endpoint.bound && attached(endpoint.ifindex)};
  }
  network_names_.clear();
  for (const auto& [key, workload] : inventory.workloads) {
    for (const bulkhead::Endpoint& endpoint : workload.endpoints) {
      if (!endpoint.network.empty()) network_names_[endpoint.bridge] = endpoint.network;
    }
  }
  const bool changed = endpoints != endpoints_ || inventory.closed_bridges != closed_bridges_;
  endpoints_ = std::move(endpoints);
  closed_bridges_ = inventory.closed_bridges;
  if (changed) {
    Tell(false);  // what is no longer ready goes at once; what is new waits for a look
    stale_ = true;
  }
  Tend(now);
}

void FastPathKeeper::Tend(uint64_t now) {
  if (looking_ || now < last_look_ + (stale_ ? kLookPause : kLookEvery)) return;
  looking_ = true;
  stale_ = false;
  last_look_ = now;
  std::set<uint32_t> ports;
  for (const auto& [slot, endpoint] : endpoints_) ports.insert(endpoint.ifindex);
  outlet_.run([this, ports = std::move(ports)] {
    auto facts = outlet_.look(ports);
    outlet_.back([this, facts = std::move(facts)] {
      looking_ = false;
      status_ = facts.status();
      Judge(facts.value_or(fast_path::Facts()));
      Tell(true);
    });
  });
}

std::string FastPathKeeper::WhyNot(const fast_path::Facts& facts, const std::set<uint32_t>& bridges,
                                   const std::set<uint32_t>& ports) const {
  if (!allowed_) return "fast_path: off";
  if (!status_.ok()) return absl::StrCat("cannot be looked at: ", std::string(status_.message()));
  if (bridges.size() != 1) return "its workloads' interfaces are not ports of one bridge";
  const auto bridge = facts.bridges.find(*bridges.begin());
  if (bridge != facts.bridges.end() && closed_bridges_.contains(bridge->second.name)) return "icc=false";
  return fast_path::WhyNot(facts, *bridges.begin(), ports);
}

void FastPathKeeper::Judge(const fast_path::Facts& facts) {
  networks_.clear();
  std::map<uint16_t, std::set<uint32_t>> bridges, ports;  // by zone
  for (const auto& [slot, endpoint] : endpoints_) {
    bridges[endpoint.zone];
    const auto port = facts.ports.find(endpoint.ifindex);
    if (port == facts.ports.end()) continue;  // gone, or new since the look
    bridges[endpoint.zone].insert(port->second.bridge);
    ports[endpoint.zone].insert(endpoint.ifindex);
    if (port->second.forwarding) networks_[endpoint.zone].ports.insert(endpoint.ifindex);
  }
  for (const auto& [zone, found] : bridges) {
    Network& network = networks_[zone];
    network.reason = WhyNot(facts, found, ports[zone]);
    if (found.empty()) continue;
    network.bridge = *found.begin();
    const auto bridge = facts.bridges.find(network.bridge);
    if (bridge != facts.bridges.end()) network.name = bridge->second.name;
  }
}

void FastPathKeeper::Tell(bool renew) {
  std::vector<uint16_t> slots;
  for (const auto& [slot, endpoint] : endpoints_) {
    const auto network = networks_.find(endpoint.zone);
    if (!endpoint.ready || network == networks_.end() || !network->second.reason.empty()) continue;
    if (closed_bridges_.contains(network->second.name)) continue;
    if (network->second.ports.contains(endpoint.ifindex)) slots.push_back(slot);
  }
  if (slots == told_ && (!renew || slots.empty())) return;
  const absl::Status told = backend_->SetFastPath(slots, kVouchSeconds);
  if (status_.ok()) status_ = told;
  told_ = std::move(slots);
}

std::vector<NetworkView> FastPathKeeper::Networks() const {
  std::vector<NetworkView> out;
  for (const auto& [zone, network] : networks_) {
    const auto name = network_names_.find(network.bridge);
    out.push_back({network.name, name == network_names_.end() ? "" : name->second, network.reason.empty(), network.reason});
  }
  return out;
}

}  // namespace bulkhead
