// SPDX-License-Identifier: Apache-2.0
// Rules that others cover: in the tiers that are asked in order, one that never decides; of NetworkPolicies, whose rules only add
// up, one that adds nothing.
#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

constexpr uint64_t kMaxCoverSteps = 30'000'000;  // comparisons of two rules, or of two rules for one pair of classes

class CoverCheck {
 public:
  CoverCheck(Linter* linter, Direction direction)
      : linter_(*linter), facts_(linter->facts.get()), direction_(direction), rules_(linter->rules[static_cast<size_t>(direction)]),
        gone_(rules_.size()), budget_(kMaxCoverSteps) {}

  // Whether there was time for everything.
  bool Run() {
    FindScopes();
    for (const Rule& rule : rules_) {
      if (rule.tier() != Tier::kNetworkPolicy) CheckOrdered(rule);
    }
    // From the last to the first, each against those that stay: all that is found can be removed together.
    for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
      Rules by;
      if (rule->tier() == Tier::kNetworkPolicy) gone_[rule->plan->number] = AddsNothing(*rule, &by) != Cover::kNo;
    }
    for (const Rule& rule : rules_) {
      if (gone_[rule.plan->number]) ReportAdded(rule);
    }
    return !budget_.spent_up();
  }

 private:
  using Rules = std::vector<const Rule*>;
  using Counts = std::function<bool(const Rule&)>;

  // Rules are only compared with those of their tier and, of NetworkPolicies, of their namespace.
  using Scope = std::pair<Tier, std::string>;
  static Scope ScopeOf(const Rule& rule) { return {rule.tier(), rule.policy->ns}; }
  void FindScopes() {
    for (const Rule& rule : rules_) scopes_[ScopeOf(rule)].push_back(&rule);
  }

  // An earlier rule decides all that this one matches.
  void CheckOrdered(const Rule& rule) {
    const Counts earlier = [&](const Rule& other) { return other.plan->number < rule.plan->number && other.Decides(); };
    Rules by;
    const bool always = CoveredByOne(rule, earlier, &by);
    if (!always && !CoveredHere(rule, earlier, facts_ ? &facts_->living() : nullptr, &by)) return;
    const bool same = std::all_of(by.begin(), by.end(), [&](const Rule* other) { return other->action() == rule.action(); });
    Finding finding = Of(rule, Severity::kWarning, "shadowed-rule", rule.document->pos,
                         absl::StrCat(RuleText(rule), " never decides: ", RulesWithPlaces(by), by.size() == 1 ? " is" : " are",
                                      " asked first and ", Verb(by), " all that it would ", ActionText(rule.action()),
                                      always ? "" : ", for those who live here now", same ? ": remove it" : ": move it up, or remove it"));
    finding.related = by[0]->document->pos;
    linter_.Add(*rule.policy, std::move(finding));
  }

  // Whether rules that stay allow all that this one allows: whoever lives there, or those who do now.
  enum class Cover : uint8_t { kNo, kNow, kAlways };
  Cover AddsNothing(const Rule& rule, Rules* by) {
    const Counts stays = [&](const Rule& other) { return &other != &rule && !gone_[other.plan->number]; };
    if (CoveredByOne(rule, stays, by)) return Cover::kAlways;
    // Whoever has no address yet counts too: what an address range covers today is another's tomorrow.
    return CoveredHere(rule, stays, nullptr, by) ? Cover::kNow : Cover::kNo;
  }

  void ReportAdded(const Rule& rule) {
    Rules by;
    const Cover cover = AddsNothing(rule, &by);
    if (cover == Cover::kNo) return;  // out of budget
    Finding finding = Of(rule, cover == Cover::kAlways ? Severity::kWarning : Severity::kInfo, "redundant-rule", rule.document->pos,
                         absl::StrCat(RuleText(rule), " adds nothing: ", RulesWithPlaces(by), by.size() == 1 ? " allows" : " allow",
                                      " all that it allows", cover == Cover::kAlways ? "" : ", for those who live here now",
                                      ": remove it", KeepType(rule)));
    finding.related = by[0]->document->pos;
    linter_.Add(*rule.policy, std::move(finding));
  }

  // Without its last egress rule a policy without policyTypes would no longer isolate egress.
  static std::string KeepType(const Rule& rule) {
    if (rule.direction != Direction::kEgress || rule.policy->egress.size() > 1) return "";
    return ", and keep Egress in policyTypes";
  }

  static const char* ActionText(RuleAction action) {
    return action == RuleAction::kAccept ? "accept" : action == RuleAction::kDeny ? "deny" : "pass on";
  }
  static std::string Verb(const Rules& by) {
    const RuleAction action = by[0]->action();
    const bool alike = std::all_of(by.begin(), by.end(), [&](const Rule* other) { return other->action() == action; });
    if (!alike) return by.size() == 1 ? "decides" : "decide";
    if (action == RuleAction::kPass) return by.size() == 1 ? "passes on" : "pass on";
    const std::string verb = ActionText(action);
    return by.size() > 1 ? verb : action == RuleAction::kDeny ? "denies" : "accepts";
  }

  // By the documents alone: whoever lives there.
  bool CoveredByOne(const Rule& rule, const Counts& counts, Rules* by) {
    if (rule.peers.empty() || IsNobody(rule.subject)) return false;
    if (std::any_of(rule.peers.begin(), rule.peers.end(), IsNobody)) return false;
    for (const Rule* other : scopes_[ScopeOf(rule)]) {
      if (!counts(*other)) continue;
      if (!budget_.Spend()) return false;
      if (!other->ports.Contains(rule.ports) || !Contains(other->subject, rule.subject)) continue;
      if (!Contains(other->peers, rule.peers)) continue;
      *by = {other};
      return true;
    }
    return false;
  }

  // For all pairs of those who live there; living null: whatever addresses they have.
  bool CoveredHere(const Rule& rule, const Counts& counts, const ClassSet* living, Rules* by) {
    if (!facts_) return false;
    const ClassSet& all = facts_->Peers(direction_, rule.plan->number);
    const ClassSet peers = living ? all.And(*living) : all;
    if (!peers.Meets(facts_->living())) return false;
    bool any = false;
    for (const uint32_t own : facts_->OnePerKind(facts_->Own(rule.policy_index).And(facts_->workloads()))) {
      if (!CoveredFor(rule, own, peers, counts, by, &any)) return false;
    }
    return any;
  }

  bool CoveredFor(const Rule& rule, uint32_t own, ClassSet peers, const Counts& counts, Rules* by, bool* any) {
    Rules partly;
    for (const uint32_t number : facts_->Rules(direction_, own)) {
      const Rule& other = rules_[number];
      if (other.tier() != rule.tier() || !counts(other)) continue;
      if (!budget_.Spend()) return false;
      const ClassSet& matched = facts_->Peers(direction_, number);
      if (!matched.Meets(peers)) continue;
      if (other.ports.Contains(rule.ports)) {
        peers.RemoveAll(matched);
        AddTo(by, &other);
        *any = true;
        if (peers.empty()) return true;
      } else if (other.ports.MayMeet(rule.ports)) {
        partly.push_back(&other);
      }
    }
    for (const uint32_t peer : peers.Members()) {
      const std::vector<NamedPort>& names = facts_->Names(Facts::Destination(direction_, own, peer));
      PortSet left = rule.ports.At(names);
      for (const Rule* other : partly) {
        if (left.empty()) break;
        if (!budget_.Spend()) return false;
        if (!facts_->Peers(direction_, other->plan->number).Has(peer)) continue;
        const PortSet rest = left.Without(other->ports.At(names));
        if (rest == left) continue;
        left = rest;
        AddTo(by, other);
        *any = true;
      }
      if (!left.empty()) return false;
    }
    return true;
  }

  static void AddTo(Rules* rules, const Rule* rule) {
    if (std::find(rules->begin(), rules->end(), rule) == rules->end()) rules->push_back(rule);
  }

  Linter& linter_;
  const Facts* const facts_;
  const Direction direction_;
  const std::vector<Rule>& rules_;
  std::map<Scope, Rules> scopes_;
  std::vector<bool> gone_;
  Budget budget_;
};

}  // namespace

void CheckCover(Linter* linter) {
  const bool ingress = CoverCheck(linter, Direction::kIngress).Run(), egress = CoverCheck(linter, Direction::kEgress).Run();
  if (!ingress || !egress) linter->AddIncomplete("redundant-rule");
}

}  // namespace bulkhead::lint
