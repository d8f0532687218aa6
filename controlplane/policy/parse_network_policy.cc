// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse_network_policy.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/validate.h"

namespace bulkhead {
namespace {

using yaml::Node;

IpBlock ParseIpBlock(const ParseContext& context, const Node& node, const std::string& what) {
  IpBlock block;
  auto fields = context.Fields(node, what);
  const Node* cidr_node = fields.Get("cidr", yaml::Fields::kRequired);
  const auto cidr = cidr_node ? ParseCidr(context, *cidr_node, absl::StrCat(what, ".cidr")) : std::nullopt;
  if (cidr) block.cidr = *cidr;
  int index = 0;
  for (const Node& item : fields.Items("except")) {
    const std::string here = absl::StrCat(what, ".except[", index++, "]");
    const auto except = ParseCidr(context, item, here);
    if (!except || !cidr) continue;
    if (!cidr->Contains(*except) || except->length == cidr->length) {
      context.Error(item, absl::StrCat(here, ": found ", except->ToString(), ", expected a strict subset of ", cidr->ToString()));
      continue;
    }
    block.except.push_back(*except);
  }
  fields.Finish();
  return block;
}

PolicyPeer ParsePeer(const ParseContext& context, const Node& node, const std::string& what) {
  PolicyPeer peer;
  peer.pos = context.Pos(node);
  auto fields = context.Fields(node, what);
  if (const Node* selector = fields.Get("podSelector")) {
    peer.pod_selector = ParseSelector(context, *selector, absl::StrCat(what, ".podSelector"));
  }
  if (const Node* selector = fields.Get("namespaceSelector")) {
    peer.namespace_selector = ParseSelector(context, *selector, absl::StrCat(what, ".namespaceSelector"));
  }
  if (const Node* block = fields.Get("ipBlock")) peer.ip_block = ParseIpBlock(context, *block, absl::StrCat(what, ".ipBlock"));
  fields.Finish();
  if (node.kind != Node::Kind::kMap) return peer;
  const bool selects = peer.pod_selector || peer.namespace_selector;
  if (!selects && !peer.ip_block) {
    context.Error(node, absl::StrCat(what, ": found an empty peer, expected podSelector, namespaceSelector or ipBlock"));
  }
  if (selects && peer.ip_block) {
    context.Error(node, absl::StrCat(what, ": found ipBlock together with a selector, expected one of them"));
  }
  return peer;
}

// A port's number, or its name; 0 after an error.
void ParsePortNumber(const ParseContext& context, const Node& node, const std::string& what, PolicyPort* port) {
  if (node.kind == Node::Kind::kScalar && yaml::IsString(node)) {
    const std::string expected = CheckPortName(node.scalar);
    if (expected.empty()) {
      port->name = node.scalar;
    } else {
      context.Error(node, absl::StrCat(what, ".port: found ", yaml::Describe(node), ", expected a port number, or ", expected));
    }
    return;
  }
  int number = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  const auto [stop, error] = std::from_chars(node.scalar.data(), end, number);
  if (node.kind != Node::Kind::kScalar || error != std::errc() || stop != end || number < 1 || number > 65535) {
    context.Error(node,
                  absl::StrCat(what, ".port: found ", yaml::Describe(node), ", expected a port from 1 to 65535 or a port's name"));
    return;
  }
  port->first = port->last = static_cast<uint16_t>(number);
}

PolicyPort ParsePort(const ParseContext& context, const Node& node, const std::string& what) {
  PolicyPort port;
  port.pos = context.Pos(node);
  auto fields = context.Fields(node, what);
  port.protocol = ParseProtocolField(context, &fields, what);
  const Node* number = fields.Get("port");
  if (number) ParsePortNumber(context, *number, what, &port);
  if (const Node* end = fields.Get("endPort")) {
    const auto last = fields.Integer("endPort", 1, 65535, 0);
    if (!number || !port.name.empty()) {
      context.Error(*end, absl::StrCat(what, ".endPort: found an end without a number to begin at, expected port to be a number"));
    } else if (last != 0 && port.first != 0 && last < port.first) {
      context.Error(*end, absl::StrCat(what, ".endPort: found ", last, ", expected at least the port ", port.first));
    } else if (last != 0) {
      port.last = static_cast<uint16_t>(last);
    }
  }
  fields.Finish();
  return port;
}

PolicyRule ParseRule(const ParseContext& context, const Node& node, const std::string& what, const char* peers) {
  PolicyRule rule;
  rule.pos = context.Pos(node);
  auto fields = context.Fields(node, what);
  int index = 0;
  for (const Node& item : fields.Items(peers)) {
    rule.peers.push_back(ParsePeer(context, item, absl::StrCat(what, ".", peers, "[", index++, "]")));
  }
  index = 0;
  for (const Node& item : fields.Items("ports")) {
    rule.ports.push_back(ParsePort(context, item, absl::StrCat(what, ".ports[", index++, "]")));
  }
  fields.Finish();
  return rule;
}

void ParseTypes(const ParseContext& context, const std::vector<Node>& items, Policy* policy) {
  for (const Node& item : items) {
    if (item.scalar == "Ingress") {
      policy->isolates_ingress = true;
    } else if (item.scalar == "Egress") {
      policy->isolates_egress = true;
    } else {
      context.Error(item, absl::StrCat("spec.policyTypes: found ", yaml::Describe(item), ", expected Ingress or Egress"));
    }
  }
  if (items.empty()) {
    policy->isolates_ingress = true;
    policy->isolates_egress = !policy->egress.empty();
  }
}

void ParseSpec(const ParseContext& context, const Node& node, Policy* policy) {
  auto fields = context.Fields(node, "spec");
  if (const Node* selector = fields.Get("podSelector"))
    policy->pod_selector = ParseSelector(context, *selector, "spec.podSelector");
  int index = 0;
  for (const Node& item : fields.Items("ingress")) {
    policy->ingress.push_back(ParseRule(context, item, absl::StrCat("spec.ingress[", index++, "]"), "from"));
  }
  index = 0;
  for (const Node& item : fields.Items("egress")) {
    policy->egress.push_back(ParseRule(context, item, absl::StrCat("spec.egress[", index++, "]"), "to"));
  }
  ParseTypes(context, fields.Items("policyTypes"), policy);
  fields.Finish();
}

}  // namespace

Policy ParseNetworkPolicy(const ParseContext& context, const Node& node) {
  Policy policy;
  policy.pos = context.Pos(node);
  auto fields = context.Fields(node, "");
  for (const char* known : {"apiVersion", "kind", "status"}) fields.Ignore(known);
  ParseMeta(context, node, fields.Get("metadata"), &policy);
  if (const Node* spec = fields.Get("spec")) {
    ParseSpec(context, *spec, &policy);
  } else {
    ParseTypes(context, {}, &policy);  // as the API server does: every pod of the namespace, isolated for ingress
  }
  fields.Finish();
  return policy;
}

}  // namespace bulkhead
