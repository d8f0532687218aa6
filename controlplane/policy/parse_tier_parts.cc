// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse_tier_parts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/validate.h"

namespace bulkhead {
namespace {

using yaml::Node;

constexpr size_t kMaxNetworks = 25;
constexpr size_t kMaxDomainNames = 25;
constexpr size_t kMaxCidrText = 43;  // characters

// "a, b or c"
std::string JoinOr(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&out, i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  }
  return out;
}

// As ParseSelector, but for labels without a value: an API server drops these from the kinds of this group, which leaves a selector
// that matches more than it seems to.
LabelSelector ParseFullSelector(const ParseContext& context, const Node& node, const std::string& what) {
  const Node* labels = node.Find("matchLabels");
  for (size_t i = 0; labels && i < labels->members.size(); ++i) {
    const auto& [key, value] = labels->members[i];
    if (value.kind != Node::Kind::kNull) continue;
    context.Error(value, absl::StrCat(what, ".matchLabels[", yaml::Quote(key.scalar), "]: found nothing, expected a string"));
  }
  return ParseSelector(context, node, what);
}

// `namespaces` or `pods`, chosen in `what`.
void ParseWorkloads(const ParseContext& context, const Choice& choice, const std::string& what, LabelSelector* namespaces,
                    LabelSelector* pods) {
  const std::string here = absl::StrCat(what, ".", choice.name);
  if (choice.name == "namespaces") {
    *namespaces = ParseFullSelector(context, *choice.value, here);
    return;
  }
  auto fields = context.Fields(*choice.value, here);
  if (const Node* node = fields.Get("namespaceSelector")) {
    *namespaces = ParseFullSelector(context, *node, absl::StrCat(here, ".namespaceSelector"));
  }
  if (const Node* node = fields.Get("podSelector", yaml::Fields::kRequired)) {
    *pods = ParseFullSelector(context, *node, absl::StrCat(here, ".podSelector"));
  }
  fields.Finish();
}

// A set, as the API has it: no item twice.
template <typename T>
void AddOnce(const ParseContext& context, const Node& node, const std::string& what, const std::string& text, T value,
             std::vector<T>* out) {
  if (std::find(out->begin(), out->end(), value) != out->end()) {
    context.Error(node, absl::StrCat(what, ": found ", text, " a second time"));
    return;
  }
  out->push_back(std::move(value));
}

void ParseNetworks(const ParseContext& context, const std::vector<Node>& items, const std::string& what, std::vector<Prefix>* out) {
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string here = absl::StrCat(what, "[", i, "]");
    const auto prefix = ParseCidr(context, items[i], here);
    if (!prefix) continue;
    if (items[i].scalar.size() > kMaxCidrText) {
      context.Error(items[i], absl::StrCat(here, ": found ", yaml::Quote(items[i].scalar), ", expected at most ", kMaxCidrText,
                                           " characters"));
      continue;
    }
    AddOnce(context, items[i], here, prefix->ToString(), *prefix, out);
  }
}

void ParseDomainNames(const ParseContext& context, const std::vector<Node>& items, const std::string& what,
                      std::vector<std::string>* out) {
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string here = absl::StrCat(what, "[", i, "]");
    const std::string expected = CheckDomainName(items[i].scalar);
    if (!yaml::IsString(items[i]) || !expected.empty()) {
      context.Error(items[i], absl::StrCat(here, ": found ", yaml::Describe(items[i]), ", expected ",
                                           expected.empty() ? "a string (write it in quotes)" : expected));
      continue;
    }
    AddOnce(context, items[i], here, items[i].scalar, items[i].scalar, out);
  }
}

// start and end of what `fields` reads: the second must be greater.
void ParseRange(const ParseContext& context, yaml::Fields* fields, const std::string& what, PolicyPort* port) {
  port->first = static_cast<uint16_t>(fields->Integer("start", 1, 65535, 0, yaml::Fields::kRequired));
  port->last = static_cast<uint16_t>(fields->Integer("end", 1, 65535, 0, yaml::Fields::kRequired));
  if (port->first == 0 || port->last == 0 || port->first < port->last) return;
  context.Error(*fields->Get("end"),
                absl::StrCat(what, ".end: found ", port->last, ", expected more than the start ", port->first));
}

void ParsePortName(const ParseContext& context, const Node& node, const std::string& what, PolicyPort* port) {
  port->protocol = 0;
  const std::string expected = CheckPortName(yaml::IsString(node) ? node.scalar : "");
  if (expected.empty()) {
    port->name = node.scalar;
  } else {
    context.Error(node, absl::StrCat(what, ": found ", yaml::Describe(node), ", expected ", expected));
  }
}

// destinationPort: a number or a range.
void ParseDestinationPort(const ParseContext& context, const Node& node, const std::string& what, PolicyPort* port) {
  const Choice choice = ChooseOne(context, node, what, {"number", "range"});
  if (choice.name == "number") {
    auto fields = context.Fields(node, what);
    port->first = port->last = static_cast<uint16_t>(fields.Integer("number", 1, 65535, 0));
  } else if (choice.name == "range") {
    const std::string here = what + ".range";
    auto fields = context.Fields(*choice.value, here);
    ParseRange(context, &fields, here, port);
    fields.Finish();
  }
}

