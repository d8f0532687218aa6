// SPDX-License-Identifier: Apache-2.0
// One peer or port of a rule against one connection, as the evaluator and `explain` read documents. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_
#define BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_

#include <string>
#include <vector>

#include "controlplane/policy/party.h"

namespace bulkhead {

// Whether the policy is one of those that judge `own` in this direction.
bool Isolates(const Policy& policy, Direction direction, const Party& own);

bool PeerMatches(const PolicyPeer& peer, const Policy& policy, const Party& party,
                 const std::map<std::string, Labels>& namespaces);

// Whether any of the rule's peers (or ports) matches; none listed: all do.
bool RuleMatchesPeer(const PolicyRule& rule, const Policy& policy, const Party& party,
                     const std::map<std::string, Labels>& namespaces);
bool RuleMatchesPort(const PolicyRule& rule, const Question& question);

// The policies in the order in which their rules are considered: namespace, name.
std::vector<const Policy*> InOrder(const PolicyDocuments& documents);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_
