// SPDX-License-Identifier: Apache-2.0
// Pass 6: what one side says of a connection, for every protocol and port, with the rule that says so.
#include <algorithm>
#include <set>
#include <tuple>

#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

// What is kept counts more than what is only looked at.
constexpr uint64_t kKeptCost = 16;

// One range of ports that the rule at `order` allows.
struct Range {
  uint8_t protocol;
  uint32_t first, last;
  uint32_t order;
};

void AddRanges(const PolicyPort& port, const std::vector<NamedPort>& names, uint32_t order, std::vector<Range>* out) {
  if (port.name.empty()) {
    const bool every = port.first == 0;
    out->push_back({port.protocol, port.first, every ? 65535u : port.last, order});
    return;
  }
  for (const NamedPort& named : names) {
    if (named.name == port.name && named.protocol == port.protocol) out->push_back({named.protocol, named.port, named.port, order});
  }
}

// Ranges of one protocol that may overlap -> disjoint intervals; where several rules allow, the first in order is named.
void Flatten(const Range* begin, const Range* end, const std::vector<const PlanRule*>& rules, std::vector<SideInterval>* out) {
  std::vector<std::tuple<uint32_t, bool, uint32_t>> edges;  // (port, opens, order)
  for (const Range* range = begin; range != end; ++range) {
    edges.emplace_back(range->first, true, range->order);
    edges.emplace_back(range->last + 1, false, range->order);
  }
  std::sort(edges.begin(), edges.end());
  std::multiset<uint32_t> open;
  uint32_t from = 0;
  for (const auto& [port, opens, order] : edges) {
    if (!open.empty() && port > from) {
      const SideVerdict verdict{true, rules[*open.begin()]->info};
      const auto first = static_cast<uint16_t>(from), last = static_cast<uint16_t>(port - 1);
      SideInterval* before = out->empty() ? nullptr : &out->back();
      if (before && before->protocol == begin->protocol && before->last + 1 == first && before->verdict == verdict) {
        before->last = last;
      } else {
        out->push_back({begin->protocol, first, last, verdict});
      }
    }
    from = port;
    if (opens) {
      open.insert(order);
    } else {
      open.erase(open.find(order));
    }
  }
}

}  // namespace

SideTables::SideTables(const std::vector<PlanPolicy>& policies, const std::vector<Class>& classes, const PolicyOptions& options)
    : classes_(classes), options_(options) {
  for (size_t direction = 0; direction < 2; ++direction) {
    own_[direction].resize(classes.size());
    for (size_t i = 0; i < classes.size(); ++i) {
      OwnPolicies& own = own_[direction][i];
      for (const PlanPolicy& policy : policies) {
        const PlanDirection& plan = policy.directions[direction];
        if (!plan.isolates || !classes[i].atoms.Test(policy.selects)) continue;
        if (!own.isolated) own.isolation = plan.isolation;
        own.isolated = true;
        for (const PlanRule& rule : plan.rules) own.rules.push_back(&rule);
      }
    }
  }
}

uint32_t SideTables::Of(Direction direction, uint32_t own_class, uint32_t peer_class) {
  const OwnPolicies& own = own_[static_cast<size_t>(direction)][own_class];
  const Class& peer = classes_[peer_class];
  const Class& destination = direction == Direction::kEgress ? peer : classes_[own_class];
  const bool from_host = direction == Direction::kIngress && peer.kind == PeerKind::kHost;
  const SideVerdict otherwise = Otherwise(own, classes_[own_class].kind, from_host);

  cost_ += own.rules.size();
  matching_.clear();
  key_.assign({otherwise.rule, otherwise.allow, 0});
  for (const PlanRule* rule : own.rules) {
    const bool matches =
        rule->any_peer || std::any_of(rule->atoms.begin(), rule->atoms.end(), [&](AtomId atom) { return peer.atoms.Test(atom); });
    if (!matches) continue;
    matching_.push_back(rule);
    key_.push_back(rule->info);
    for (const PolicyPort& port : rule->rule->ports) {
      if (!port.name.empty()) key_[2] = destination.port_set;
    }
    if (rule->rule->ports.empty()) break;  // it allows everything: what comes after decides nothing
  }
  if (const auto found = by_key_.find(key_); found != by_key_.end()) return found->second;
  SideTable table = Build(matching_, destination.ports, otherwise);
  cost_ += kKeptCost * (table.intervals.size() + key_.size());
  const auto [same, added] = by_content_.try_emplace(table, static_cast<uint32_t>(tables_.size()));
  if (added) tables_.push_back(std::move(table));
  by_key_.emplace(key_, same->second);
  return same->second;
}

SideVerdict SideTables::Otherwise(const OwnPolicies& own, PeerKind own_kind, bool from_host) const {
  if (own_kind != PeerKind::kWorkload) return {true, kRuleDefault};
  if (from_host && options_.allow_from_host && (own.isolated || !options_.default_allow)) return {true, kRuleFromHost};
  if (own.isolated) return {false, own.isolation};
  return {options_.default_allow, kRuleDefault};
}

SideTable SideTables::Build(const std::vector<const PlanRule*>& rules, const std::vector<NamedPort>& ports,
                            SideVerdict otherwise) const {
  SideTable table;
  table.otherwise = otherwise;
  std::vector<Range> ranges;
  for (uint32_t order = 0; order < rules.size(); ++order) {
    const PlanRule& rule = *rules[order];
    for (const PolicyPort& port : rule.rule->ports) AddRanges(port, ports, order, &ranges);
    if (rule.rule->ports.empty()) table.otherwise = {true, rule.info};
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.protocol < b.protocol; });
  for (size_t begin = 0, end = 0; begin < ranges.size(); begin = end) {
    while (end < ranges.size() && ranges[end].protocol == ranges[begin].protocol) ++end;
    Flatten(&ranges[begin], ranges.data() + end, rules, &table.intervals);
  }
  return table;
}

}  // namespace bulkhead::compile
