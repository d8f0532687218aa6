// SPDX-License-Identifier: Apache-2.0
// Explain: why a connection gets its verdict, from the documents: which rules were considered, why each did not match, what
// decided, and the smallest change that would let it pass. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_
#define BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_

#include <string>
#include <vector>

#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/suggest.h"

namespace bulkhead {

// One rule that was looked at.
struct RuleTrial {
  std::string policy;  // "shop/db"
  std::string rule;    // "ingress[0]"
  std::string peers;   // "from app=api", "from anybody"
  bool matches = false;
  std::string why;  // why not: "peer has app=web"; empty when it matches
  SourcePos pos;
};

struct SideExplanation {
  Direction direction = Direction::kEgress;
  SideAnswer answer;                  // as Evaluate gives it
  SourcePos pos;                      // of the deciding rule or isolating policy; line 0: no document decided
  std::vector<std::string> isolates;  // "shop/db" of all policies that isolate this side, in order
  std::vector<RuleTrial> considered;  // in order, up to and including the one that matched
  std::optional<Change> to_allow;     // when denied, and one change to one policy does it
  std::string hint;                   // when denied and no such change exists: what to do instead
};

struct Explanation {
  bool allow = true;
  SideExplanation egress, ingress;
};

Explanation Explain(const Question& question);

// For people:
//   "  ingress  deny   db isolates; no rule matched"
//   "              ingress[0] from app=api     no: peer has app=web"
std::vector<std::string> RenderSide(const SideExplanation& side);
// "add to db ingress[0].from: podSelector {app: web}" for each side that denies.
std::vector<std::string> RenderToAllow(const Explanation& explanation);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_
