// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "controlplane/learn/comments.h"

namespace bulkhead::learn {
namespace {

using Peer = std::variant<Node, IpBlock>;  // a service, or addresses
using Peers = std::set<Peer>;
using Port = std::pair<uint8_t, uint16_t>;

struct Group {
  Peers peers;
  std::set<Port> ports;
  std::vector<const Relation*> relations;  // that it is made of
};

Port PortOf(const Relation& relation) { return {relation.protocol, relation.port}; }

Peers PeersOf(const Relation& relation, Direction direction, const Surroundings& surroundings) {
  const Node& other = Other(relation, direction);
  if (other.IsService()) return {other};
  Peers peers;
  if (other.kind == PartyKind::kHost) {
    for (const IpAddress& address : surroundings.host) peers.insert(IpBlock{Prefix::Host(address), {}});
    return peers;
  }
  for (const OutsideBlock& block : BlocksOf(relation, surroundings.workloads)) peers.insert(block.block);
  return peers;
}

// What talks on exactly the same ports, in one group each; or, by_port, ports that exactly the same peers use.
std::vector<Group> Merge(const std::vector<std::pair<Peers, const Relation*>>& given, bool by_port) {
  std::map<Peers, Group> by_peers;
  std::map<Port, Group> by_ports;
  for (const auto& [peers, relation] : given) {
    Group& group = by_port ? by_ports[PortOf(*relation)] : by_peers[peers];
    group.peers.insert(peers.begin(), peers.end());
    group.ports.insert(PortOf(*relation));
    group.relations.push_back(relation);
  }
  std::vector<Group> out;
  const auto take = [&out, by_port](Group& group) {
    const auto same = std::find_if(out.begin(), out.end(), [&group, by_port](const Group& other) {
      return by_port ? other.peers == group.peers : other.ports == group.ports;
    });
    if (same == out.end()) {
      out.push_back(std::move(group));
      return;
    }
    same->peers.insert(group.peers.begin(), group.peers.end());
    same->ports.insert(group.ports.begin(), group.ports.end());
    same->relations.insert(same->relations.end(), group.relations.begin(), group.relations.end());
  };
  for (auto& [port, group] : by_ports) take(group);
  for (auto& [peers, group] : by_peers) take(group);
  return out;
}

std::vector<Group> Fewest(const std::vector<std::pair<Peers, const Relation*>>& given) {
  std::vector<Group> by_port = Merge(given, true), by_peers = Merge(given, false);
  std::vector<Group>& fewest = by_peers.size() < by_port.size() ? by_peers : by_port;
  std::sort(fewest.begin(), fewest.end(),
            [](const Group& a, const Group& b) { return std::tie(a.ports, a.peers) < std::tie(b.ports, b.peers); });
  return std::move(fewest);
}

PolicyPeer PeerFor(const Peer& peer, const ServiceName& service, const Selectors& selectors) {
  PolicyPeer out;
  if (const IpBlock* block = std::get_if<IpBlock>(&peer)) {
    out.ip_block = *block;
    return out;
  }
  const Node& node = std::get<Node>(peer);
  out.pod_selector = selectors.at({node.ns, node.service});
  if (node.ns != service.first) {
    out.namespace_selector.emplace();
    out.namespace_selector->match_labels["kubernetes.io/metadata.name"] = node.ns;
  }
  return out;
}

}  // namespace

Rules MakeRules(const std::vector<Relation>& relations, const ServiceName& service, Direction direction,
                const Surroundings& surroundings) {
  const Node self{PartyKind::kService, service.first, service.second};
  std::vector<std::pair<Peers, const Relation*>> supporting;
  for (const Relation& relation : relations) {
    const Node& mine = direction == Direction::kIngress ? relation.destination : relation.source;
    if (relation.standing != Standing::kSupports || mine != self) continue;
    Peers peers = PeersOf(relation, direction, surroundings);
    if (!peers.empty()) supporting.emplace_back(std::move(peers), &relation);
  }
  Rules out;
  for (const Group& group : Fewest(supporting)) {
    PolicyRule rule;
    std::vector<std::string> comments;
    for (const Peer& peer : group.peers) rule.peers.push_back(PeerFor(peer, service, surroundings.selectors));
    for (const auto& [protocol, port] : group.ports) rule.ports.push_back({protocol, port, port, "", {}});
    for (const Relation* relation : group.relations) AddEvidence(*relation, direction, surroundings, &comments);
    out.rules.push_back(std::move(rule));
    out.comments.push_back(std::move(comments));
  }
  return out;
}

}  // namespace bulkhead::learn
