// SPDX-License-Identifier: Apache-2.0
// Pass 1: the order in which policies are asked, and a number for everything that can decide.
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

// index -1: the isolation.
RuleInfo OfPolicy(const Policy& policy, Direction direction, int index) {
  RuleInfo info;
  info.tier = policy.tier;
  info.kind = policy.kind;
  info.policy_ns = policy.ns;
  info.policy = policy.name;
  info.direction = direction;
  info.index = index;
  if (index < 0) {
    info.key = absl::StrCat(PolicyRef(policy), " ", DirectionName(direction), " isolated");
    info.action = RuleAction::kDeny;
    info.pos = policy.pos;
    return info;
  }
  const PolicyRule& rule = policy.rules(direction)[static_cast<size_t>(index)];
  info.key = absl::StrCat(PolicyRef(policy), " ", DirectionName(direction), "[", index, "]");
  info.action = rule.action;
  info.rule_name = rule.name;
  info.pos = rule.pos;
  return info;
}

void AddDirection(Direction direction, PlanPolicy* planned, Plan* plan, std::vector<RuleInfo>* infos) {
  const Policy& policy = *planned->document;
  const auto d = static_cast<size_t>(direction);
  const auto add = [&](int index) {
    infos->push_back(OfPolicy(policy, direction, index));
    return static_cast<uint32_t>(infos->size() - 1);
  };
  if (policy.kind == PolicyKind::kNetworkPolicy) planned->isolation[d] = add(-1);
  std::vector<PlanRule>& rules = plan->rules[d];
  for (size_t i = 0; i < policy.rules(direction).size(); ++i) {
    PlanRule& rule = rules.emplace_back();
    rule.rule = &policy.rules(direction)[i];
    rule.tier = policy.tier;
    rule.audit = policy.audit;
    rule.any_peer = rule.rule->peers.empty();
    rule.info = add(static_cast<int>(i));
    rule.number = static_cast<uint32_t>(rules.size() - 1);
    planned->rules[d].push_back(rule.number);
  }
}

}  // namespace

std::vector<const Policy*> InOrderOfTiers(const PolicyDocuments& documents) {
  std::vector<const Policy*> order;
  order.reserve(documents.policies.size());
  for (const Policy& policy : documents.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(), [](const Policy* a, const Policy* b) {
    return std::tie(a->tier, a->priority, a->kind, a->ns, a->name) < std::tie(b->tier, b->priority, b->kind, b->ns, b->name);
  });
  return order;
}

void AddToPlan(const Policy& policy, Plan* plan, std::vector<RuleInfo>* infos) {
  PlanPolicy& planned = plan->policies.emplace_back();
  planned.document = &policy;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    // The rules of a direction that it does not judge mean nothing.
    if (policy.Judges(direction)) AddDirection(direction, &planned, plan, infos);
  }
}

void MoveToPlan(const Policy& document, PlanPolicy from, std::array<std::vector<PlanRule>, 2>* from_rules, Plan* plan) {
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto d = static_cast<size_t>(direction);
    for (size_t i = 0; i < from.rules[d].size(); ++i) {
      PlanRule& rule = plan->rules[d].emplace_back(std::move((*from_rules)[d][from.rules[d][i]]));
      rule.rule = &document.rules(direction)[i];
      from.rules[d][i] = rule.number = static_cast<uint32_t>(plan->rules[d].size() - 1);
    }
  }
  from.document = &document;
  plan->policies.push_back(std::move(from));
}

Plan MakePlan(const PolicyDocuments& documents, std::vector<RuleInfo>* infos) {
  *infos = {Reserved("default"), Reserved("self"), Reserved("from-host")};
  const std::vector<const Policy*> order = InOrderOfTiers(documents);
  Plan plan;
  plan.policies.reserve(order.size());
  size_t rules[2] = {};
  for (const Policy* policy : order) {
    rules[0] += policy->egress.size();
    rules[1] += policy->ingress.size();
  }
  for (size_t direction = 0; direction < 2; ++direction) plan.rules[direction].reserve(rules[direction]);
  infos->reserve(infos->size() + rules[0] + rules[1] + 2 * order.size());
  for (const Policy* policy : order) AddToPlan(*policy, &plan, infos);
  return plan;
}

}  // namespace bulkhead::compile
