// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/match.h"

#include <algorithm>
#include <tuple>

#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

bool BlockMatches(const IpBlock& block, const Party& party) {
  if (!party.address || !block.cidr.Contains(*party.address)) return false;
  return std::none_of(block.except.begin(), block.except.end(),
                      [&](const Prefix& except) { return except.Contains(*party.address); });
}

bool PortMatches(const PolicyPort& port, const Question& question) {
  if (port.protocol != question.protocol) return false;
  if (port.name.empty()) return port.first == 0 || (port.first <= question.port && question.port <= port.last);
  const NamedPort wanted{port.name, question.protocol, question.port};
  const auto& named = question.destination.named_ports;
  return std::find(named.begin(), named.end(), wanted) != named.end();
}

}  // namespace

bool Isolates(const Policy& policy, Direction direction, const Party& own) {
  const bool applies = direction == Direction::kIngress ? policy.isolates_ingress : policy.isolates_egress;
  return applies && own.kind == Party::Kind::kWorkload && own.ns == policy.ns && Matches(policy.pod_selector, own.labels);
}

bool PeerMatches(const PolicyPeer& peer, const Policy& policy, const Party& party,
                 const std::map<std::string, Labels>& namespaces) {
  if (peer.ip_block) return BlockMatches(*peer.ip_block, party);
  if (party.kind != Party::Kind::kWorkload) return false;
  if (peer.namespace_selector) {
    if (!Matches(*peer.namespace_selector, NamespaceLabels(namespaces, party.ns))) return false;
  } else if (party.ns != policy.ns) {
    return false;
  }
  return !peer.pod_selector || Matches(*peer.pod_selector, party.labels);
}

bool RuleMatchesPeer(const PolicyRule& rule, const Policy& policy, const Party& party,
                     const std::map<std::string, Labels>& namespaces) {
  const auto matches = [&](const PolicyPeer& peer) { return PeerMatches(peer, policy, party, namespaces); };
  return rule.peers.empty() || std::any_of(rule.peers.begin(), rule.peers.end(), matches);
}

bool RuleMatchesPort(const PolicyRule& rule, const Question& question) {
  const auto matches = [&](const PolicyPort& port) { return PortMatches(port, question); };
  return rule.ports.empty() || std::any_of(rule.ports.begin(), rule.ports.end(), matches);
}

std::vector<const Policy*> InOrder(const PolicyDocuments& documents) {
  std::vector<const Policy*> order;
  for (const Policy& policy : documents.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return std::tie(a->ns, a->name) < std::tie(b->ns, b->name); });
  return order;
}

}  // namespace bulkhead