// ClusterNetworkPolicy.
PolicyPort ParseProtocolItem(const ParseContext& context, const Node& node, const std::string& what) {
  PolicyPort port;
  const Choice choice = ChooseOne(context, node, what, {"tcp", "udp", "sctp", "destinationNamedPort"});
  if (choice.value == nullptr) return port;
  const std::string here = absl::StrCat(what, ".", choice.name);
  if (choice.name == "destinationNamedPort") {
    ParsePortName(context, *choice.value, here, &port);
    return port;
  }
  port.protocol = *ParseProtocol(choice.name);
  auto fields = context.Fields(*choice.value, here);
  if (const Node* destination = fields.Get("destinationPort", yaml::Fields::kRequired)) {
    ParseDestinationPort(context, *destination, here + ".destinationPort", &port);
  }
  fields.Finish();
  return port;
}

// AdminNetworkPolicy and BaselineAdminNetworkPolicy.
PolicyPort ParseAdminPort(const ParseContext& context, const Node& node, const std::string& what) {
  PolicyPort port;
  const Choice choice = ChooseOne(context, node, what, {"portNumber", "namedPort", "portRange"});
  if (choice.value == nullptr) return port;
  const std::string here = absl::StrCat(what, ".", choice.name);
  if (choice.name == "namedPort") {
    ParsePortName(context, *choice.value, here, &port);
    return port;
  }
  auto fields = context.Fields(*choice.value, here);
  port.protocol = ParseProtocolField(context, &fields, here);
  if (choice.name == "portRange") {
    ParseRange(context, &fields, here, &port);
  } else {
    port.first = port.last = static_cast<uint16_t>(fields.Integer("port", 1, 65535, 0, yaml::Fields::kRequired));
  }
  fields.Finish();
  return port;
}

}  // namespace

Choice ChooseOne(const ParseContext& context, const Node& node, const std::string& what, const std::vector<std::string>& names) {
  std::vector<Choice> found;
  auto fields = context.Fields(node, what);
  for (const std::string& name : names) {
    if (const Node* value = fields.Get(name)) found.push_back({name, value});
  }
  fields.Finish();
  if (node.kind != Node::Kind::kMap) return {};
  if (found.size() > 1) {
    context.Error(node, absl::StrCat(what, ": found ", found[0].name, " together with ", found[1].name, ", expected one of them"));
  }
  if (!found.empty()) return found.front();
  const bool only_known = std::all_of(node.members.begin(), node.members.end(), [&](const auto& member) {
    return std::find(names.begin(), names.end(), member.key.scalar) != names.end();
  });
  if (only_known) context.Error(node, absl::StrCat(what, ": found nothing, expected ", JoinOr(names)));  // else there is an error
  return {};
}

const std::vector<Node>& ParseItems(const ParseContext& context, yaml::Fields* fields, const std::string& what, const char* name,
                                    size_t min, size_t max) {
  static const std::vector<Node> kNone;
  const Node* list = fields->Get(name);
  const std::vector<Node>& items = fields->Items(name);
  if (!list || list->kind != Node::Kind::kSequence || (items.size() >= min && items.size() <= max)) return items;
  const std::string expected = min == 0 ? absl::StrCat("at most ", max) : absl::StrCat(min, " to ", max);
  context.Error(*list, absl::StrCat(what, ".", name, ": found ", items.size(), " items, expected ", expected));
  return kNone;
}

void ParseSubject(const ParseContext& context, const Node& node, Policy* policy) {
  const Choice choice = ChooseOne(context, node, "spec.subject", {"namespaces", "pods"});
  if (choice.value == nullptr) return;
  policy->subject_is_pods = choice.name == "pods";
  ParseWorkloads(context, choice, "spec.subject", &policy->namespace_selector, &policy->pod_selector);
}

PolicyPeer ParseTierPeer(const ParseContext& context, const Node& node, const std::string& what, PolicyKind kind,
                         Direction direction) {
  PolicyPeer peer;
  peer.pos = context.Pos(node);
  std::vector<std::string> names = {"namespaces", "pods"};
  if (direction == Direction::kEgress) names.insert(names.end(), {"nodes", "networks"});
  if (direction == Direction::kEgress && kind != PolicyKind::kBaselineAdminNetworkPolicy) names.emplace_back("domainNames");
  const Choice choice = ChooseOne(context, node, what, names);
  if (choice.value == nullptr) return peer;
  auto fields = context.Fields(node, what);
  if (choice.name == "nodes") {
    peer.node_selector = ParseFullSelector(context, *choice.value, what + ".nodes");
  } else if (choice.name == "networks") {
    ParseNetworks(context, ParseItems(context, &fields, what, "networks", 1, kMaxNetworks), what + ".networks", &peer.networks);
  } else if (choice.name == "domainNames") {
    ParseDomainNames(context, ParseItems(context, &fields, what, "domainNames", 1, kMaxDomainNames), what + ".domainNames",
                     &peer.domain_names);
  } else {
    if (choice.name == "pods") peer.pod_selector.emplace();
    peer.namespace_selector.emplace();
    LabelSelector none;
    ParseWorkloads(context, choice, what, &*peer.namespace_selector, peer.pod_selector ? &*peer.pod_selector : &none);
  }
  return peer;
}

PolicyPort ParseTierPort(const ParseContext& context, const Node& node, const std::string& what, PolicyKind kind) {
  const bool cluster = kind == PolicyKind::kClusterNetworkPolicy;
  PolicyPort port = cluster ? ParseProtocolItem(context, node, what) : ParseAdminPort(context, node, what);
  port.pos = context.Pos(node);
  return port;
}

}  // namespace bulkhead
