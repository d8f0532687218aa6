// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/print.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

// A scalar that YAML reads as this very string: plain where that is safe, else in double quotes (YAML 1.2 section 7.3.1).
std::string Scalar(const std::string& text) {
  const auto plain = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; };
  yaml::Node as_plain;
  as_plain.kind = yaml::Node::Kind::kScalar;
  as_plain.scalar = text;
  const bool safe = !text.empty() && absl::ascii_isalpha(text[0]) && std::all_of(text.begin(), text.end(), plain) &&
                    yaml::IsString(as_plain) && absl::AsciiStrToLower(text) != "null";
  if (safe) return text;
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof(hex), "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

class Printer {
 public:
  explicit Printer(const PolicyComments& comments) : comments_(comments) {}

  std::string Document(const Policy& policy) {
    Comment(0, comments_.policy);
    Line(0, "apiVersion: networking.k8s.io/v1");
    Line(0, "kind: NetworkPolicy");
    Line(0, "metadata:");
    Line(1, "name: " + Scalar(policy.name));
    Line(1, "namespace: " + Scalar(policy.ns));
    Map(1, "labels", policy.labels);
    Map(1, "annotations", policy.annotations);
    Line(0, "spec:");
    Selector(1, "podSelector", policy.pod_selector);
    Line(1, "policyTypes:");
    if (policy.isolates_ingress) Line(1, "- Ingress");
    if (policy.isolates_egress) Line(1, "- Egress");
    Rules(policy.ingress, Direction::kIngress, "from");
    Rules(policy.egress, Direction::kEgress, "to");
    return std::move(out_);
  }

 private:
  // The next line begins a list item: "- " stands where its indentation would end.
  void Item() { item_ = true; }

  void Line(int depth, const std::string& text) {
    std::string indent(static_cast<size_t>(depth) * 2, ' ');
    if (item_) indent.replace(indent.size() - 2, 2, "- ");
    item_ = false;
    absl::StrAppend(&out_, indent, text, "\n");
  }

  void Comment(int depth, const std::vector<std::string>& lines) {
    for (std::string line : lines) {
      std::replace_if(
          line.begin(), line.end(), [](char c) { return absl::ascii_iscntrl(c); }, ' ');
      absl::StrAppend(&out_, std::string(static_cast<size_t>(depth) * 2, ' '), "# ", line, "\n");
    }
  }

  void Map(int depth, const std::string& name, const Labels& labels) {
    if (labels.empty()) return;
    Line(depth, name + ":");
    for (const auto& [key, value] : labels) Line(depth + 1, absl::StrCat(Scalar(key), ": ", Scalar(value)));
  }

  void Selector(int depth, const std::string& name, const LabelSelector& selector) {
    if (selector.match_labels.empty() && selector.match_expressions.empty()) return Line(depth, name + ": {}");
    Line(depth, name + ":");
    Map(depth + 1, "matchLabels", selector.match_labels);
    if (selector.match_expressions.empty()) return;
    Line(depth + 1, "matchExpressions:");
    for (const LabelRequirement& requirement : selector.match_expressions) {
      static constexpr const char* kNames[] = {"In", "NotIn", "Exists", "DoesNotExist"};
      Item();
      Line(depth + 2, "key: " + Scalar(requirement.key));
      Line(depth + 2, absl::StrCat("operator: ", kNames[static_cast<int>(requirement.op)]));
      if (requirement.values.empty()) continue;
      Line(depth + 2, "values:");
      for (const std::string& value : requirement.values) Line(depth + 2, "- " + Scalar(value));
    }
  }

  void Peer(int depth, const PolicyPeer& peer) {
    Item();
    if (peer.namespace_selector) Selector(depth, "namespaceSelector", *peer.namespace_selector);
    if (peer.pod_selector) Selector(depth, "podSelector", *peer.pod_selector);
    if (!peer.ip_block) return;
    Line(depth, "ipBlock:");
    Line(depth + 1, "cidr: " + Scalar(peer.ip_block->cidr.ToString()));
    if (peer.ip_block->except.empty()) return;
    Line(depth + 1, "except:");
    for (const Prefix& except : peer.ip_block->except) Line(depth + 1, "- " + Scalar(except.ToString()));
  }

  void Port(int depth, const PolicyPort& port) {
    Item();
    Line(depth, "protocol: " + absl::AsciiStrToUpper(ProtocolName(port.protocol)));
    if (!port.name.empty()) Line(depth, "port: " + Scalar(port.name));
    if (port.first != 0) Line(depth, absl::StrCat("port: ", port.first));
    if (port.first != port.last) Line(depth, absl::StrCat("endPort: ", port.last));
  }

  void Rules(const std::vector<PolicyRule>& rules, Direction direction, const char* peers) {
    if (rules.empty()) return;
    Line(1, absl::StrCat(DirectionName(direction), ":"));
    for (size_t i = 0; i < rules.size(); ++i) {
      const auto comment = comments_.rules.find({direction, i});
      if (comment != comments_.rules.end()) Comment(1, comment->second);
      Item();
      if (rules[i].peers.empty() && rules[i].ports.empty()) Line(2, "{}");
      if (!rules[i].peers.empty()) Line(2, absl::StrCat(peers, ":"));
      for (const PolicyPeer& peer : rules[i].peers) Peer(3, peer);
      if (!rules[i].ports.empty()) Line(2, "ports:");
      for (const PolicyPort& port : rules[i].ports) Port(3, port);
    }
  }

  const PolicyComments& comments_;
  std::string out_;
  bool item_ = false;
};

}  // namespace

std::string PrintNetworkPolicy(const Policy& policy, const PolicyComments& comments) {
  return Printer(comments).Document(policy);
}

std::string PrintPolicies(const PolicyDocuments& documents) {
  std::string out;
  for (const Policy& policy : documents.policies) {
    if (!out.empty()) out += "---\n";
    out += PrintNetworkPolicy(policy);
  }
  return out;
}

}  // namespace bulkhead
