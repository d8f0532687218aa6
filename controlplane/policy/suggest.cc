// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/suggest.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/match.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

// The label that tells the peer's service: what people write first, what is implicit last.
LabelSelector ServiceSelector(const Labels& labels) {
  LabelSelector selector;
  for (const char* key : {"app.kubernetes.io/name", "app", "com.docker.compose.service", "com.docker.swarm.service.name", "k8s-app",
                          "bulkhead.dev/service"}) {
    const auto label = labels.find(key);
    if (label == labels.end()) continue;
    selector.match_labels.insert(*label);
    return selector;
  }
  if (!labels.empty()) selector.match_labels.insert(*labels.begin());
  return selector;
}

std::optional<PolicyPeer> PeerOf(const Party& party, const std::string& own_ns) {
  PolicyPeer peer;
  if (party.kind == Party::Kind::kWorkload) {
    peer.pod_selector = ServiceSelector(party.labels);
    if (party.ns == own_ns) return peer;
    peer.namespace_selector.emplace();
    peer.namespace_selector->match_labels[kNamespaceNameLabel] = party.ns;
    return peer;
  }
  if (!party.address || party.kind == Party::Kind::kUnknown) return std::nullopt;
  peer.ip_block = IpBlock{Prefix::Host(*party.address), {}};
  return peer;
}

bool IsOnePort(const PolicyRule& rule) {
  return rule.ports.size() == 1 &&
         (!rule.ports[0].name.empty() || (rule.ports[0].first != 0 && rule.ports[0].first == rule.ports[0].last));
}

class Suggester {
 public:
  Suggester(const Question& question, Direction direction)
      : question_(question),
        direction_(direction),
        own_(direction == Direction::kIngress ? question.destination : question.source),
        peer_(direction == Direction::kIngress ? question.source : question.destination) {}

  std::optional<Change> Best() const {
    const auto peer = PeerOf(peer_, own_.ns);
    if (!peer) return std::nullopt;
    std::optional<Change> new_rule;
    for (const Policy* policy : InOrder(*question_.documents)) {
      if (!Isolates(*policy, direction_, own_)) continue;
      if (auto small = ExtendRule(*policy, *peer)) return small;
      // Rather into a policy about this workload than into one about everybody.
      const bool specific = !policy->pod_selector.match_labels.empty() || !policy->pod_selector.match_expressions.empty();
      if (new_rule && !specific) continue;
      new_rule = Change{policy->ns, policy->name, direction_, -1, {}};
      new_rule->addition.peers.push_back(*peer);
      if (HasPorts(question_.protocol)) new_rule->addition.ports.push_back(Port());
    }
    return new_rule;
  }

 private:
  PolicyPort Port() const { return {question_.protocol, question_.port, question_.port, "", {}}; }

  // One more peer where that opens just this port, or one more port where that opens it to just this peer.
  std::optional<Change> ExtendRule(const Policy& policy, const PolicyPeer& peer) const {
    const std::vector<PolicyRule>& rules = direction_ == Direction::kIngress ? policy.ingress : policy.egress;
    for (size_t i = 0; i < rules.size(); ++i) {
      Change change{policy.ns, policy.name, direction_, static_cast<int>(i), {}};
      if (!rules[i].peers.empty() && IsOnePort(rules[i]) && RuleMatchesPort(rules[i], question_)) {
        change.addition.peers.push_back(peer);
        return change;
      }
      const bool this_peer = rules[i].peers.size() == 1 && RuleMatchesPeer(rules[i], policy, peer_, *question_.namespaces);
      if (this_peer && !rules[i].ports.empty() && HasPorts(question_.protocol)) {
        change.addition.ports.push_back(Port());
        return change;
      }
    }
    return std::nullopt;
  }

  const Question& question_;
  const Direction direction_;
  const Party& own_;
  const Party& peer_;
};

std::string PeerText(const PolicyPeer& peer) {
  const auto labels = [](const LabelSelector& selector) {
    return absl::StrCat("{", absl::StrJoin(selector.match_labels, ", ", absl::PairFormatter(": ")), "}");
  };
  if (peer.ip_block) return absl::StrCat("ipBlock {cidr: ", peer.ip_block->cidr.ToString(), "}");
  std::vector<std::string> parts;
  if (peer.namespace_selector) parts.push_back("namespaceSelector " + labels(*peer.namespace_selector));
  if (peer.pod_selector) parts.push_back("podSelector " + labels(*peer.pod_selector));
  return absl::StrJoin(parts, " with ");
}

std::string PortText(const PolicyPort& port) {
  return absl::StrCat("{protocol: ", absl::AsciiStrToUpper(ProtocolName(port.protocol)), ", port: ", port.first, "}");
}

}  // namespace

std::optional<Change> Suggest(const Question& question, Direction direction) { return Suggester(question, direction).Best(); }

void Apply(const Change& change, PolicyDocuments* documents) {
  for (Policy& policy : documents->policies) {
    if (policy.ns != change.ns || policy.name != change.policy) continue;
    std::vector<PolicyRule>& rules = change.direction == Direction::kIngress ? policy.ingress : policy.egress;
    if (change.rule < 0) {
      rules.push_back(change.addition);
      continue;
    }
    PolicyRule& rule = rules[static_cast<size_t>(change.rule)];
    rule.peers.insert(rule.peers.end(), change.addition.peers.begin(), change.addition.peers.end());
    rule.ports.insert(rule.ports.end(), change.addition.ports.begin(), change.addition.ports.end());
  }
}

std::string ChangeText(const Change& change) {
  const std::string place = absl::StrCat("add to ", change.policy, " ", DirectionName(change.direction));
  const char* peers = change.direction == Direction::kIngress ? "from" : "to";
  if (change.rule >= 0) {
    const std::string rule = absl::StrCat(place, "[", change.rule, "].");
    if (!change.addition.peers.empty()) return absl::StrCat(rule, peers, ": ", PeerText(change.addition.peers[0]));
    return absl::StrCat(rule, "ports: ", PortText(change.addition.ports[0]));
  }
  const std::string text = absl::StrCat(place, " a rule ", peers, ": ", PeerText(change.addition.peers[0]));
  return change.addition.ports.empty() ? text + ", without ports"
                                       : absl::StrCat(text, ", ports: ", PortText(change.addition.ports[0]));
}

}  // namespace bulkhead
