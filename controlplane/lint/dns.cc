// SPDX-License-Identifier: Apache-2.0
// Egress that was thought of, and DNS that was not.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

constexpr auto kEgress = static_cast<size_t>(Direction::kEgress);

bool AllowsDns(const Rule& rule) { return rule.action() == RuleAction::kAccept && rule.ports.numbers.Holds(kProtoUdp, 53); }

void AddFinding(Linter* linter, const Policy& policy, const std::string& who) {
  linter->Add(policy,
              Of(policy, Severity::kInfo, "no-egress-dns", policy.pos,
                 absl::StrCat(PolicyRef(policy), " isolates egress of ", who, " and no rule allows port 53/UDP, so names cannot be looked up "
                              "but by the engine's own resolver: if they must be, allow 53/UDP and 53/TCP to the resolver")));
}

// Of those who live there: a class whose egress is isolated and has rules, none of which lets DNS out to anybody who exists.
void CheckHere(Linter* linter) {
  const Facts& facts = *linter->facts;
  std::set<const Policy*> said;
  for (const uint32_t own : facts.OnePerKind(facts.workloads())) {
    const Policy* policy = nullptr;  // the first that isolates and has rules
    bool dns = false;
    for (const uint32_t number : facts.Rules(Direction::kEgress, own)) {
      const Rule& rule = linter->At(Direction::kEgress, number);
      if (rule.tier() == Tier::kNetworkPolicy && !policy) policy = rule.policy;
      dns = dns || (rule.tier() != Tier::kBaseline && AllowsDns(rule) && facts.Peers(Direction::kEgress, number).Meets(facts.living()));
    }
    if (policy && !dns && said.insert(policy).second) AddFinding(linter, *policy, facts.NameOf(own));
  }
}

// Whoever lives there: no policy that could judge one of these lets DNS out.
void CheckDocument(Linter* linter, const Policy& policy) {
  const Ends subject = SubjectEnds(policy);
  const bool dns = std::any_of(linter->rules[kEgress].begin(), linter->rules[kEgress].end(), [&](const Rule& rule) {
    return rule.tier() != Tier::kBaseline && AllowsDns(rule) && MayMeet(rule.subject, subject);
  });
  if (!dns) AddFinding(linter, policy, EndsText(subject));
}

}  // namespace

void CheckDns(Linter* linter) {
  if (linter->facts) return CheckHere(linter);
  for (const compile::PlanPolicy& planned : linter->plan.policies) {
    const Policy& policy = *planned.document;
    const bool isolates = policy.kind == PolicyKind::kNetworkPolicy && policy.isolates_egress && !policy.egress.empty();
    if (isolates) CheckDocument(linter, policy);
  }
}

}  // namespace bulkhead::lint
