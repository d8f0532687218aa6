// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/evaluate.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/match.h"

namespace bulkhead {
namespace {

// What remains when no NetworkPolicy decided. Only workloads deny: the host and the world have no policy of their own.
SideAnswer Default(const Question& question, const Party& own, bool from_host) {
  const bool can_deny = own.kind == Party::Kind::kWorkload || own.kind == Party::Kind::kUnknown;
  if (!can_deny || question.options.default_allow) return {true, "", "default"};
  if (from_host) return {true, "", "from-host"};
  return {false, "", "default"};
}

SideAnswer EvaluateSide(const Question& question, Direction direction) {
  const bool ingress = direction == Direction::kIngress;
  const Party& own = ingress ? question.destination : question.source;
  const Party& peer = ingress ? question.source : question.destination;
  const bool from_host = ingress && peer.kind == Party::Kind::kHost && question.options.allow_from_host;
  const Policy* isolates = nullptr;
  for (const Policy* policy : InOrder(*question.documents)) {
    if (!Isolates(*policy, direction, own)) continue;
    if (!isolates) isolates = policy;
    const std::vector<PolicyRule>& rules = ingress ? policy->ingress : policy->egress;
    for (size_t i = 0; i < rules.size(); ++i) {
      if (!RuleMatchesPeer(rules[i], *policy, peer, *question.namespaces) || !RuleMatchesPort(rules[i], question)) continue;
      return {true, absl::StrCat(policy->ns, "/", policy->name), absl::StrCat(DirectionName(direction), "[", i, "]")};
    }
  }
  if (!isolates) return Default(question, own, from_host);
  if (from_host) return {true, "", "from-host"};
  return {false, absl::StrCat(isolates->ns, "/", isolates->name), "isolated"};
}

}  // namespace

Answer Evaluate(const Question& question) {
  if (!question.source.id.empty() && question.source.id == question.destination.id) {
    const SideAnswer self{true, "", "self"};
    return {self, self};
  }
  return {EvaluateSide(question, Direction::kEgress), EvaluateSide(question, Direction::kIngress)};
}

SideAnswer DescribeSide(const CompiledPolicy& policy, const SideVerdict& verdict) {
  const RuleInfo& info = policy.rules[verdict.rule];
  if (info.tier == Tier::kDefault) return {verdict.allow, "", info.key, verdict.audit};
  const std::string rule = info.index < 0 ? "isolated" : absl::StrCat(DirectionName(info.direction), "[", info.index, "]");
  return {verdict.allow, PolicyRef(info.kind, info.policy_ns, info.policy), rule, verdict.audit};
}

}  // namespace bulkhead
