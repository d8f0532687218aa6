// SPDX-License-Identifier: Apache-2.0
// The checks, one file each, and what they share. Internal to lint.
#ifndef BULKHEAD_CONTROLPLANE_LINT_CHECKS_H_
#define BULKHEAD_CONTROLPLANE_LINT_CHECKS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/lint/ends.h"
#include "controlplane/lint/facts.h"
#include "controlplane/lint/lint.h"
#include "controlplane/lint/port_set.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::lint {

// A rule that is asked: its direction is one that its policy judges.
struct Rule {
  const Policy* policy = nullptr;
  const PolicyRule* document = nullptr;
  const compile::PlanRule* plan = nullptr;
  Direction direction = Direction::kIngress;
  uint32_t policy_index = 0;  // into Plan::policies
  size_t index = 0;           // in the document
  Ends subject;
  std::vector<Ends> peers;  // empty: only domainNames
  RulePorts ports;

  Tier tier() const { return policy->tier; }
  RuleAction action() const { return document->action; }
  // Nothing that is asked after it decides what it matches. A denial in audit only reports.
  bool Decides() const { return action() != RuleAction::kDeny || !policy->audit; }
};

// Steps that one check may take: what goes beyond is not judged, and the report says so.
class Budget {
 public:
  explicit Budget(uint64_t steps) : left_(steps) {}
  bool Spend(uint64_t steps = 1) {
    spent_up_ = spent_up_ || left_ < steps;
    if (!spent_up_) left_ -= steps;
    return !spent_up_;
  }
  bool spent_up() const { return spent_up_; }

 private:
  uint64_t left_;
  bool spent_up_ = false;
};

class Linter {
 public:
  Linter(const PolicyDocuments& documents, const LintWorld* world, const Options& options);

  const PolicyDocuments& documents;
  const LintWorld* const world;  // may be null
  const Options& options;
  compile::Plan plan;
  std::unique_ptr<const Facts> facts;    // null without a world, or when it is too large
  std::array<std::vector<Rule>, 2> rules;  // [direction], by number

  const Rule& At(Direction direction, uint32_t number) const { return rules[static_cast<size_t>(direction)][number]; }

  bool About(const Policy& policy) const { return !options.about || options.about(policy); }
  // Dropped when the policy is none to report on.
  void Add(const Policy& policy, Finding finding);
  // Says that a check stopped before its end.
  void AddIncomplete(const char* check);
  Report Take();

 private:
  std::vector<Finding> findings_;
};

Finding Of(const Policy& policy, Severity severity, const char* check, const SourcePos& pos, std::string message);
Finding Of(const Rule& rule, Severity severity, const char* check, const SourcePos& pos, std::string message);

// "shop/db ingress[1]"
std::string RuleText(const Rule& rule);
// "cnp:guard ingress[0] (guard.yaml:12:5)"
std::string RuleWithPlace(const Rule& rule);
// ".from[1]"
std::string PeerText(const Rule& rule, size_t peer);
// The first three of them, and how many more.
std::string RulesWithPlaces(const std::vector<const Rule*>& rules);
// "a, b and c"; of more than `most`: "a, b and 7 more".
std::string ListText(const std::vector<std::string>& parts, size_t most);

inline constexpr char kTierCheck[] = "overridden-by-tier";
// The Admin tier's rules `by` deny all of the rule, or of a part of it (".ports[0]"); or some of it.
Finding DeniedByAdmin(const Rule& rule, const std::vector<const Rule*>& by, const SourcePos& pos, const std::string& part);
Finding DeniedInPart(const Rule& rule, const std::vector<const Rule*>& by);

void CheckDocuments(Linter* linter);        // documents.cc: unsupported, unused-direction
void CheckAllowAll(Linter* linter);         // allow_all.cc: allow-all
void CheckNobody(Linter* linter);           // nobody.cc: selects-nothing, shares-a-namespace, rule-matches-nobody, kubernetes-habit
void CheckCover(Linter* linter);            // cover.cc: shadowed-rule, redundant-rule
void CheckTiers(Linter* linter);            // tiers.cc: overridden-by-tier, by classes
void CheckTiersByDocument(Linter* linter);  // tiers_static.cc: likewise, by the documents alone
void CheckConflicts(Linter* linter);        // conflicts.cc: conflict, equal-priority
void CheckDns(Linter* linter);              // dns.cc: no-egress-dns

// habits.cc: a selector that means something in a Kubernetes cluster, and what to write on a host without one.
struct Habit {
  enum class Kind : uint8_t {
    kNever,    // it matches nothing on any live host, not even where Kubernetes runs
    kCluster,  // only a cluster has that
    kCustom,   // clusters often have it
  };
  Kind kind = Kind::kCluster;
  std::string what;  // "namespace kube-system is Kubernetes' own"
  std::string hint;  // "select ..."
};
// nullopt: it is no habit. egress: it is meant to be talked to.
std::optional<Habit> FindHabit(const LabelSelector* namespaces, const LabelSelector* pods, bool egress);

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_CHECKS_H_
