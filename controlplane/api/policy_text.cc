// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/policy_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "controlplane/api/json.h"

namespace bulkhead::api {
namespace {

Json SelectorDocument(const LabelSelector& selector) {
  static constexpr const char* kOperators[] = {"In", "NotIn", "Exists", "DoesNotExist"};
  Json out = Json::object();
  if (!selector.match_labels.empty()) out["matchLabels"] = selector.match_labels;
  for (const LabelRequirement& requirement : selector.match_expressions) {
    Json expression = {{"key", requirement.key}, {"operator", kOperators[static_cast<size_t>(requirement.op)]}};
    if (!requirement.values.empty()) expression["values"] = requirement.values;
    out["matchExpressions"].push_back(std::move(expression));
  }
  return out;
}

Json PeerDocument(const PolicyPeer& peer) {
  Json out = Json::object();
  if (peer.pod_selector) out["podSelector"] = SelectorDocument(*peer.pod_selector);
  if (peer.namespace_selector) out["namespaceSelector"] = SelectorDocument(*peer.namespace_selector);
  if (peer.ip_block) {
    out["ipBlock"]["cidr"] = peer.ip_block->cidr.ToString();
    for (const Prefix& except : peer.ip_block->except) out["ipBlock"]["except"].push_back(except.ToString());
  }
  return out;
}

Json PortDocument(const PolicyPort& port) {
  std::string protocol = ProtocolName(port.protocol);
  std::transform(protocol.begin(), protocol.end(), protocol.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  Json out = {{"protocol", protocol}};
  if (!port.name.empty()) {
    out["port"] = port.name;
  } else if (port.first != 0) {
    out["port"] = port.first;
    if (port.last != port.first) out["endPort"] = port.last;
  }
  return out;
}

Json RulesDocument(const std::vector<PolicyRule>& rules, const char* peers_name) {
  Json out = Json::array();
  for (const PolicyRule& rule : rules) {
    Json item = Json::object();
    for (const PolicyPeer& peer : rule.peers) item[peers_name].push_back(PeerDocument(peer));
    for (const PolicyPort& port : rule.ports) item["ports"].push_back(PortDocument(port));
    out.push_back(std::move(item));
  }
  return out;
}

Json PolicyDocument(const NetworkPolicy& policy) {
  Json out = {{"apiVersion", "networking.k8s.io/v1"}, {"kind", "NetworkPolicy"}};
  out["metadata"] = {{"name", policy.name}, {"namespace", policy.ns}};
  if (!policy.labels.empty()) out["metadata"]["labels"] = policy.labels;
  if (!policy.annotations.empty()) out["metadata"]["annotations"] = policy.annotations;
  Json& spec = out["spec"];
  spec["podSelector"] = SelectorDocument(policy.pod_selector);
  spec["policyTypes"] = Json::array();
  if (policy.isolates_ingress) spec["policyTypes"].push_back("Ingress");
  if (policy.isolates_egress) spec["policyTypes"].push_back("Egress");
  if (!policy.ingress.empty()) spec["ingress"] = RulesDocument(policy.ingress, "from");
  if (!policy.egress.empty()) spec["egress"] = RulesDocument(policy.egress, "to");
  return out;
}

// Plain only what no YAML reader can take for anything but a string; all else in double quotes, whose escapes are JSON's.
std::string Scalar(const Json& value) {
  if (!value.is_string()) return DumpJson(value);
  const std::string& text = *value.get_ptr<const std::string*>();
  static constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower = text;
  bool plain = !text.empty();
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool inner = i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/');
    plain = plain && (letter || inner);
    if (c >= 'A' && c <= 'Z') lower[i] = static_cast<char>(c + 32);
  }
  plain = plain && std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
  return plain ? text : DumpJson(value);
}

// `indent` of the lines after the first; the first continues where the caller stands.
void Write(const Json& value, size_t indent, std::string* out) {
  const std::string next = "\n" + std::string(indent, ' ');
  bool first = true;
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, item] : value.items()) {
      *out += (first ? "" : next) + Scalar(Json(key)) + ":";
      first = false;
      const bool nested = item.is_structured() && !item.empty();
      const size_t deeper = indent + (item.is_object() ? 2 : 0);
      *out += nested ? "\n" + std::string(deeper, ' ') : " ";
      Write(item, deeper, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const Json& item : value) {
      *out += (first ? "" : next) + std::string("- ");
      first = false;
      Write(item, indent + 2, out);
    }
  } else {
    *out += value.is_structured() ? DumpJson(value) : Scalar(value);
  }
}

}  // namespace

std::string PolicyYaml(const NetworkPolicy& policy) {
  std::string out;
  Write(PolicyDocument(policy), 0, &out);
  return out + "\n";
}

}  // namespace bulkhead::api
