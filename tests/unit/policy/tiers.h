// SPDX-License-Identifier: Apache-2.0
// Policies of every kind in few words, for tests that are about meaning and not about YAML. Positions are made up: a policy's line
// is 10, 20, ... in the order of being made, its rules' the lines after.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_TIERS_H_
#define BULKHEAD_TESTS_UNIT_POLICY_TIERS_H_

#include <string>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead {

PolicyPeer Namespaces(const Labels& labels);
PolicyPeer Pods(const Labels& ns, const Labels& pods);  // in namespaces with those labels
PolicyPeer OwnPods(const Labels& pods);                 // of the policy's namespace
PolicyPeer Networks(const std::vector<std::string>& networks);
PolicyPeer Nodes(const Labels& labels);

PolicyPort Port(uint16_t port, uint8_t protocol = kProtoTcp);
PolicyPort PortNamed(const std::string& name, uint8_t protocol = 0);

PolicyRule Rule(RuleAction action, std::vector<PolicyPeer> peers, std::vector<PolicyPort> ports = {}, std::string name = "");

// Empty, about every pod of every namespace (the tiers) or of the namespace.
Policy ClusterPolicy(Tier tier, int priority, const std::string& name);
Policy AdminPolicy(int priority, const std::string& name);
Policy BaselineAdminPolicy();
Policy NetworkPolicy(const std::string& ns, const std::string& name, const Labels& pods, bool ingress, bool egress);

class DocumentsMaker {
 public:
  // Gives positions. With audit: in audit.
  DocumentsMaker& Add(Policy policy, bool audit = false);
  const PolicyDocuments& documents() const { return documents_; }

 private:
  PolicyDocuments documents_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_TIERS_H_
