// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/print.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/print_tier.h"
#include "controlplane/policy/print_writer.h"

namespace bulkhead {
namespace {

void PrintPeer(int depth, const PolicyPeer& peer, YamlWriter* out) {
  out->Item();
  if (peer.namespace_selector) out->Selector(depth, "namespaceSelector", *peer.namespace_selector);
  if (peer.pod_selector) out->Selector(depth, "podSelector", *peer.pod_selector);
  if (!peer.ip_block) return;
  out->Line(depth, "ipBlock:");
  out->Line(depth + 1, "cidr: " + YamlScalar(peer.ip_block->cidr.ToString()));
  if (peer.ip_block->except.empty()) return;
  out->Line(depth + 1, "except:");
  for (const Prefix& except : peer.ip_block->except) out->Line(depth + 1, "- " + YamlScalar(except.ToString()));
}

void PrintPort(int depth, const PolicyPort& port, YamlWriter* out) {
  out->Item();
  out->Line(depth, "protocol: " + absl::AsciiStrToUpper(ProtocolName(port.protocol)));
  if (!port.name.empty()) out->Line(depth, "port: " + YamlScalar(port.name));
  if (port.first != 0) out->Line(depth, absl::StrCat("port: ", port.first));
  if (port.first != port.last) out->Line(depth, absl::StrCat("endPort: ", port.last));
}

void PrintRules(const Policy& policy, Direction direction, const PolicyComments& comments, YamlWriter* out) {
  const std::vector<PolicyRule>& rules = policy.rules(direction);
  if (rules.empty()) return;
  out->Line(1, absl::StrCat(DirectionName(direction), ":"));
  for (size_t i = 0; i < rules.size(); ++i) {
    const auto comment = comments.rules.find({direction, i});
    if (comment != comments.rules.end()) out->Comment(1, comment->second);
    out->Item();
    if (rules[i].peers.empty() && rules[i].ports.empty()) out->Line(2, "{}");
    if (!rules[i].peers.empty()) out->Line(2, direction == Direction::kIngress ? "from:" : "to:");
    for (const PolicyPeer& peer : rules[i].peers) PrintPeer(3, peer, out);
    if (!rules[i].ports.empty()) out->Line(2, "ports:");
    for (const PolicyPort& port : rules[i].ports) PrintPort(3, port, out);
  }
}

void PrintNetworkPolicySpec(const Policy& policy, const PolicyComments& comments, YamlWriter* out) {
  out->Selector(1, "podSelector", policy.pod_selector);
  out->Line(1, "policyTypes:");
  if (policy.isolates_ingress) out->Line(1, "- Ingress");
  if (policy.isolates_egress) out->Line(1, "- Egress");
  PrintRules(policy, Direction::kIngress, comments, out);
  PrintRules(policy, Direction::kEgress, comments, out);
}

}  // namespace

std::string PrintPolicy(const Policy& policy, const PolicyComments& comments) {
  YamlWriter out;
  out.Comment(0, comments.policy);
  out.Line(0, absl::StrCat("apiVersion: ", ApiVersion(policy.kind)));
  out.Line(0, absl::StrCat("kind: ", PolicyKindName(policy.kind)));
  out.Line(0, "metadata:");
  out.Line(1, "name: " + YamlScalar(policy.name));
  if (!policy.ns.empty()) out.Line(1, "namespace: " + YamlScalar(policy.ns));
  out.Map(1, "labels", policy.labels);
  out.Map(1, "annotations", policy.annotations);
  out.Line(0, "spec:");
  if (policy.kind == PolicyKind::kNetworkPolicy) {
    PrintNetworkPolicySpec(policy, comments, &out);
  } else {
    PrintTierSpec(policy, comments, &out);
  }
  return out.Take();
}

std::string PrintPolicies(const PolicyDocuments& documents) {
  std::string out;
  for (const Policy& policy : documents.policies) {
    if (!out.empty()) out += "---\n";
    out += PrintPolicy(policy);
  }
  return out;
}

}  // namespace bulkhead
