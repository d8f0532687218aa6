// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/print_tier.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"

namespace bulkhead {
namespace {

void PrintWorkloads(int depth, const LabelSelector& namespaces, const LabelSelector* pods, YamlWriter* out) {
  if (!pods) return out->Selector(depth, "namespaces", namespaces);
  out->Line(depth, "pods:");
  out->Selector(depth + 1, "namespaceSelector", namespaces);
  out->Selector(depth + 1, "podSelector", *pods);
}

void PrintTierPeer(int depth, const PolicyPeer& peer, YamlWriter* out) {
  out->Item();
  if (peer.node_selector) return out->Selector(depth, "nodes", *peer.node_selector);
  if (!peer.networks.empty()) {
    out->Line(depth, "networks:");
    for (const Prefix& network : peer.networks) out->Line(depth, "- " + YamlScalar(network.ToString()));
  } else if (!peer.domain_names.empty()) {
    out->Line(depth, "domainNames:");
    for (const std::string& name : peer.domain_names) out->Line(depth, "- " + YamlScalar(name));
  } else if (peer.namespace_selector) {
    PrintWorkloads(depth, *peer.namespace_selector, peer.pod_selector ? &*peer.pod_selector : nullptr, out);
  }
}

void PrintProtocolItem(int depth, const PolicyPort& port, YamlWriter* out) {
  out->Item();
  if (!port.name.empty()) return out->Line(depth, "destinationNamedPort: " + YamlScalar(port.name));
  out->Line(depth, ProtocolName(port.protocol) + ":");
  out->Line(depth + 1, "destinationPort:");
  if (port.first == port.last) return out->Line(depth + 2, absl::StrCat("number: ", port.first));
  out->Line(depth + 2, "range:");
  out->Line(depth + 3, absl::StrCat("start: ", port.first));
  out->Line(depth + 3, absl::StrCat("end: ", port.last));
}

void PrintAdminPort(int depth, const PolicyPort& port, YamlWriter* out) {
  out->Item();
  if (!port.name.empty()) return out->Line(depth, "namedPort: " + YamlScalar(port.name));
  const bool range = port.first != port.last;
  out->Line(depth, range ? "portRange:" : "portNumber:");
  out->Line(depth + 1, "protocol: " + absl::AsciiStrToUpper(ProtocolName(port.protocol)));
  if (!range) return out->Line(depth + 1, absl::StrCat("port: ", port.first));
  out->Line(depth + 1, absl::StrCat("start: ", port.first));
  out->Line(depth + 1, absl::StrCat("end: ", port.last));
}

void PrintTierRule(int depth, const PolicyRule& rule, PolicyKind kind, Direction direction, YamlWriter* out) {
  const bool cluster = kind == PolicyKind::kClusterNetworkPolicy;
  out->Item();
  if (!rule.name.empty()) out->Line(depth, "name: " + YamlScalar(rule.name));
  out->Line(depth, absl::StrCat("action: ", ActionWord(kind, rule.action)));
  out->Line(depth, direction == Direction::kIngress ? "from:" : "to:");
  for (const PolicyPeer& peer : rule.peers) PrintTierPeer(depth + 1, peer, out);
  if (rule.ports.empty()) return;
  out->Line(depth, cluster ? "protocols:" : "ports:");
  for (const PolicyPort& port : rule.ports) {
    if (cluster) {
      PrintProtocolItem(depth + 1, port, out);
    } else {
      PrintAdminPort(depth + 1, port, out);
    }
  }
}

}  // namespace

void PrintTierSpec(const Policy& policy, const PolicyComments& comments, YamlWriter* out) {
  if (policy.kind == PolicyKind::kClusterNetworkPolicy) out->Line(1, absl::StrCat("tier: ", TierName(policy.tier)));
  if (policy.kind != PolicyKind::kBaselineAdminNetworkPolicy) out->Line(1, absl::StrCat("priority: ", policy.priority));
  out->Line(1, "subject:");
  PrintWorkloads(2, policy.namespace_selector, policy.subject_is_pods ? &policy.pod_selector : nullptr, out);
  for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
    const std::vector<PolicyRule>& rules = policy.rules(direction);
    if (!rules.empty()) out->Line(1, absl::StrCat(DirectionName(direction), ":"));
    for (size_t i = 0; i < rules.size(); ++i) {
      const auto comment = comments.rules.find({direction, i});
      if (comment != comments.rules.end()) out->Comment(1, comment->second);
      PrintTierRule(2, rules[i], policy.kind, direction, out);
    }
  }
}

}  // namespace bulkhead
