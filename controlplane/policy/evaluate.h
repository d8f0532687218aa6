// SPDX-License-Identifier: Apache-2.0
// Evaluate: judges the documents themselves, the obvious slow way. It shares no code with the compiler but the matching of one
// selector, so that a mistake in either shows as a disagreement. Pure; any thread.
//
// One side of a connection asks the policies that are about it, tier by tier, until one decides:
//   Admin          the first rule that matches: Accept and Deny decide, Pass leaves the tier
//   NetworkPolicy  if any isolates it: allowed by any rule of theirs, else denied
//   Baseline       as Admin
//   default        PolicyOptions::default_allow
// A policy in audit denies nothing: its Deny rules and its isolation are as if they were not there, but the first of them that
// would have denied is remembered, and is the answer when nothing else denies.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_

#include <string>
#include <vector>

#include "controlplane/policy/party.h"

namespace bulkhead {

// What one side says. policy (as PolicyRef) and rule name what decided:
//   "shop/db"    "ingress[0]"    that rule allows or denies
//   "shop/db"    "isolated"      the policy isolates and no rule of any policy of its tier matched
//   "cnp:guard"  "egress[2]"
//   ""           "default", "self" or "from-host"
// audit: the denial is of a policy in audit and nothing after it denies either; it is reported and never drops.
struct SideAnswer {
  bool allow = true;
  std::string policy;
  std::string rule;
  bool audit = false;

  bool drops() const { return !allow && !audit; }
  bool operator==(const SideAnswer&) const = default;
};

struct Answer {
  SideAnswer egress, ingress;
  bool allow() const { return egress.allow && ingress.allow; }
  bool drops() const { return egress.drops() || ingress.drops(); }
  bool operator==(const Answer&) const = default;
};

Answer Evaluate(const Question& question);

// How one side came to its answer. Pointers into the question's documents.
struct Trace {
  struct Step {
    const Policy* policy = nullptr;
    size_t rule = 0;  // index into the direction's rules
    bool matches = false;
  };
  std::vector<Step> steps;               // rules that were asked, in order
  std::vector<const Policy*> isolating;  // NetworkPolicies that isolate, in order; none when the tier was not asked
  const Policy* decided = nullptr;       // what the answer names; null: no policy
  int rule = -1;                         // of it; -1: its isolation
};

// One side of a connection that is not one of a workload to itself. trace may be null.
SideAnswer EvaluateSide(const Question& question, Direction direction, Trace* trace);

// The same words for what a compiled policy says; of a rule, by what is known of it.
SideAnswer DescribeRule(const RuleInfo& rule, bool allow, bool audit);
SideAnswer DescribeSide(const CompiledPolicy& policy, const SideVerdict& verdict);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_
