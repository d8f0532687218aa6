// SPDX-License-Identifier: Apache-2.0
// What the Admin tier denies of what NetworkPolicies allow, whoever lives there.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

constexpr uint64_t kMaxStaticTierSteps = 10'000'000;  // comparisons of two rules

// Connections as one side judges them.
struct Sight {
  Direction direction = Direction::kIngress;
  std::vector<Ends> owns, peers;
  RulePorts ports;

  bool Within(const Rule& rule) const {
    return rule.ports.Contains(ports) && Contains({rule.subject}, owns) && Contains(rule.peers, peers);
  }
  bool MustMeet(const Rule& rule) const {
    return rule.ports.MustMeet(ports) && lint::MustMeet({rule.subject}, owns) && lint::MustMeet(rule.peers, peers);
  }
  bool MayMeet(const Rule& rule) const {
    return rule.ports.MayMeet(ports) && lint::MayMeet({rule.subject}, owns) && lint::MayMeet(rule.peers, peers);
  }
};

class StaticTierCheck {
 public:
  explicit StaticTierCheck(Linter* linter) : linter_(*linter), budget_(kMaxStaticTierSteps) {
    for (size_t d = 0; d < 2; ++d) {
      for (const Rule& rule : linter->rules[d]) {
        if (rule.tier() == Tier::kAdmin && rule.Decides()) admin_[d].push_back(&rule);
      }
    }
  }

  void Run() {
    for (const std::vector<Rule>& rules : linter_.rules) {
      for (const Rule& rule : rules) {
        if (rule.tier() == Tier::kNetworkPolicy && !rule.peers.empty()) Check(rule);
      }
    }
    if (budget_.spent_up()) linter_.AddIncomplete(kTierCheck);
  }

 private:
  void Check(const Rule& rule) {
    if (const Rule* by = Denies(rule, rule.peers, rule.ports, &Sight::Within)) {
      return linter_.Add(*rule.policy, DeniedByAdmin(rule, {by}, rule.document->pos, ""));
    }
    bool said = false;
    const auto check = [&](const std::vector<Ends>& peers, const RulePorts& ports, const SourcePos& pos, const std::string& part) {
      const Rule* by = Denies(rule, peers, ports, &Sight::Within);
      if (!by) return;
      linter_.Add(*rule.policy, DeniedByAdmin(rule, {by}, pos, part));
      said = true;
    };
    const PolicyRule& document = *rule.document;
    for (size_t i = 0; i < document.peers.size() && document.peers.size() > 1; ++i) {
      check(PeerEnds(*rule.policy, document.peers[i]), rule.ports, document.peers[i].pos, PeerText(rule, i));
    }
    for (size_t i = 0; i < document.ports.size() && document.ports.size() > 1; ++i) {
      check(rule.peers, RulePorts::Of({document.ports[i]}), document.ports[i].pos, absl::StrCat(".ports[", i, "]"));
    }
    if (said) return;
    if (const Rule* by = Denies(rule, rule.peers, rule.ports, &Sight::MustMeet)) linter_.Add(*rule.policy, DeniedInPart(rule, {by}));
  }

  // A denial of the Admin tier, on either side, to which these connections stand so for certain.
  const Rule* Denies(const Rule& rule, const std::vector<Ends>& peers, const RulePorts& ports, bool (Sight::*stand)(const Rule&) const) {
    if (peers.empty() || std::any_of(peers.begin(), peers.end(), IsNobody) || IsNobody(rule.subject)) return nullptr;
    const bool ingress = rule.direction == Direction::kIngress;
    const Sight own{rule.direction, {rule.subject}, peers, ports};
    const Sight other{ingress ? Direction::kEgress : Direction::kIngress, peers, {rule.subject}, ports};
    for (const Sight* sight : {&own, &other}) {
      bool open = false;  // an earlier rule may take some of them out of the tier
      for (const Rule* admin : admin_[static_cast<size_t>(sight->direction)]) {
        if (!budget_.Spend()) return nullptr;
        if (admin->action() != RuleAction::kDeny) {
          open = open || sight->MayMeet(*admin);
        } else if (!open && (sight->*stand)(*admin)) {
          return admin;
        }
      }
    }
    return nullptr;
  }

  Linter& linter_;
  std::array<std::vector<const Rule*>, 2> admin_;  // [direction], as they are asked
  Budget budget_;
};

}  // namespace

void CheckTiersByDocument(Linter* linter) { StaticTierCheck(linter).Run(); }

}  // namespace bulkhead::lint
