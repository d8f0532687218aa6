// SPDX-License-Identifier: Apache-2.0
// Explain: why a connection gets its verdict, from the documents: which rules were considered in which tier, why each did or did
// not match, what decided, and the smallest change that would flip it. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_
#define BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/suggest.h"

namespace bulkhead {

// One rule that was looked at.
struct RuleTrial {
  Tier tier = Tier::kNetworkPolicy;
  std::optional<int> priority;  // of its policy, where that has one
  std::string policy;           // "shop/db", "cnp:guard"
  std::string rule;             // "ingress[0]"
  std::string name;             // as the document names the rule; mostly empty
  std::string action;           // "Accept", "Allow", "Deny", "Pass"
  bool audit = false;           // its policy is in audit
  std::string peers;            // "from app=api", "from anybody"
  bool matches = false;
  std::string why;  // "peer has app=web": why it matches, or why not
  std::string
      effect;  // when it matches: "allows", "denies", "would deny; audit", "passes to NetworkPolicy", "passes to the default"
  SourcePos pos;
};

// A NetworkPolicy that isolates the side.
struct Isolation {
  std::string policy;  // "shop/db"
  bool audit = false;
};

struct SideExplanation {
  Direction direction = Direction::kEgress;
  SideAnswer answer;                  // as Evaluate gives it
  Tier tier = Tier::kDefault;         // of what decided
  std::optional<int> priority;        // of the deciding policy, where that has one
  std::string rule_name;              // of the deciding rule; mostly empty
  SourcePos pos;                      // of the deciding rule or isolating policy; line 0: no document decided
  std::vector<Isolation> isolates;    // in order; empty when a tier before decided
  std::vector<RuleTrial> considered;  // in order, up to and including the one that decided
  Suggestion flip;                    // what would make the side say the other thing
};

struct Explanation {
  bool allow = true;  // both sides
  SideExplanation egress, ingress;
};

Explanation Explain(const Question& question);

// For people:
//   "  ingress  deny   db isolates; no rule matched"
//   "              ingress[0] from app=api     no: peer has app=web"
// What allows is one line, and the rules that were considered in the tiers before.
std::vector<std::string> RenderSide(const SideExplanation& side);

// "add to db ingress[0].from: podSelector {app: web}" for each side that denies or would deny; together they allow.
std::vector<std::string> RenderToAllow(const Explanation& explanation);
// When both sides allow, the smaller change of either that denies.
std::vector<std::string> RenderToDeny(const Explanation& explanation);
// What must be known beside a change: who can make it.
std::vector<std::string> RenderNotes(const Explanation& explanation);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_EXPLAIN_H_
