// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/conflicts.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace bulkhead::lint {
namespace {

constexpr uint64_t kMaxConflictSteps = 20'000'000;  // comparisons of two rules

const char* Verb(const Rule& rule) {
  switch (rule.action()) {
    case RuleAction::kAccept: return "accepts";
    case RuleAction::kDeny: return "denies";
    case RuleAction::kPass: return "passes on";
  }
  return "";
}

class ConflictCheck {
 public:
  explicit ConflictCheck(Linter* linter) : linter_(*linter), rules_(linter->plan.policies.size()), budget_(kMaxConflictSteps) {
    for (size_t d = 0; d < 2; ++d) {
      for (const Rule& rule : linter->rules[d]) {
        if (rule.tier() == Tier::kNetworkPolicy || !rule.Decides()) continue;
        rules_[rule.policy_index][d].push_back(&rule);
      }
    }
  }

  void Run() {
    std::map<std::pair<Tier, int>, std::vector<uint32_t>> groups;
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      const Policy& policy = PolicyOf(i);
      if (policy.tier != Tier::kNetworkPolicy) groups[{policy.tier, policy.priority}].push_back(i);
    }
    for (const auto& [rank, group] : groups) {
      for (size_t second = 1; second < group.size(); ++second) CheckAgainst(group, second);
    }
    if (budget_.spent_up()) linter_.AddIncomplete("conflict");
  }

 private:
  const Policy& PolicyOf(uint32_t index) const { return *linter_.plan.policies[index].document; }

  // One of the group against those before it.
  void CheckAgainst(const std::vector<uint32_t>& group, size_t second) {
    std::vector<const Policy*> alike, perhaps;
    for (size_t first = 0; first < second; ++first) {
      const PolicyRules& a = rules_[group[first]];
      const PolicyRules& b = rules_[group[second]];
      const Meeting meeting = linter_.facts ? MeetByClasses(*linter_.facts, a, b, &budget_) : MeetByDocuments(a, b, &budget_);
      const Policy* const other = &PolicyOf(group[first]);
      if (meeting.first) {
        AddConflict(meeting);
      } else if (meeting.perhaps) {
        perhaps.push_back(other);
      } else if (meeting.alike) {
        alike.push_back(other);
      }
    }
    AddEqual(Severity::kWarning, PolicyOf(group[second]), alike, "judge some of the same connections: they agree today, but only names say");
    AddEqual(Severity::kInfo, PolicyOf(group[second]), perhaps,
             "differ about whoever matches both: if there ever is somebody, only names say");
  }

  std::string Rank(const Policy& policy) const {
    return absl::StrCat("priority ", policy.priority, " of the ", TierName(policy.tier), " tier");
  }

  void AddConflict(const Meeting& meeting) {
    // Said of the later one, or of the one that is reported on.
    const Rule& about = linter_.About(*meeting.second->policy) ? *meeting.second : *meeting.first;
    const Rule& other = &about == meeting.second ? *meeting.first : *meeting.second;
    Finding finding =
        Of(about, Severity::kError, "conflict", about.document->pos,
           absl::StrCat(RuleText(about), " ", Verb(about), " ", meeting.example, " and ", RuleWithPlace(other), " ", Verb(other),
                        " it, both at ", Rank(*about.policy), ": ", PolicyRef(*meeting.first->policy),
                        " is asked first only because of its ",
                        about.policy->kind == other.policy->kind ? "name" : "kind", "; give them different priorities"));
    finding.related = other.document->pos;
    finding.witness = meeting.witness;
    linter_.Add(*about.policy, std::move(finding));
  }

  void AddEqual(Severity severity, const Policy& policy, const std::vector<const Policy*>& others, const char* what) {
    if (others.empty()) return;
    std::vector<std::string> names;
    for (const Policy* other : others) names.push_back(absl::StrCat(PolicyRef(*other), " (", other->pos.ToString(), ")"));
    Finding finding = Of(policy, severity, "equal-priority", policy.pos,
                         absl::StrCat(PolicyRef(policy), " and ", ListText(names, 3), " have ", Rank(policy), " and ", what,
                                      " which is asked first; give them different priorities"));
    finding.related = others[0]->pos;
    linter_.Add(policy, std::move(finding));
  }

  Linter& linter_;
  std::vector<PolicyRules> rules_;  // [index into the plan]
  Budget budget_;
};

// Whether it is the first of its policy's rules that matches there; those before it in `rules`.
PortSet FirstMatch(const Facts& facts, const std::vector<const Rule*>& rules, const Rule& rule, uint32_t peer,
                   const std::vector<NamedPort>& names) {
  PortSet ports = rule.ports.At(names);
  for (const Rule* before : rules) {
    if (before == &rule || ports.empty()) break;
    if (facts.Peers(rule.direction, before->plan->number).Has(peer)) ports = ports.Without(before->ports.At(names));
  }
  return ports;
}

// Looks for two that live there and show the difference.
bool Differ(const Facts& facts, const std::vector<const Rule*>& a, const std::vector<const Rule*>& b, const Rule& first,
            const Rule& second, Budget* budget, Meeting* out) {
  const ClassSet owns = facts.Own(first.policy_index).And(facts.Own(second.policy_index)).And(facts.workloads());
  const ClassSet peers =
      facts.Peers(first.direction, first.plan->number).And(facts.Peers(first.direction, second.plan->number)).And(facts.living());
  for (const uint32_t own : owns.Members()) {
    for (const uint32_t peer : peers.Members()) {
      if (!budget->Spend(a.size() + b.size())) return false;
      const std::vector<NamedPort>& names = facts.Names(Facts::Destination(first.direction, own, peer));
      const PortSet ports = FirstMatch(facts, a, first, peer, names).And(FirstMatch(facts, b, second, peer, names));
      if (ports.empty()) continue;
      out->witness = facts.Show(first.direction, own, peer, ports);
      if (!out->witness) continue;
      out->first = &first;
      out->second = &second;
      out->example = out->witness->Text();
      return true;
    }
  }
  return false;
}

}  // namespace

Meeting MeetByClasses(const Facts& facts, const PolicyRules& a, const PolicyRules& b, Budget* budget) {
  Meeting out;
  for (size_t d = 0; d < 2; ++d) {
    if (a[d].empty() || b[d].empty()) continue;
    const ClassSet owns = facts.Own(a[d][0]->policy_index).And(facts.Own(b[d][0]->policy_index));
    if (!owns.Meets(facts.workloads())) continue;
    for (const Rule* first : a[d]) {
      for (const Rule* second : b[d]) {
        if (!budget->Spend()) return out;
        const ClassSet peers = facts.Peers(first->direction, first->plan->number).And(facts.living());
        if (!first->ports.MayMeet(second->ports) || !peers.Meets(facts.Peers(second->direction, second->plan->number))) continue;
        if (first->action() == second->action()) {
          out.alike = true;
        } else if (Differ(facts, a[d], b[d], *first, *second, budget, &out)) {
          return out;
        }
      }
    }
  }
  return out;
}

void CheckConflicts(Linter* linter) { ConflictCheck(linter).Run(); }

}  // namespace bulkhead::lint
