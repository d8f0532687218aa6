// SPDX-License-Identifier: Apache-2.0
// Suggest: the smallest change of policy that flips what one side of a connection says. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_
#define BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_

#include <string>
#include <vector>

#include "controlplane/policy/evaluate.h"

namespace bulkhead {

// One edit of one policy, or a policy that is new.
struct Change {
  enum class What : uint8_t { kAddPeer, kAddPort, kInsertRule, kRemovePeer, kRemovePort, kExcept, kRemoveRule, kAddPolicy };
  What what = What::kAddPeer;
  Policy policy;  // kAddPolicy: all of it; else as it was before the change
  Direction direction = Direction::kIngress;
  size_t rule = 0;  // which is changed or removed; kInsertRule: before which the new one stands, one past the last: at the end
  size_t item = 0;  // kRemovePeer, kRemovePort, kExcept: which of its peers or ports
  PolicyRule part;  // kAddPeer, kAddPort: one peer or one port; kInsertRule: the rule; kExcept: one peer, of one ipBlock
};

// What to change so that a side that allows denies, one that denies passes, and one that would deny (audit) allows: all of the
// changes, in this order. Empty: no small change does it; hint says why, or what to do instead. Each suggestion was tried: with it
// Evaluate gives the other answer.
struct Suggestion {
  std::vector<Change> changes;
  std::string hint;
};

// trace: of EvaluateSide(question, direction), which gave answer.
Suggestion Suggest(const Question& question, Direction direction, const SideAnswer& answer, const Trace& trace);

void Apply(const Change& change, PolicyDocuments* documents);

// "add to db ingress[0].from: podSelector {app: web}"; field names are those of the policy's kind.
std::string ChangeText(const Change& change);
// All of them, in one line.
std::string ChangesText(const std::vector<Change>& changes);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_
