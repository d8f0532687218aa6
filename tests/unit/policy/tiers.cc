// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/tiers.h"

#include <utility>

namespace bulkhead {

PolicyPeer Namespaces(const Labels& labels) {
  PolicyPeer peer;
  peer.namespace_selector = LabelSelector{labels, {}};
  return peer;
}

PolicyPeer Pods(const Labels& ns, const Labels& pods) {
  PolicyPeer peer = Namespaces(ns);
  peer.pod_selector = LabelSelector{pods, {}};
  return peer;
}

PolicyPeer OwnPods(const Labels& pods) {
  PolicyPeer peer;
  peer.pod_selector = LabelSelector{pods, {}};
  return peer;
}

PolicyPeer Networks(const std::vector<std::string>& networks) {
  PolicyPeer peer;
  for (const std::string& network : networks) peer.networks.push_back(Prefix::Parse(network).value());
  return peer;
}

PolicyPeer Nodes(const Labels& labels) {
  PolicyPeer peer;
  peer.node_selector = LabelSelector{labels, {}};
  return peer;
}

PolicyPort Port(uint16_t port, uint8_t protocol) { return {protocol, port, port, "", {}}; }

PolicyPort PortNamed(const std::string& name, uint8_t protocol) { return {protocol, 0, 0, name, {}}; }

PolicyRule Rule(RuleAction action, std::vector<PolicyPeer> peers, std::vector<PolicyPort> ports, std::string name) {
  return {action, std::move(name), std::move(peers), std::move(ports), {}};
}

Policy ClusterPolicy(Tier tier, int priority, const std::string& name) {
  Policy policy;
  policy.kind = PolicyKind::kClusterNetworkPolicy;
  policy.tier = tier;
  policy.priority = priority;
  policy.name = name;
  return policy;
}

Policy AdminPolicy(int priority, const std::string& name) {
  Policy policy = ClusterPolicy(Tier::kAdmin, priority, name);
  policy.kind = PolicyKind::kAdminNetworkPolicy;
  return policy;
}

Policy BaselineAdminPolicy() {
  Policy policy = ClusterPolicy(Tier::kBaseline, kLastPriority, "default");
  policy.kind = PolicyKind::kBaselineAdminNetworkPolicy;
  return policy;
}

Policy NetworkPolicy(const std::string& ns, const std::string& name, const Labels& pods, bool ingress, bool egress) {
  Policy policy;
  policy.ns = ns;
  policy.name = name;
  policy.pod_selector.match_labels = pods;
  policy.isolates_ingress = ingress;
  policy.isolates_egress = egress;
  return policy;
}

DocumentsMaker& DocumentsMaker::Add(Policy policy, bool audit) {
  policy.audit = audit;
  int line = 10 * (static_cast<int>(documents_.policies.size()) + 1);
  policy.pos = {"p.yaml", line, 1};
  for (std::vector<PolicyRule>* rules : {&policy.ingress, &policy.egress}) {
    for (PolicyRule& rule : *rules) rule.pos = {"p.yaml", ++line, 3};
  }
  documents_.policies.push_back(std::move(policy));
  return *this;
}

}  // namespace bulkhead
