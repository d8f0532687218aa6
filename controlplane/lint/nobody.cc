// SPDX-License-Identifier: Apache-2.0
// Subjects, peers and ports that mean nobody.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"
#include "controlplane/lint/census.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::lint {
namespace {

// Special workloads that selectors are held against when they match nobody else.
constexpr uint64_t kMaxGuestSteps = 5'000'000;

class NobodyCheck {
 public:
  explicit NobodyCheck(Linter* linter) : linter_(*linter), facts_(linter->facts.get()), budget_(kMaxGuestSteps) {
    if (facts_) census_.emplace(*linter->world);
  }

  void Run() {
    for (uint32_t i = 0; i < linter_.plan.policies.size(); ++i) CheckSubject(i);
    for (const std::vector<Rule>& rules : linter_.rules) {
      for (const Rule& rule : rules) {
        for (size_t i = 0; i < rule.document->peers.size(); ++i) CheckPeer(rule, i);
        for (size_t i = 0; i < rule.document->ports.size(); ++i) CheckPort(rule, i);
      }
    }
    if (budget_.spent_up()) linter_.AddIncomplete("shares-a-namespace");
  }

 private:
  // Why a selector means nobody, and the check that says so.
  struct Why {
    Severity severity = Severity::kWarning;
    const char* check = "";
    std::string text;
  };

  // empty: whether it matches nobody who lives here; without a world: unknown.
  std::optional<Why> WhyNobody(const Ends& ends, bool egress, bool empty, const char* usual) {
    if (IsNobody(ends)) return Why{Severity::kWarning, usual, "its requirements contradict each other: correct the selector"};
    const std::optional<Habit> habit = FindHabit(ends.namespaces, ends.pods, egress);
    if (habit && habit->kind == Habit::Kind::kNever) {
      return Why{Severity::kWarning, "kubernetes-habit", absl::StrCat(habit->what, ": ", habit->hint)};
    }
    if (!facts_) {
      if (!habit || habit->kind != Habit::Kind::kCluster) return std::nullopt;
      return Why{Severity::kInfo, "kubernetes-habit",
                 absl::StrCat(habit->what, " and does not exist on a host without Kubernetes; there: ", habit->hint)};
    }
    if (!empty) return std::nullopt;
    if (const std::string sharing = census_->Sharing(ends, &budget_); !sharing.empty()) {
      return Why{Severity::kWarning, "shares-a-namespace", sharing};
    }
    if (habit) return Why{Severity::kWarning, "kubernetes-habit", absl::StrCat(habit->what, "; ", habit->hint)};
    return Why{Severity::kWarning, usual, census_->WhyNobody(ends, &budget_)};
  }

  void CheckSubject(uint32_t index) {
    const Policy& policy = *linter_.plan.policies[index].document;
    const Ends ends = SubjectEnds(policy);
    const bool empty = facts_ && !facts_->Own(index).Meets(facts_->workloads());
    const std::optional<Why> why = WhyNobody(ends, false, empty, "selects-nothing");
    if (!why) return;
    linter_.Add(policy, Of(policy, why->severity, why->check, policy.pos,
                           absl::StrCat(PolicyRef(policy), " selects ", EndsText(ends), facts_ ? ", and that is nobody: " : ": ",
                                        why->text)));
  }

  void CheckPeer(const Rule& rule, size_t index) {
    const PolicyPeer& peer = rule.document->peers[index];
    const bool selects = peer.pod_selector || peer.namespace_selector || peer.node_selector;
    if (!selects) return;
    const Ends ends = PeerEnds(*rule.policy, peer)[0];
    const bool empty = facts_ && !facts_->PeersOf(*rule.plan, index).Meets(facts_->living());
    const std::optional<Why> why = WhyNobody(ends, rule.direction == Direction::kEgress, empty, "rule-matches-nobody");
    if (!why) return;
    linter_.Add(*rule.policy,
                Of(rule, why->severity, why->check, peer.pos,
                   absl::StrCat(RuleText(rule), PeerText(rule, index), " is ", EndsText(ends), facts_ ? ", and that is nobody: " : ": ", why->text)));
  }

  void CheckPort(const Rule& rule, size_t index) {
    const PolicyPort& port = rule.document->ports[index];
    if (!facts_ || port.name.empty()) return;
    const bool ingress = rule.direction == Direction::kIngress;
    const ClassSet destinations =
        (ingress ? facts_->Own(rule.policy_index) : facts_->Peers(rule.direction, rule.plan->number)).And(facts_->living());
    if (destinations.empty()) return;  // said already
    bool otherwise = false;            // with another protocol
    for (const uint32_t id : destinations.Members()) {
      if (!PortsOf(port, facts_->Names(id)).empty()) return;
      for (const NamedPort& named : facts_->Names(id)) otherwise = otherwise || named.name == port.name;
    }
    linter_.Add(*rule.policy,
                Of(rule, Severity::kWarning, "rule-matches-nobody", port.pos,
                   absl::StrCat(RuleText(rule), ".ports[", index, "] is the port named ", port.name, ", and ",
                                otherwise ? absl::StrCat("no destination has it for ", ProtocolName(port.protocol), ", only for another "
                                                         "protocol: correct the protocol")
                                          : "no destination names a port so: give the number, or name the port (ports of the container "
                                            "in an inventory; the label bulkhead.dev/port.NAME on a live one)")));
  }

  Linter& linter_;
  const Facts* const facts_;
  std::optional<Census> census_;
  Budget budget_;
};

}  // namespace

void CheckNobody(Linter* linter) { NobodyCheck(linter).Run(); }

}  // namespace bulkhead::lint
