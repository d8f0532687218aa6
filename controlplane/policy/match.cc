// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/match.h"

#include <algorithm>
#include <tuple>

#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

bool BlockMatches(const IpBlock& block, const IpAddress& address) {
  return block.cidr.Contains(address) &&
         std::none_of(block.except.begin(), block.except.end(), [&](const Prefix& except) { return except.Contains(address); });
}

bool AnyNodeHas(const std::vector<KnownNode>* nodes, const LabelSelector& selector, const IpAddress& address) {
  return nodes != nullptr && std::any_of(nodes->begin(), nodes->end(), [&](const KnownNode& node) {
           return Matches(selector, node.labels) &&
                  std::find(node.addresses.begin(), node.addresses.end(), address) != node.addresses.end();
         });
}

}  // namespace

bool Judges(const Policy& policy, Direction direction, const Party& own, const std::map<std::string, Labels>& namespaces) {
  if (own.kind != Party::Kind::kWorkload || !policy.Judges(direction)) return false;
  const bool in_namespace = policy.kind == PolicyKind::kNetworkPolicy
                                ? own.ns == policy.ns
                                : Matches(policy.namespace_selector, NamespaceLabels(namespaces, own.ns));
  return in_namespace && Matches(policy.pod_selector, own.labels);
}

bool PeerMatches(const PolicyPeer& peer, const Policy& policy, const Party& party, const Question& question) {
  if (peer.ip_block) return party.address && BlockMatches(*peer.ip_block, *party.address);
  if (peer.node_selector) return party.address && AnyNodeHas(question.nodes, *peer.node_selector, *party.address);
  if (!peer.networks.empty()) {
    return party.address && std::any_of(peer.networks.begin(), peer.networks.end(),
                                        [&](const Prefix& network) { return network.Contains(*party.address); });
  }
  const bool selects = peer.namespace_selector || peer.pod_selector;
  if (!selects || party.kind != Party::Kind::kWorkload) return false;  // domain names match nobody
  if (peer.namespace_selector) {
    if (!Matches(*peer.namespace_selector, NamespaceLabels(*question.namespaces, party.ns))) return false;
  } else if (party.ns != policy.ns) {
    return false;
  }
  return !peer.pod_selector || Matches(*peer.pod_selector, party.labels);
}

bool PortMatches(const PolicyPort& port, const Question& question) {
  if (port.protocol != question.protocol && port.protocol != 0) return false;
  if (port.name.empty()) return port.first == 0 || (port.first <= question.port && question.port <= port.last);
  const NamedPort wanted{port.name, question.protocol, question.port};
  const auto& named = question.destination.named_ports;
  return std::find(named.begin(), named.end(), wanted) != named.end();
}

bool RuleMatchesPeer(const PolicyRule& rule, const Policy& policy, const Party& party, const Question& question) {
  const auto matches = [&](const PolicyPeer& peer) { return PeerMatches(peer, policy, party, question); };
  return rule.peers.empty() || std::any_of(rule.peers.begin(), rule.peers.end(), matches);
}

bool RuleMatchesPort(const PolicyRule& rule, const Question& question) {
  const auto matches = [&](const PolicyPort& port) { return PortMatches(port, question); };
  return rule.ports.empty() || std::any_of(rule.ports.begin(), rule.ports.end(), matches);
}

std::vector<const Policy*> InOrder(const PolicyDocuments& documents) {
  std::vector<const Policy*> order;
  for (const Policy& policy : documents.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(), [](const Policy* a, const Policy* b) {
    return std::tie(a->tier, a->priority, a->kind, a->ns, a->name) < std::tie(b->tier, b->priority, b->kind, b->ns, b->name);
  });
  return order;
}

}  // namespace bulkhead
