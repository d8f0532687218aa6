// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/guard_plan.h"

namespace bulkhead {
namespace {

const Link* BridgeOf(const GuardFacts& facts, const Link& link) {
  const auto at = facts.links.find(link.master);
  return at != facts.links.end() && at->second.kind == "bridge" ? &at->second : nullptr;
}

bool IsKnownStranger(const GuardFacts& facts, const Link& bridge) {
  if (facts.container_bridges.contains(bridge.name)) return false;
  return facts.can_tell ? facts.settled(bridge.ifindex) : facts.kept.exempt_bridges.contains(bridge.name);
}

void AddConfigured(const GuardFacts& facts, nft::TableRules& table) {
  std::set<std::string> patterns;
  for (const std::string& name : facts.exempt) {
    if (name.ends_with('*')) {
      patterns.insert(name.substr(0, name.size() - 1));
    } else {
      table.exempt_names.insert(name);
    }
  }
  table.patterns.assign(patterns.begin(), patterns.end());
}

void AddPort(const GuardFacts& facts, const Link& port, const Link& bridge, nft::TableRules& table) {
  if (nft::IsWire(port.kind) || facts.workloads.contains(port.ifindex)) return;
  const nft::Port key{port.ifindex, port.name};
  const bool stranger = IsKnownStranger(facts, bridge);
  if (nft::IsPair(port.kind)) {
    const bool before = !facts.can_tell && facts.found.bridge && facts.found.bridge->exempt.contains(key);
    if (stranger || (before && !facts.container_bridges.contains(bridge.name))) table.exempt.insert(key);
  } else if (stranger) {
    table.exempt_names.insert(port.name);
  }
}

nft::TableRules PlanBridges(const GuardFacts& facts, const std::set<nft::Port>& managed) {
  nft::TableRules table;
  table.managed = managed;
  AddConfigured(facts, table);
  if (!facts.can_tell) {
    table.exempt_names.insert(facts.kept.exempt_names.begin(), facts.kept.exempt_names.end());
    if (facts.found.bridge)
      table.exempt_names.insert(facts.found.bridge->exempt_names.begin(), facts.found.bridge->exempt_names.end());
  }
  for (const auto& [ifindex, link] : facts.links) {
    if (link.kind == "bridge" && IsKnownStranger(facts, link)) table.bridges.insert(link.name);
    if (const Link* bridge = BridgeOf(facts, link)) AddPort(facts, link, *bridge, table);
  }
  if (!facts.can_tell) table.bridges.insert(facts.kept.exempt_bridges.begin(), facts.kept.exempt_bridges.end());
  return table;
}

nft::TableRules PlanRouted(const GuardFacts& facts, const std::set<nft::Port>& managed) {
  nft::TableRules table;
  table.managed = managed;
  AddConfigured(facts, table);
  for (const auto& [ifindex, link] : facts.links) {
    if (!nft::IsPair(link.kind) || facts.workloads.contains(ifindex) || BridgeOf(facts, link) != nullptr) continue;
    const nft::Port key{ifindex, link.name};
    const bool before = facts.found.routed && facts.found.routed->exempt.contains(key);
    if (facts.can_tell ? facts.settled(ifindex) : before) table.exempt.insert(key);
  }
  return table;
}

}  // namespace

nft::GuardRules PlanGuard(const GuardFacts& facts) {
  std::set<nft::Port> managed;
  for (const uint32_t ifindex : facts.held) {
    const auto at = facts.links.find(ifindex);
    if (at != facts.links.end()) managed.insert({ifindex, at->second.name});
  }
  nft::GuardRules rules;
  rules.bridge = PlanBridges(facts, managed);
  if (facts.routed) rules.routed = PlanRouted(facts, managed);
  return rules;
}

size_t CountExempt(const nft::GuardRules& rules) {
  size_t count = 0;
  if (rules.bridge) count += rules.bridge->exempt.size() + rules.bridge->exempt_names.size() + rules.bridge->patterns.size();
  if (rules.routed) count += rules.routed->exempt.size();
  return count;
}

}  // namespace bulkhead
