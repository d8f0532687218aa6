// SPDX-License-Identifier: Apache-2.0
// Evaluate: judges the documents themselves, the obvious slow way. It shares no code with the compiler but the matching of one
// selector, so that a mistake in either shows as a disagreement. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_

#include <string>

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

  bool operator==(const SideAnswer&) const = default;
};

struct Answer {
  SideAnswer egress, ingress;
  bool allow() const { return egress.allow && ingress.allow; }
  bool operator==(const Answer&) const = default;
};

Answer Evaluate(const Question& question);

// The same words for what a compiled policy says.
SideAnswer DescribeSide(const CompiledPolicy& policy, const SideVerdict& verdict);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_EVALUATE_H_
