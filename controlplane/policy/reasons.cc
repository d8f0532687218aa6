// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/reasons.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/match.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

std::string PrefixesText(const std::vector<Prefix>& prefixes) {
  return absl::StrJoin(prefixes, ",", [](std::string* out, const Prefix& prefix) { *out += prefix.ToString(); });
}

std::string PeerWords(const PolicyPeer& peer) {
  if (peer.ip_block) {
    const std::string cidr = peer.ip_block->cidr.ToString();
    return peer.ip_block->except.empty() ? cidr : absl::StrCat(cidr, " except ", PrefixesText(peer.ip_block->except));
  }
  if (peer.node_selector) return "nodes " + SelectorText(*peer.node_selector);
  if (!peer.networks.empty()) return PrefixesText(peer.networks);
  if (!peer.domain_names.empty()) return absl::StrJoin(peer.domain_names, ",");
  const std::string pods = peer.pod_selector ? SelectorText(*peer.pod_selector) : "all";
  return peer.namespace_selector ? absl::StrCat(pods, " in namespaces ", SelectorText(*peer.namespace_selector)) : pods;
}

// The labels that the selector asks for: "app=web, no tier"; empty when it asks for none.
std::string LabelsAsked(const LabelSelector& selector, const Labels& labels) {
  std::set<std::string> keys;
  for (const auto& [key, value] : selector.match_labels) keys.insert(key);
  for (const LabelRequirement& requirement : selector.match_expressions) keys.insert(requirement.key);
  std::vector<std::string> parts;
  for (const std::string& key : keys) {
    const auto label = labels.find(key);
    parts.push_back(label == labels.end() ? absl::StrCat("no ", key) : absl::StrCat(key, "=", label->second));
  }
  return absl::StrJoin(parts, ", ");
}

std::string NamespaceReason(const LabelSelector& selector, const Party& party, const Question& question) {
  const std::string asked = LabelsAsked(selector, NamespaceLabels(*question.namespaces, party.ns));
  return absl::StrCat("namespace ", party.ns, asked.empty() ? "" : " has ", asked);
}

// Of a peer that a CIDR or a node names.
std::string WhyNotAddress(const PolicyPeer& peer, const Party& party) {
  if (!party.address) return "peer has no address";
  if (peer.node_selector) return "peer is no such node";
  const std::string address = party.address->ToString();
  if (!peer.ip_block || !peer.ip_block->cidr.Contains(*party.address)) return "peer is " + address;
  return absl::StrCat("peer ", address, " is in except");
}

std::string WhyNotPeer(const PolicyPeer& peer, const Policy& policy, const Party& party, const Question& question) {
  if (peer.ip_block || peer.node_selector || !peer.networks.empty()) return WhyNotAddress(peer, party);
  if (!peer.domain_names.empty()) return "domain names are not supported yet";
  switch (party.kind) {
    case Party::Kind::kHost:
      return "peer is the host";
    case Party::Kind::kUnknown:
      return "peer is unknown";
    case Party::Kind::kWorld:
      return "peer is no workload";
    case Party::Kind::kWorkload:
      break;
  }
  if (peer.namespace_selector) {
    if (!Matches(*peer.namespace_selector, NamespaceLabels(*question.namespaces, party.ns)))
      return NamespaceReason(*peer.namespace_selector, party, question);
  } else if (party.ns != policy.ns) {
    return absl::StrCat("peer is in namespace ", party.ns);
  }
  return "peer has " + LabelsAsked(peer.pod_selector.value_or(LabelSelector{}), party.labels);
}

std::string WhyPeer(const PolicyPeer& peer, const Party& party, const Question& question) {
  if (!peer.namespace_selector && !peer.pod_selector) {
    const std::string address = party.address->ToString();
    return absl::StrCat("peer is ", address, peer.node_selector ? " of a node" : "");
  }
  std::vector<std::string> parts;
  if (peer.pod_selector) {
    const std::string asked = LabelsAsked(*peer.pod_selector, party.labels);
    if (!asked.empty()) parts.push_back("peer has " + asked);
  }
  if (peer.namespace_selector) parts.push_back(NamespaceReason(*peer.namespace_selector, party, question));
  return parts.empty() ? absl::StrCat("peer is in namespace ", party.ns) : absl::StrJoin(parts, ", ");
}

std::string AskedPort(const Question& question) {
  const std::string protocol = ProtocolName(question.protocol);
  return HasPorts(question.protocol) ? absl::StrCat(question.port, "/", protocol) : protocol;
}

}  // namespace

std::string PeersText(const PolicyRule& rule, Direction direction) {
  const char* word = direction == Direction::kIngress ? "from " : "to ";
  if (rule.peers.empty()) return absl::StrCat(word, "anybody");
  return word + absl::StrJoin(rule.peers, " or ", [](std::string* out, const PolicyPeer& peer) { *out += PeerWords(peer); });
}

std::string PortText(const PolicyPort& port) {
  if (port.protocol == 0) return port.name;
  const std::string protocol = ProtocolName(port.protocol);
  if (!port.name.empty()) return absl::StrCat(port.name, "/", protocol);
  if (port.first == 0) return "all " + protocol;
  return port.first == port.last ? absl::StrCat(port.first, "/", protocol)
                                 : absl::StrCat(port.first, "-", port.last, "/", protocol);
}

std::string WhyMatches(const PolicyRule& rule, const Policy& policy, const Party& peer, const Question& question) {
  std::string why = "any peer";
  for (const PolicyPeer& item : rule.peers) {
    if (!PeerMatches(item, policy, peer, question)) continue;
    why = WhyPeer(item, peer, question);
    break;
  }
  for (const PolicyPort& item : rule.ports) {
    if (!PortMatches(item, question)) continue;
    return absl::StrCat(why, "; port is ", item.name.empty() ? "" : item.name + ", ", AskedPort(question));
  }
  return why;
}

std::string WhyNot(const PolicyRule& rule, const Policy& policy, const Party& peer, const Question& question) {
  if (RuleMatchesPeer(rule, policy, peer, question)) {
    if (!HasPorts(question.protocol)) return AskedPort(question) + " matches only rules without ports";
    const std::string listed =
        absl::StrJoin(rule.ports, ", ", [](std::string* out, const PolicyPort& port) { *out += PortText(port); });
    return absl::StrCat("port is ", AskedPort(question), ", not ", listed);
  }
  // Each different reason once: rules with many peers mostly have one.
  std::vector<std::string> reasons;
  for (const PolicyPeer& item : rule.peers) {
    const std::string reason = WhyNotPeer(item, policy, peer, question);
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(reason);
  }
  return absl::StrJoin(reasons, "; ");
}

}  // namespace bulkhead
