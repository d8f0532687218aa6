// SPDX-License-Identifier: Apache-2.0
// What one tier says to no effect, since another is asked before it.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/admin_tier.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

constexpr uint64_t kMaxTierSteps = 20'000'000;  // pairs of classes, or of their groups, looked at
constexpr char kCannotWiden[] = "a NetworkPolicy cannot widen what the Admin tier denies";

// What becomes of connections that a NetworkPolicy's rule allows.
struct Fate {
  std::vector<const Rule*> deniers, accepters;  // that decide some of them before it
  bool survive = false;                         // some are not denied
  bool reach = false;                           // some are neither denied nor accepted: the rule decides them
  std::optional<Witness> witness;               // that is denied
};

Direction Opposite(Direction direction) { return direction == Direction::kEgress ? Direction::kIngress : Direction::kEgress; }

void AddTo(std::vector<const Rule*>* rules, const Rule* rule) {
  if (std::find(rules->begin(), rules->end(), rule) == rules->end()) rules->push_back(rule);
}

class TierCheck {
 public:
  explicit TierCheck(Linter* linter) : linter_(*linter), facts_(*linter->facts), admin_(*linter), budget_(kMaxTierSteps) {}

  void Run() {
    FindIsolation();
    bool admin = false;  // any rule of that tier
    for (const std::vector<Rule>& rules : linter_.rules) admin = admin || (!rules.empty() && rules[0].tier() == Tier::kAdmin);
    for (const std::vector<Rule>& rules : linter_.rules) {
      for (const Rule& rule : rules) {
        if (rule.tier() == Tier::kNetworkPolicy && admin) CheckAllowed(rule);
        if (rule.tier() == Tier::kBaseline) CheckBaseline(rule);
      }
    }
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      if (admin) CheckIsolations(direction);
    }
    if (budget_.spent_up()) linter_.AddIncomplete(kTierCheck);
  }

 private:
  // The first NetworkPolicy that isolates each kind, if one enforced does.
  void FindIsolation() {
    for (size_t d = 0; d < 2; ++d) {
      isolates_[d].assign(facts_.kinds(), nullptr);
      for (const uint32_t own : facts_.OnePerKind(facts_.workloads())) {
        for (const uint32_t index : facts_.Policies(own)) {
          const Policy& policy = *linter_.plan.policies[index].document;
          if (policy.kind != PolicyKind::kNetworkPolicy || policy.audit || !policy.Judges(static_cast<Direction>(d))) continue;
          isolates_[d][facts_.Kind(own)] = &policy;
          break;
        }
      }
    }
  }

  // port null: all of the rule's.
  Fate FateOf(const Rule& rule, const ClassSet& peers, const PolicyPort* port) {
    Fate fate;
    const auto sources = admin_.Split(facts_.Own(rule.policy_index).And(facts_.workloads()));
    const auto targets = admin_.Split(peers.And(facts_.living()));
    for (const auto& [own, owns] : sources) {
      for (const auto& [peer, others] : targets) {
        if (!budget_.Spend()) return Fate();
        const std::vector<NamedPort>& names = facts_.Names(Facts::Destination(rule.direction, owns[0], others[0]));
        Follow(port ? PortsOf(*port, names) : rule.ports.At(names), rule.direction, {own, owns}, {peer, others}, &fate);
      }
    }
    return fate;
  }

  // A group of the Admin tier, and some classes of it.
  struct Party {
    uint32_t group;
    const std::vector<uint32_t>& classes;
  };
  void Follow(PortSet left, Direction direction, const Party& own, const Party& peer, Fate* fate) {
    const std::vector<Decision>& here = admin_.Of(direction, own.group, peer.group);
    const PortSet denied = Denied(left, here, &fate->deniers)
                               .Or(Denied(left, admin_.Of(Opposite(direction), peer.group, own.group), &fate->deniers));
    if (!denied.empty() && !fate->witness) fate->witness = facts_.Show(direction, own.classes, peer.classes, denied);
    left = left.Without(denied);
    fate->survive = fate->survive || !left.empty();
    for (const Decision& decision : here) {
      if (decision.rule->action() != RuleAction::kAccept || !decision.ports.Meets(left)) continue;
      left = left.Without(decision.ports);
      AddTo(&fate->accepters, decision.rule);
    }
    fate->reach = fate->reach || !left.empty();
  }

  // Those of the ports that one side denies.
  static PortSet Denied(const PortSet& ports, const std::vector<Decision>& decisions, std::vector<const Rule*>* by) {
    PortSet denied;
    for (const Decision& decision : decisions) {
      if (decision.rule->action() != RuleAction::kDeny || !decision.ports.Meets(ports)) continue;
      denied = denied.Or(decision.ports.And(ports));
      AddTo(by, decision.rule);
    }
    return denied;
  }

  void CheckAllowed(const Rule& rule) {
    const ClassSet& peers = facts_.Peers(rule.direction, rule.plan->number);
    const Fate fate = FateOf(rule, peers, nullptr);
    if (fate.witness && !fate.survive) return AddDenied(rule, fate, rule.document->pos, "");
    if (fate.witness) return CheckParts(rule, peers, fate);
    if (fate.accepters.empty() || fate.reach) return;
    Finding finding = Of(rule, Severity::kInfo, kTierCheck, rule.document->pos,
                         absl::StrCat(RuleText(rule), " decides nothing: ", RulesWithPlaces(fate.accepters),
                                      fate.accepters.size() == 1 ? " accepts" : " accept",
                                      " all of it before a NetworkPolicy is asked; remove it if the Admin tier is to have the say"));
    finding.related = fate.accepters[0]->document->pos;
    linter_.Add(*rule.policy, std::move(finding));
  }

  // Some of it is denied: perhaps all of one peer, or of one port.
  void CheckParts(const Rule& rule, const ClassSet& peers, const Fate& whole) {
    bool said = false;
    const auto check = [&](const Fate& fate, const SourcePos& pos, const std::string& part) {
      if (!fate.witness || fate.survive) return;
      AddDenied(rule, fate, pos, part);
      said = true;
    };
    const PolicyRule& document = *rule.document;
    for (size_t i = 0; i < document.peers.size() && document.peers.size() > 1; ++i) {
      check(FateOf(rule, facts_.PeersOf(*rule.plan, i), nullptr), document.peers[i].pos, PeerText(rule, i));
    }
    for (size_t i = 0; i < document.ports.size() && document.ports.size() > 1; ++i) {
      check(FateOf(rule, peers, &document.ports[i]), document.ports[i].pos, absl::StrCat(".ports[", i, "]"));
    }
    if (said) return;
    Finding finding = DeniedInPart(rule, whole.deniers);
    absl::StrAppend(&finding.message, ", so ", whole.witness->Text(), " stays denied");
    finding.witness = whole.witness;
    linter_.Add(*rule.policy, std::move(finding));
  }

  void AddDenied(const Rule& rule, const Fate& fate, const SourcePos& pos, const std::string& part) {
    Finding finding = DeniedByAdmin(rule, fate.deniers, pos, part);
    finding.witness = fate.witness;
    linter_.Add(*rule.policy, std::move(finding));
  }

  // Connections that NetworkPolicies deny and the Admin tier accepts: one example for each policy.
  void CheckIsolations(Direction direction) {
    const auto peers = admin_.Split(facts_.living());
    std::set<const Policy*> said;
    for (const uint32_t own : facts_.workloads().Members()) {
      const Policy* policy = isolates_[static_cast<size_t>(direction)][facts_.Kind(own)];
      if (!policy || said.contains(policy) || !linter_.About(*policy)) continue;
      for (const auto& [group, others] : peers) {
        if (!budget_.Spend()) return;
        if (!CheckLetThrough(*policy, direction, own, {group, others})) continue;
        said.insert(policy);
        break;
      }
    }
  }

  bool CheckLetThrough(const Policy& policy, Direction direction, uint32_t own, const Party& peer) {
    const uint32_t group = admin_.Group(own);
    for (const Decision& decision : admin_.Of(direction, group, peer.group)) {
      if (decision.rule->action() != RuleAction::kAccept) continue;
      PortSet passing = decision.ports;
      for (const Decision& beyond : admin_.Of(Opposite(direction), peer.group, group)) {
        if (beyond.rule->action() == RuleAction::kDeny) passing = passing.Without(beyond.ports);
      }
      for (const uint32_t other : peer.classes) {
        const PortSet left = NotAllowed(passing, direction, own, other);
        const std::optional<Witness> witness = left.empty() ? std::nullopt : facts_.Show(direction, own, other, left);
        if (!witness) continue;
        AddLetThrough(policy, direction, *decision.rule, *witness);
        return true;
      }
    }
    return false;
  }

  // Those of the ports that no NetworkPolicy allows.
  PortSet NotAllowed(PortSet ports, Direction direction, uint32_t own, uint32_t peer) {
    const std::vector<NamedPort>& names = facts_.Names(Facts::Destination(direction, own, peer));
    for (const uint32_t number : facts_.Rules(direction, own)) {
      if (ports.empty() || !budget_.Spend()) return {};
      const Rule& rule = linter_.At(direction, number);
      if (rule.tier() == Tier::kNetworkPolicy && facts_.Peers(direction, number).Has(peer)) ports = ports.Without(rule.ports.At(names));
    }
    return ports;
  }

  void AddLetThrough(const Policy& policy, Direction direction, const Rule& by, const Witness& witness) {
    Finding finding = Of(policy, Severity::kInfo, kTierCheck, policy.pos,
                         absl::StrCat(PolicyRef(policy), " isolates ", DirectionName(direction), " and its tier does not allow ",
                                      witness.Text(), ", but that passes: ", RuleWithPlace(by),
                                      " accepts it before a NetworkPolicy is asked"));
    finding.related = by.document->pos;
    finding.witness = witness;
    linter_.Add(policy, std::move(finding));
  }

  // A Baseline rule that is never asked.
  void CheckBaseline(const Rule& rule) {
    ClassSet open = facts_.Own(rule.policy_index).And(facts_.workloads());  // those whom no NetworkPolicy isolates
    if (open.empty()) return;
    for (const uint32_t own : open.Members()) {
      if (isolates_[static_cast<size_t>(rule.direction)][facts_.Kind(own)]) open.Remove(own);
    }
    const ClassSet peers = facts_.Peers(rule.direction, rule.plan->number).And(facts_.living());
    if (!open.empty() && peers.empty()) return;  // said already
    const auto targets = admin_.Split(peers);
    for (const auto& [own, owns] : admin_.Split(open)) {
      for (const auto& [peer, others] : targets) {
        if (!budget_.Spend()) return;
        PortSet left = rule.ports.At(facts_.Names(Facts::Destination(rule.direction, owns[0], others[0])));
        for (const Decision& decision : admin_.Of(rule.direction, own, peer)) {
          if (decision.rule->action() != RuleAction::kPass) left = left.Without(decision.ports);
        }
        if (!left.empty()) return;
      }
    }
    const char* const direction = DirectionName(rule.direction);
    linter_.Add(*rule.policy,
                Of(rule, Severity::kInfo, kTierCheck, rule.document->pos,
                   absl::StrCat(RuleText(rule), " is never asked: ",
                                open.empty() ? absl::StrCat("NetworkPolicies isolate ", direction, " of all whom it is about")
                                             : absl::StrCat("the Admin tier, or NetworkPolicies that isolate ", direction, ", decide all of it"),
                                " before the Baseline tier; it only counts for workloads that no NetworkPolicy selects")));
  }

  Linter& linter_;
  const Facts& facts_;
  AdminTier admin_;
  std::array<std::vector<const Policy*>, 2> isolates_;  // [direction][kind]
  Budget budget_;
};

}  // namespace

Finding DeniedByAdmin(const Rule& rule, const std::vector<const Rule*>& by, const SourcePos& pos, const std::string& part) {
  Finding finding = Of(rule, Severity::kWarning, kTierCheck, pos,
                       absl::StrCat(RuleText(rule), part, " allows nothing: ", RulesWithPlaces(by), by.size() == 1 ? " denies" : " deny",
                                    " all of it, and ", kCannotWiden, "; remove it, or ask for an exception there"));
  finding.related = by[0]->document->pos;
  return finding;
}

Finding DeniedInPart(const Rule& rule, const std::vector<const Rule*>& by) {
  Finding finding = Of(rule, Severity::kInfo, kTierCheck, rule.document->pos,
                       absl::StrCat(RuleText(rule), " is denied in part by ", RulesWithPlaces(by), ": ", kCannotWiden));
  finding.related = by[0]->document->pos;
  return finding;
}

void CheckTiers(Linter* linter) {
  if (linter->facts) {
    TierCheck(linter).Run();
  } else {
    CheckTiersByDocument(linter);
  }
}

}  // namespace bulkhead::lint
