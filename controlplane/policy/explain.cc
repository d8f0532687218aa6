// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/explain.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/reasons.h"

namespace bulkhead {
namespace {

std::optional<int> PriorityOf(const Policy& policy) {
  const bool has = policy.kind == PolicyKind::kClusterNetworkPolicy || policy.kind == PolicyKind::kAdminNetworkPolicy;
  return has ? std::optional<int>(policy.priority) : std::nullopt;
}

const char* EffectOf(const Policy& policy, RuleAction action) {
  switch (action) {
    case RuleAction::kAccept:
      return "allows";
    case RuleAction::kDeny:
      return policy.audit ? "would deny; audit" : "denies";
    case RuleAction::kPass:
      return policy.tier == Tier::kAdmin ? "passes to NetworkPolicy" : "passes to the default";
  }
  return "";
}

RuleTrial Describe(const Trace::Step& step, const Question& question, Direction direction) {
  const Policy& policy = *step.policy;
  const PolicyRule& rule = policy.rules(direction)[step.rule];
  const Party& peer = direction == Direction::kIngress ? question.source : question.destination;
  RuleTrial trial;
  trial.tier = policy.tier;
  trial.priority = PriorityOf(policy);
  trial.policy = PolicyRef(policy);
  trial.rule = absl::StrCat(DirectionName(direction), "[", step.rule, "]");
  trial.name = rule.name;
  trial.action = ActionWord(policy.kind, rule.action);
  trial.audit = policy.audit;
  trial.peers = PeersText(rule, direction);
  trial.matches = step.matches;
  trial.why = step.matches ? WhyMatches(rule, policy, peer, question) : WhyNot(rule, policy, peer, question);
  if (step.matches) trial.effect = EffectOf(policy, rule.action);
  trial.pos = rule.pos;
  return trial;
}

SideExplanation ExplainSide(const Question& question, Direction direction) {
  SideExplanation side;
  side.direction = direction;
  Trace trace;
  side.answer = EvaluateSide(question, direction, &trace);
  for (const Policy* policy : trace.isolating) side.isolates.push_back({PolicyRef(*policy), policy->audit});
  for (const Trace::Step& step : trace.steps) side.considered.push_back(Describe(step, question, direction));
  if (trace.decided) {
    side.tier = trace.decided->tier;
    side.priority = PriorityOf(*trace.decided);
    const bool is_rule = trace.rule >= 0;
    side.pos = trace.decided->pos;
    if (is_rule) {
      const PolicyRule& rule = trace.decided->rules(direction)[static_cast<size_t>(trace.rule)];
      side.rule_name = rule.name;
      side.pos = rule.pos;
    }
  }
  side.flip = Suggest(question, direction, side.answer, trace);
  return side;
}

SideExplanation Self(const SideAnswer& answer, Direction direction) {
  SideExplanation side;
  side.direction = direction;
  side.answer = answer;
  side.flip.hint = "a workload to itself is always allowed";
  return side;
}

}  // namespace

Explanation Explain(const Question& question) {
  const Answer answer = Evaluate(question);
  if (answer.egress.rule == "self")
    return {true, Self(answer.egress, Direction::kEgress), Self(answer.ingress, Direction::kIngress)};
  return {answer.allow(), ExplainSide(question, Direction::kEgress), ExplainSide(question, Direction::kIngress)};
}

}  // namespace bulkhead
