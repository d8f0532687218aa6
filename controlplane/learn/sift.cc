// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/sift.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace bulkhead::learn {
namespace {

using RelationKey = std::tuple<Node, Node, uint8_t, uint16_t>;
using PairKey = std::tuple<Node, Node, uint8_t>;

Node NodeOf(const Party& party) {
  if (!party.IsService()) return {party.kind, "", ""};
  return {party.kind, party.ns, party.service};
}

void Add(const Evidence& evidence, const Edge& edge, Relation* relation) {
  const bool allowed = edge.verdict == Verdict::kAllow;
  const bool supporting = allowed && edge.answered > 0;
  const bool had_support = relation->answered > 0;
  if (supporting && !had_support) relation->first_seen = relation->last_seen = 0;
  if (supporting || !had_support) {
    relation->first_seen = relation->first_seen == 0 ? edge.first_seen : std::min(relation->first_seen, edge.first_seen);
    relation->last_seen = std::max(relation->last_seen, edge.last_seen);
  }
  if (allowed) relation->answered += edge.answered;
  if (edge.verdict == Verdict::kWouldDeny) relation->answered_would_deny += edge.answered;
  relation->unanswered += edge.flows > edge.answered ? edge.flows - edge.answered : 0;
  relation->denied += edge.denied;
  if (!supporting) return;
  if (!edge.peer.IsUnspecified()) relation->peers[edge.peer] += edge.answered;
  const std::string& from = evidence.parties[edge.source].image_digest;
  const std::string& to = evidence.parties[edge.destination].image_digest;
  if (!from.empty()) relation->source_digests.insert(from);
  if (!to.empty()) relation->destination_digests.insert(to);
}

Standing Judge(const Relation& relation, size_t client_ports_of_pair) {
  if (relation.source.kind == PartyKind::kUnknown || relation.destination.kind == PartyKind::kUnknown)
    return Standing::kUnknownPeer;
  if (relation.answered == 0) {
    return relation.denied > 0 || relation.answered_would_deny > 0 ? Standing::kDenied : Standing::kUnanswered;
  }
  if (relation.source.kind == PartyKind::kHost) return Standing::kNeedsNoRule;
  if (!HasPorts(relation.protocol) || relation.port == 0) return Standing::kNoPort;
  if (relation.answered == 1) return Standing::kSingle;
  const bool client_like = relation.port >= kFirstClientPort && client_ports_of_pair > 1;
  if (client_like && relation.answered < kServicePortFlows) return Standing::kClientPort;
  return Standing::kSupports;
}

}  // namespace

const char* StandingReason(Standing standing) {
  switch (standing) {
    case Standing::kSupports:
      return "supports a rule";
    case Standing::kNeedsNoRule:
      return "permitted without a rule";
    case Standing::kDenied:
      return "denied by policy, or would be";
    case Standing::kUnanswered:
      return "never answered";
    case Standing::kSingle:
      return "answered once only";
    case Standing::kClientPort:
      return "one of several high ports, like a client's";
    case Standing::kUnknownPeer:
      return "the peer is not known";
    case Standing::kNoPort:
      return "a NetworkPolicy cannot name this protocol";
    case Standing::kNoName:
      return "a NetworkPolicy cannot name this service";
  }
  return "?";
}

std::vector<Relation> Sift(const Evidence& evidence) {
  std::map<RelationKey, Relation> relations;
  for (const Edge& edge : evidence.edges) {
    const Node source = NodeOf(evidence.parties[edge.source]);
    const Node destination = NodeOf(evidence.parties[edge.destination]);
    Relation& relation = relations[{source, destination, edge.protocol, edge.port}];
    std::tie(relation.source, relation.destination) = std::pair(source, destination);
    std::tie(relation.protocol, relation.port) = std::pair(edge.protocol, edge.port);
    Add(evidence, edge, &relation);
  }
  std::map<PairKey, size_t> client_ports;
  for (const auto& [key, relation] : relations) {
    if (relation.port < kFirstClientPort || relation.answered == 0) continue;
    ++client_ports[{relation.source, relation.destination, relation.protocol}];
  }
  std::vector<Relation> out;
  for (auto& [key, relation] : relations) {
    const auto ports = client_ports.find({relation.source, relation.destination, relation.protocol});
    relation.standing = Judge(relation, ports == client_ports.end() ? 0 : ports->second);
    out.push_back(std::move(relation));
  }
  return out;
}

}  // namespace bulkhead::learn
