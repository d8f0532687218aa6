// SPDX-License-Identifier: Apache-2.0
// Suggest: the smallest addition to one policy that makes one side of a connection allow it. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_
#define BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_

#include <optional>
#include <string>

#include "controlplane/policy/party.h"

namespace bulkhead {

struct Change {
  std::string ns, policy;
  Direction direction = Direction::kIngress;
  int rule = -1;        // the rule that gets the addition's peers or ports; -1: the addition is a rule of its own
  PolicyRule addition;  // of an existing rule: one peer or one port
};

// nullopt: no policy isolates this side, or the peer is one that no rule can name.
std::optional<Change> Suggest(const Question& question, Direction direction);

void Apply(const Change& change, PolicyDocuments* documents);

// "add to db ingress[0].from: podSelector {app: web}"
std::string ChangeText(const Change& change);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_SUGGEST_H_
