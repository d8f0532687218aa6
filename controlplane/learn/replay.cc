// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/learn/escapes.h"
#include "controlplane/learn/evidence_judge.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/tried_ports.h"
#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::learn {
namespace {

constexpr size_t kShownPeers = 3, kShownPorts = 8;

using RelationKey = std::tuple<Node, Node, uint8_t, uint16_t>;

// Everything answered between two nodes on one port, judged.
struct Judged {
  uint64_t permitted = 0, rejected = 0;  // flows
  uint64_t first_seen = 0, last_seen = 0;
  std::set<IpAddress> peers, rejected_peers;
  EvidenceJudge::Answer denial;  // the first
  Standing standing = Standing::kSupports;
};
using History = std::map<RelationKey, Judged>;

// Whether an answered flow of this standing tells of use that somebody would miss. What waits for review may: nobody has decided yet,
// not even whose port it is.
bool TellsOfUse(Standing standing) {
  switch (standing) {
    case Standing::kQuarantined:
    case Standing::kRejected:
    case Standing::kClientPort:
    case Standing::kUnknownPeer:
      return false;
    default:
      return true;
  }
}

History JudgeHistory(const Evidence& evidence, const std::vector<Relation>& relations, const EvidenceJudge& judge) {
  std::map<RelationKey, Standing> standings;
  for (const Relation& relation : relations) {
    standings[{relation.source, relation.destination, relation.protocol, relation.port}] = relation.standing;
  }
  History out;
  for (const Edge& edge : evidence.edges) {
    if (edge.answered == 0 || edge.verdict == Verdict::kDeny) continue;
    const RelationKey key{NodeOf(evidence.parties[edge.source]), NodeOf(evidence.parties[edge.destination]), edge.protocol,
                          edge.port};
    Judged& judged = out[key];
    if (const auto at = standings.find(key); at != standings.end()) judged.standing = at->second;
    const EvidenceJudge::Answer answer = judge.Ask(edge.source, edge.destination, edge.protocol, edge.port, edge.peer);
    if (!answer.allow && judged.rejected == 0) judged.denial = answer;
    (answer.allow ? judged.permitted : judged.rejected) += edge.answered;
    judged.first_seen = judged.first_seen == 0 ? edge.first_seen : std::min(judged.first_seen, edge.first_seen);
    judged.last_seen = std::max(judged.last_seen, edge.last_seen);
    if (edge.peer.IsUnspecified()) continue;
    judged.peers.insert(edge.peer);
    if (!answer.allow) judged.rejected_peers.insert(edge.peer);
  }
  return out;
}

std::string PartyText(const Node& node) {
  switch (node.kind) {
    case PartyKind::kUnknown:
      return "unknown";
    case PartyKind::kHost:
      return "host";
    case PartyKind::kWorld:
      return "world";
    case PartyKind::kService:
      break;
  }
  return absl::StrCat(node.ns, "/", node.service);
}

std::string PeersText(const std::set<IpAddress>& peers) {
  std::vector<std::string> shown;
  for (const IpAddress& peer : peers) {
    if (shown.size() < kShownPeers) shown.push_back(peer.ToString());
  }
  const size_t more = peers.size() - shown.size();
  return absl::StrCat(absl::StrJoin(shown, ", "), more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

std::string PortsText(const std::vector<PortKey>& ports) {
  std::vector<std::string> shown;
  for (const auto& [protocol, port] : ports) {
    if (shown.size() < kShownPorts) shown.push_back(PortText(protocol, port));
  }
  const size_t more = ports.size() - shown.size();
  return absl::StrCat(absl::StrJoin(shown, ", "), more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

api::ReplayEdge MakeEdge(const RelationKey& key, const Judged& judged, const CompiledPolicy& policy) {
  const auto& [source, destination, protocol, port] = key;
  api::ReplayEdge out;
  out.from = PartyText(source);
  out.to = PartyText(destination);
  out.protocol = ProtocolName(protocol);
  out.port = port;
  out.first_seen_unix = judged.first_seen;
  out.last_seen_unix = judged.last_seen;
  out.denied = judged.rejected > 0;
  const bool apart = !TellsOfUse(judged.standing);
  if (apart || IsForReview(judged.standing)) out.standing = StandingReason(judged.standing);
  out.answered = apart ? judged.permitted + judged.rejected : judged.rejected;
  out.peers = PeersText(apart ? judged.peers : judged.rejected_peers);
  if (!out.denied) return out;
  const SideAnswer side = DescribeSide(policy, judged.denial.side);
  out.side = DirectionName(judged.denial.direction);
  out.policy = side.policy;
  out.rule = side.rule;
  const RuleInfo& info = policy.rules[judged.denial.side.rule];
  if (info.pos.line > 0) out.position = info.pos.ToString();
  return out;
}

void Count(const Judged& judged, api::ReplayCounts* counts) {
  if (!TellsOfUse(judged.standing)) {
    ++counts->apart_edges;
    if (judged.rejected > 0) ++counts->apart_denied_edges;
    counts->apart_flows += judged.permitted + judged.rejected;
    return;
  }
  // An edge of which anything would be denied is rejected.
  ++(judged.rejected > 0 ? counts->rejected_edges : counts->permitted_edges);
  counts->permitted_flows += judged.permitted;
  counts->rejected_flows += judged.rejected;
}

// The most used first.
bool IsHeavier(const api::ReplayEdge& a, const api::ReplayEdge& b) {
  return std::tie(b.answered, a.from, a.to, a.protocol, a.port) < std::tie(a.answered, b.from, b.to, b.protocol, b.port);
}

void Cut(std::vector<api::ReplayEdge>* edges) {
  std::sort(edges->begin(), edges->end(), IsHeavier);
  if (edges->size() > kMaxReplayRows) edges->resize(kMaxReplayRows);
}

std::set<PortKey> ServicePorts(const History& history) {
  std::map<PortKey, uint64_t> flows;
  for (const auto& [key, judged] : history) {
    const auto& [source, destination, protocol, port] = key;
    if (destination.IsService() && HasPorts(protocol) && TellsOfUse(judged.standing)) {
      flows[{protocol, port}] += judged.permitted + judged.rejected;
    }
  }
  std::vector<std::pair<uint64_t, PortKey>> by_flows;
  for (const auto& [port, count] : flows) by_flows.emplace_back(count, port);
  std::sort(by_flows.rbegin(), by_flows.rend());
  if (by_flows.size() > kMaxReplayPorts) by_flows.resize(kMaxReplayPorts);
  std::set<PortKey> out;
  for (const auto& [count, port] : by_flows) out.insert(port);
  return out;
}

std::string EscapeText(const ServiceName& name) {
  return name == kWorldName ? name.second : absl::StrCat(name.first, "/", name.second);
}

void AddEscapes(const Evidence& evidence, const History& history, const EvidenceJudge& judge, const std::set<PortKey>& ports,
                std::map<ServiceName, api::ReplayCounts>* services, api::Replay* out) {
  std::set<ServiceName> names;
  for (const auto& [service, counts] : *services) names.insert(service);
  std::set<UseKey> used;
  for (const auto& [key, judged] : history) {
    const auto& [source, destination, protocol, port] = key;
    if (!TellsOfUse(judged.standing)) continue;
    const auto name = [](const Node& node) {
      return node.kind == PartyKind::kWorld ? kWorldName : ServiceName(node.ns, node.service);
    };
    used.insert({name(source), name(destination), protocol, port});
  }
  const Escapes escapes = FindEscapes(evidence, judge, names, ports, used, kMaxReplayRows);
  const auto put = [](const PairCounts& pair, api::ReplayCounts* counts) {
    std::tie(counts->possible, counts->allowed, counts->escaped) = std::tie(pair.possible, pair.allowed, pair.escaped);
  };
  put(escapes.total, &out->total);
  for (const auto& [service, pair] : escapes.services) put(pair, &(*services)[service]);
  for (const Escape& escape : escapes.pairs) {
    out->escaped.push_back(
        {EscapeText(escape.source), EscapeText(escape.destination), PortsText(escape.ports), escape.ports.size()});
  }
  out->services = names.size();
  out->ports = ports.size();
}

std::set<ServiceName> ServicesOf(const Node& a, const Node& b) {
  std::set<ServiceName> out;
  for (const Node* node : {&a, &b}) {
    if (node->IsService()) out.insert({node->ns, node->service});
  }
  return out;
}

// Every service that any edge is of, answered or not.
std::map<ServiceName, api::ReplayCounts> SeenServices(const Evidence& evidence) {
  std::map<ServiceName, api::ReplayCounts> out;
  for (const Edge& edge : evidence.edges) {
    for (const ServiceName& service : ServicesOf(NodeOf(evidence.parties[edge.source]), NodeOf(evidence.parties[edge.destination]))) {
      out.try_emplace(service);
    }
  }
  return out;
}

}  // namespace

Evidence Since(const Evidence& evidence, uint64_t since) {
  Evidence out = evidence;
  std::erase_if(out.edges, [since](const Edge& edge) { return edge.last_seen < since; });
  for (Edge& edge : out.edges) {
    // What was folded away has no time but the edge's; it counts while any of it may be of the asked time.
    const bool whole = edge.first_seen >= since || edge.windows.empty();
    if (whole) continue;
    edge.flows = edge.answered = edge.denied = 0;
    for (const EdgeWindow& window : edge.windows) {
      if (window.start + evidence.window_seconds <= since) continue;
      edge.flows += window.flows;
      edge.answered += window.answered;
      edge.denied += window.denied;
    }
    edge.first_seen = since;
  }
  return out;
}

absl::StatusOr<api::Replay> ReplayHistory(const Evidence& evidence, const std::vector<Relation>& relations,
                                          const std::vector<Policy>& draft, const View& view, uint64_t since) {
  const PolicyDocuments none;
  const auto documents = std::make_shared<const PolicyDocuments>(OverlayPolicies(view.documents ? *view.documents : none, draft));
  const auto judge = EvidenceJudge::Make(evidence, documents, view, view.policy_options);
  if (!judge.ok()) return judge.status();
  const Evidence asked = Since(evidence, since);
  const History history = JudgeHistory(asked, relations, *judge);
  api::Replay out;
  std::map<ServiceName, api::ReplayCounts> services = SeenServices(asked);
  for (const auto& [key, judged] : history) {
    const Node &source = std::get<0>(key), &destination = std::get<1>(key);
    Count(judged, &out.total);
    for (const ServiceName& service : ServicesOf(source, destination)) Count(judged, &services[service]);
    const bool first = out.first_seen_unix == 0 || judged.first_seen < out.first_seen_unix;
    if (first) out.first_seen_unix = judged.first_seen;
    out.last_seen_unix = std::max(out.last_seen_unix, judged.last_seen);
    if (!TellsOfUse(judged.standing)) {
      out.apart.push_back(MakeEdge(key, judged, judge->policy()));
    } else if (judged.rejected > 0) {
      out.rejected.push_back(MakeEdge(key, judged, judge->policy()));
    }
  }
  AddEscapes(asked, history, *judge, TriedPorts(ServicePorts(history), *documents, view), &services, &out);
  for (const auto& [service, counts] : services) out.by_service.push_back({service.first, service.second, counts});
  Cut(&out.rejected);
  Cut(&out.apart);
  return out;
}

}  // namespace bulkhead::learn
