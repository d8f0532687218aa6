// SPDX-License-Identifier: Apache-2.0
// Policies, peers and ports against one connection, as the evaluator and `explain` read documents. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_
#define BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_

#include <map>
#include <string>
#include <vector>

#include "controlplane/policy/party.h"

namespace bulkhead {

// Whether the policy is about `own` and has a say in this direction. Only workloads have policies about them: a host-network one is
// its node's traffic, which is no workload's.
bool Judges(const Policy& policy, Direction direction, const Party& own, const std::map<std::string, Labels>& namespaces);

// Whether `party` is one that the peer names.
bool PeerMatches(const PolicyPeer& peer, const Policy& policy, const Party& party, const Question& question);
bool PortMatches(const PolicyPort& port, const Question& question);

// Whether any of the rule's peers (or ports) matches; none listed: all do.
bool RuleMatchesPeer(const PolicyRule& rule, const Policy& policy, const Party& party, const Question& question);
bool RuleMatchesPort(const PolicyRule& rule, const Question& question);

// The policies in the order in which they are asked: tier; then NetworkPolicies by namespace and name, the others by priority, kind
// and name.
std::vector<const Policy*> InOrder(const PolicyDocuments& documents);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_MATCH_H_
