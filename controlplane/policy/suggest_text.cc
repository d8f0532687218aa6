// SPDX-License-Identifier: Apache-2.0
// Changes in words, with the fields as the policy's own document has them.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/selectors.h"
#include "controlplane/policy/suggest.h"

namespace bulkhead {
namespace {

std::string SelectorYaml(const LabelSelector& selector) {
  if (!selector.match_expressions.empty()) return absl::StrCat("{", SelectorText(selector), "}");
  return absl::StrCat("{", absl::StrJoin(selector.match_labels, ", ", absl::PairFormatter(": ")), "}");
}

std::string NetworksYaml(const std::vector<Prefix>& networks) {
  return absl::StrCat(
      "[", absl::StrJoin(networks, ", ", [](std::string* out, const Prefix& network) { *out += network.ToString(); }), "]");
}

std::string PeerYaml(const PolicyPeer& peer, PolicyKind kind) {
  if (peer.ip_block) return absl::StrCat("ipBlock {cidr: ", peer.ip_block->cidr.ToString(), "}");
  if (peer.node_selector) return "nodes " + SelectorYaml(*peer.node_selector);
  if (!peer.networks.empty()) return "networks " + NetworksYaml(peer.networks);
  if (!peer.domain_names.empty()) return absl::StrCat("domainNames [", absl::StrJoin(peer.domain_names, ", "), "]");
  const bool network_policy = kind == PolicyKind::kNetworkPolicy;
  if (!network_policy && !peer.pod_selector) return "namespaces " + SelectorYaml(*peer.namespace_selector);
  std::vector<std::string> parts;
  if (peer.namespace_selector) parts.push_back("namespaceSelector " + SelectorYaml(*peer.namespace_selector));
  if (peer.pod_selector) parts.push_back("podSelector " + SelectorYaml(*peer.pod_selector));
  return (network_policy ? "" : "pods ") + absl::StrJoin(parts, " with ");
}

std::string PortYaml(const PolicyPort& port, PolicyKind kind) {
  const std::string protocol = absl::AsciiStrToUpper(ProtocolName(port.protocol));
  const bool one = port.first == port.last;
  if (kind == PolicyKind::kNetworkPolicy) {
    const std::string number = port.name.empty() ? absl::StrCat(port.first) : port.name;
    return absl::StrCat("{protocol: ", protocol, port.name.empty() && port.first == 0 ? "" : absl::StrCat(", port: ", number),
                        one ? "" : absl::StrCat(", endPort: ", port.last), "}");
  }
  const std::string range = absl::StrCat("start: ", port.first, ", end: ", port.last);
  if (kind == PolicyKind::kClusterNetworkPolicy) {
    if (!port.name.empty()) return absl::StrCat("{destinationNamedPort: ", port.name, "}");
    const std::string numbers = one ? absl::StrCat("number: ", port.first) : absl::StrCat("range: {", range, "}");
    return absl::StrCat("{", ProtocolName(port.protocol), ": {",
                        port.first == 0 ? "" : absl::StrCat("destinationPort: {", numbers, "}"), "}}");
  }
  if (!port.name.empty()) return absl::StrCat("{namedPort: ", port.name, "}");
  return one ? absl::StrCat("{portNumber: {protocol: ", protocol, ", port: ", port.first, "}}")
             : absl::StrCat("{portRange: {protocol: ", protocol, ", ", range, "}}");
}

// "from: podSelector {app: web}, ports: {protocol: TCP, port: 22}"
std::string RuleYaml(const PolicyRule& rule, PolicyKind kind, Direction direction) {
  std::string text;
  if (kind != PolicyKind::kNetworkPolicy) absl::StrAppend(&text, "action: ", ActionWord(kind, rule.action), ", ");
  absl::StrAppend(&text, direction == Direction::kIngress ? "from: " : "to: ", PeerYaml(rule.peers[0], kind));
  const char* ports = kind == PolicyKind::kClusterNetworkPolicy ? "protocols" : "ports";
  if (rule.ports.empty()) return absl::StrCat(text, ", without ", ports);
  return absl::StrCat(text, ", ", ports, ": ", PortYaml(rule.ports[0], kind));
}

std::string NewPolicyText(const Policy& policy, Direction direction) {
  const std::vector<PolicyRule>& rules = policy.rules(direction);
  const Labels& labels = policy.pod_selector.match_labels;
  const std::string whom = labels.empty() ? "namespace " + policy.ns : absl::StrCat(policy.ns, "/", labels.begin()->second);
  return absl::StrCat(rules.empty() ? "isolate " : "allow it to ", whom, " with a NetworkPolicy: podSelector ",
                      SelectorYaml(policy.pod_selector), ", policyTypes: [",
                      direction == Direction::kIngress ? "Ingress" : "Egress", "]",
                      rules.empty() ? "" : absl::StrCat(", ", RuleYaml(rules[0], policy.kind, direction)));
}

}  // namespace

std::string ChangeText(const Change& change) {
  using What = Change::What;
  const Policy& policy = change.policy;
  const bool network_policy = policy.kind == PolicyKind::kNetworkPolicy;
  // A NetworkPolicy stands in the namespace of the side that it judges: its name is enough.
  const std::string place = absl::StrCat(network_policy ? policy.name : PolicyRef(policy), " ", DirectionName(change.direction));
  const std::string rule = absl::StrCat(place, "[", change.rule, "]");
  const std::string peers = change.direction == Direction::kIngress ? ".from" : ".to";
  const std::string ports = policy.kind == PolicyKind::kClusterNetworkPolicy ? ".protocols" : ".ports";
  const auto old = [&]() -> const PolicyRule& { return policy.rules(change.direction)[change.rule]; };
  switch (change.what) {
    case What::kAddPeer:
      return absl::StrCat("add to ", rule, peers, ": ", PeerYaml(change.part.peers[0], policy.kind));
    case What::kAddPort:
      return absl::StrCat("add to ", rule, ports, ": ", PortYaml(change.part.ports[0], policy.kind));
    case What::kInsertRule:
      return absl::StrCat(network_policy ? "add to " + place : "add before " + rule, " a rule ",
                          RuleYaml(change.part, policy.kind, change.direction));
    case What::kRemovePeer:
      return absl::StrCat("remove from ", rule, peers, ": ", PeerYaml(old().peers[change.item], policy.kind));
    case What::kRemovePort:
      return absl::StrCat("remove from ", rule, ports, ": ", PortYaml(old().ports[change.item], policy.kind));
    case What::kExcept:
      return absl::StrCat("add to ", rule, peers, "[", change.item,
                          "].ipBlock.except: ", change.part.peers[0].ip_block->cidr.ToString());
    case What::kRemoveRule:
      return "remove " + rule;
    case What::kAddPolicy:
      return NewPolicyText(policy, change.direction);
  }
  return "";
}

std::string ChangesText(const std::vector<Change>& changes) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    parts.push_back(ChangeText(change));
    // Without policyTypes a NetworkPolicy isolates egress only while it has egress rules.
    const auto removes = [&](const Change& other) {
      return other.what == Change::What::kRemoveRule && PolicyRef(other.policy) == PolicyRef(change.policy);
    };
    const bool last_rule =
        static_cast<size_t>(std::count_if(changes.begin(), changes.end(), removes)) == change.policy.rules(change.direction).size();
    if (removes(change) && last_rule && change.rule == 0 && change.direction == Direction::kEgress &&
        change.policy.kind == PolicyKind::kNetworkPolicy)
      parts.back() += " (Egress must stay in its policyTypes)";
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace bulkhead
