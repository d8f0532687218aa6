// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bulkhead::learn {
namespace {

using Peer = std::variant<Node, Prefix>;  // a service, or addresses
using Port = std::pair<uint8_t, uint16_t>;
using RelationsByPort = std::map<Port, std::vector<const Relation*>>;

const Node& Other(const Relation& relation, Direction direction) {
  return direction == Direction::kIngress ? relation.source : relation.destination;
}

std::set<Peer> PeersOf(const std::vector<const Relation*>& relations, Direction direction, const std::vector<IpAddress>& host) {
  std::set<Peer> peers;
  for (const Relation* relation : relations) {
    const Node& other = Other(*relation, direction);
    if (other.IsService()) {
      peers.insert(other);
    } else if (other.kind == PartyKind::kHost) {
      for (const IpAddress& address : host) peers.insert(Prefix::Host(address));
    } else if (relation->peers.size() > kMaxOutsidePeers) {
      peers.insert(Prefix{IpAddress{4, {}}, 0});
      peers.insert(Prefix{IpAddress{6, {}}, 0});
    } else {
      for (const auto& [address, answered] : relation->peers) peers.insert(Prefix::Host(address));
    }
  }
  return peers;
}

std::string DigestsText(const std::set<std::string>& digests) {
  constexpr size_t kShort = 12;  // as engines print them
  constexpr size_t kMaxShown = 3;
  std::vector<std::string> shown;
  for (const std::string& digest : digests) {
    if (shown.size() == kMaxShown) break;
    const size_t colon = digest.find(':');
    shown.push_back(Printable(std::string_view(digest).substr(colon == std::string::npos ? 0 : colon + 1).substr(0, kShort)));
  }
  const std::string more = digests.size() > kMaxShown ? absl::StrCat(" and ", digests.size() - kMaxShown, " more") : "";
  return absl::StrCat(absl::StrJoin(shown, ", "), more);
}

// What supports one peer on one port.
std::string EvidenceText(const Relation& relation, Direction direction) {
  std::string line = absl::StrCat(direction == Direction::kIngress ? "from " : "to ", NodeText(Other(relation, direction)), " ",
                                  PortText(relation.protocol, relation.port), ": ", CountText(relation.answered, "answered flow"));
  if (!relation.peers.empty()) {
    absl::StrAppend(&line, direction == Direction::kIngress ? " of " : " to ", relation.peers.size(),
                    relation.peers.size() == 1 ? " address" : " addresses");
  }
  absl::StrAppend(&line, ", ", SpanText(relation.first_seen, relation.last_seen));
  if (!relation.source_digests.empty()) absl::StrAppend(&line, "; client image ", DigestsText(relation.source_digests));
  if (!relation.destination_digests.empty()) absl::StrAppend(&line, "; server image ", DigestsText(relation.destination_digests));
  if (relation.peers.size() > kMaxOutsidePeers) {
    absl::StrAppend(&line, "; so many that the port is open to every address, other services' own included");
  }
  return line;
}

PolicyPeer PeerFor(const Peer& peer, const ServiceName& service, const Selectors& selectors) {
  PolicyPeer out;
  if (const Prefix* prefix = std::get_if<Prefix>(&peer)) {
    out.ip_block = IpBlock{*prefix, {}};
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

Rules MakeRules(const std::vector<Relation>& relations, const ServiceName& service, Direction direction, const Selectors& selectors,
                const std::vector<IpAddress>& host) {
  const Node self{PartyKind::kService, service.first, service.second};
  RelationsByPort by_port;
  for (const Relation& relation : relations) {
    const Node& mine = direction == Direction::kIngress ? relation.destination : relation.source;
    if (relation.standing == Standing::kSupports && mine == self) by_port[{relation.protocol, relation.port}].push_back(&relation);
  }
  // In the order of each group's lowest port.
  std::vector<std::pair<std::set<Peer>, std::vector<Port>>> groups;
  for (const auto& [port, supporting] : by_port) {
    std::set<Peer> peers = PeersOf(supporting, direction, host);
    if (peers.empty()) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&peers](const auto& group) { return group.first == peers; });
    if (same == groups.end()) {
      groups.emplace_back(std::move(peers), std::vector{port});
    } else {
      same->second.push_back(port);
    }
  }
  Rules out;
  for (const auto& [peers, ports] : groups) {
    PolicyRule rule;
    std::vector<std::string> comments;
    for (const Peer& peer : peers) rule.peers.push_back(PeerFor(peer, service, selectors));
    for (const Port& port : ports) {
      rule.ports.push_back({port.first, port.second, port.second, "", {}});
      for (const Relation* relation : by_port[port]) comments.push_back(EvidenceText(*relation, direction));
    }
    out.rules.push_back(std::move(rule));
    out.comments.push_back(std::move(comments));
  }
  return out;
}

}  // namespace bulkhead::learn
