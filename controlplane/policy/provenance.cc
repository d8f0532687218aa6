// SPDX-License-Identifier: Apache-2.0
// Pass 1: the order of policies, and a number for everything that can decide.
#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

RuleInfo Reserved(const char* key) {
  RuleInfo info;
  info.key = key;
  return info;
}

RuleInfo OfPolicy(const Policy& policy, Direction direction, int index, const SourcePos& pos) {
  RuleInfo info;
  const std::string rule = index < 0 ? " isolated" : absl::StrCat("[", index, "]");
  info.key = absl::StrCat(policy.ns, "/", policy.name, " ", DirectionName(direction), rule);
  info.tier = Tier::kNetworkPolicy;
  info.policy_ns = policy.ns;
  info.policy = policy.name;
  info.direction = direction;
  info.index = index;
  info.pos = pos;
  return info;
}

PlanDirection NumberDirection(const Policy& policy, Direction direction, std::vector<RuleInfo>* rules) {
  PlanDirection plan;
  const bool ingress = direction == Direction::kIngress;
  plan.isolates = ingress ? policy.isolates_ingress : policy.isolates_egress;
  if (!plan.isolates) return plan;  // its rules of this direction mean nothing then
  const auto add = [&](int index, const SourcePos& pos) {
    rules->push_back(OfPolicy(policy, direction, index, pos));
    return static_cast<uint32_t>(rules->size() - 1);
  };
  plan.isolation = add(-1, policy.pos);
  int index = 0;
  for (const PolicyRule& rule : ingress ? policy.ingress : policy.egress) {
    plan.rules.push_back({&rule, add(index++, rule.pos), rule.peers.empty(), {}});
  }
  return plan;
}

}  // namespace

std::vector<PlanPolicy> NumberRules(const PolicyDocuments& documents, std::vector<RuleInfo>* rules) {
  std::vector<const Policy*> order;
  for (const Policy& policy : documents.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return std::tie(a->ns, a->name) < std::tie(b->ns, b->name); });

  *rules = {Reserved("default"), Reserved("self"), Reserved("from-host")};
  std::vector<PlanPolicy> plan;
  for (const Policy* policy : order) {
    plan.push_back({policy, 0, {}});
    for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
      plan.back().directions[static_cast<int>(direction)] = NumberDirection(*policy, direction, rules);
    }
  }
  return plan;
}

}  // namespace bulkhead::compile
