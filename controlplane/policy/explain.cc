// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/explain.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/match.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

std::string PeerText(const PolicyPeer& peer) {
  if (peer.ip_block) {
    std::string text = peer.ip_block->cidr.ToString();
    if (!peer.ip_block->except.empty()) {
      text +=
          " except " + absl::StrJoin(peer.ip_block->except, ",", [](std::string* out, const Prefix& p) { *out += p.ToString(); });
    }
    return text;
  }
  const std::string pods = peer.pod_selector ? SelectorText(*peer.pod_selector) : "all";
  return peer.namespace_selector ? absl::StrCat(pods, " in namespaces ", SelectorText(*peer.namespace_selector)) : pods;
}

std::string PortText(const PolicyPort& port) {
  const std::string protocol = ProtocolName(port.protocol);
  if (!port.name.empty()) return absl::StrCat(port.name, "/", protocol);
  if (port.first == 0) return "all " + protocol;
  return port.first == port.last ? absl::StrCat(port.first, "/", protocol)
                                 : absl::StrCat(port.first, "-", port.last, "/", protocol);
}

// The party's labels that the selector asks for.
std::string LabelsAsked(const LabelSelector& selector, const Labels& labels, const char* who) {
  std::set<std::string> keys;
  for (const auto& [key, value] : selector.match_labels) keys.insert(key);
  for (const LabelRequirement& requirement : selector.match_expressions) keys.insert(requirement.key);
  std::vector<std::string> parts;
  for (const std::string& key : keys) {
    const auto label = labels.find(key);
    parts.push_back(label == labels.end() ? absl::StrCat("no ", key) : absl::StrCat(key, "=", label->second));
  }
  return absl::StrCat(who, " has ", absl::StrJoin(parts, ", "));
}

std::string WhyNotPeer(const PolicyPeer& peer, const Policy& policy, const Party& party,
                       const std::map<std::string, Labels>& namespaces) {
  if (peer.ip_block) {
    if (!party.address) return "peer has no address";
    if (!peer.ip_block->cidr.Contains(*party.address)) return absl::StrCat("peer is ", party.address->ToString());
    return absl::StrCat("peer ", party.address->ToString(), " is in except");
  }
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
    const Labels labels = NamespaceLabels(namespaces, party.ns);
    if (!Matches(*peer.namespace_selector, labels)) {
      return LabelsAsked(*peer.namespace_selector, labels, absl::StrCat("namespace ", party.ns).c_str());
    }
  } else if (party.ns != policy.ns) {
    return absl::StrCat("peer is in namespace ", party.ns);
  }
  return LabelsAsked(peer.pod_selector.value_or(LabelSelector{}), party.labels, "peer");
}

// Each different reason once: rules with many peers mostly have one.
std::string WhyNotPeers(const PolicyRule& rule, const Policy& policy, const Party& party,
                        const std::map<std::string, Labels>& namespaces) {
  std::vector<std::string> reasons;
  for (const PolicyPeer& peer : rule.peers) {
    const std::string reason = WhyNotPeer(peer, policy, party, namespaces);
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(reason);
  }
  return absl::StrJoin(reasons, "; ");
}

std::string WhyNotPorts(const PolicyRule& rule, const Question& question) {
  const std::string protocol = ProtocolName(question.protocol);
  const std::string asked = HasPorts(question.protocol) ? absl::StrCat(question.port, "/", protocol) : protocol;
  const std::string allowed =
      absl::StrJoin(rule.ports, ", ", [](std::string* out, const PolicyPort& port) { absl::StrAppend(out, PortText(port)); });
  return absl::StrCat("port is ", asked, ", not ", allowed);
}

RuleTrial Try(const PolicyRule& rule, size_t index, const Policy& policy, const Question& question, Direction direction) {
  const bool ingress = direction == Direction::kIngress;
  const Party& peer = ingress ? question.source : question.destination;
  RuleTrial trial;
  trial.policy = policy.ns + "/" + policy.name;
  trial.rule = absl::StrCat(DirectionName(direction), "[", index, "]");
  trial.pos = rule.pos;
  const std::string peers = absl::StrJoin(rule.peers, " or ", [](std::string* out, const PolicyPeer& p) { *out += PeerText(p); });
  trial.peers = absl::StrCat(ingress ? "from " : "to ", rule.peers.empty() ? "anybody" : peers);
  const bool peer_matches = RuleMatchesPeer(rule, policy, peer, *question.namespaces);
  trial.matches = peer_matches && RuleMatchesPort(rule, question);
  if (!peer_matches) {
    trial.why = WhyNotPeers(rule, policy, peer, *question.namespaces);
  } else if (!trial.matches) {
    trial.why = WhyNotPorts(rule, question);
  }
  return trial;
}

void Consider(const Question& question, SideExplanation* side) {
  const bool ingress = side->direction == Direction::kIngress;
  const Party& own = ingress ? question.destination : question.source;
  for (const Policy* policy : InOrder(*question.documents)) {
    if (!Isolates(*policy, side->direction, own)) continue;
    if (side->isolates.empty()) side->pos = policy->pos;
    side->isolates.push_back(policy->ns + "/" + policy->name);
  }
  for (const Policy* policy : InOrder(*question.documents)) {
    if (!Isolates(*policy, side->direction, own)) continue;
    const std::vector<PolicyRule>& rules = ingress ? policy->ingress : policy->egress;
    for (size_t i = 0; i < rules.size(); ++i) {
      side->considered.push_back(Try(rules[i], i, *policy, question, side->direction));
      if (!side->considered.back().matches) continue;
      side->pos = rules[i].pos;
      return;
    }
  }
}

SideExplanation ExplainSide(const Question& question, Direction direction, const SideAnswer& answer) {
  SideExplanation side;
  side.direction = direction;
  side.answer = answer;
  if (answer.rule == "self") return side;
  Consider(question, &side);
  if (answer.allow && answer.policy.empty()) side.pos = {};
  if (answer.allow) return side;
  side.to_allow = Suggest(question, direction);
  if (side.to_allow) return side;
  side.hint = side.isolates.empty() ? "no policy selects this side and the default is deny: write a NetworkPolicy for it"
                                    : "no rule can name this peer: it is no known workload and has no known address";
  return side;
}

}  // namespace

Explanation Explain(const Question& question) {
  const Answer answer = Evaluate(question);
  return {answer.allow(), ExplainSide(question, Direction::kEgress, answer.egress),
          ExplainSide(question, Direction::kIngress, answer.ingress)};
}

}  // namespace bulkhead
