// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/sift.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "bulkhead/model/flow_record.h"
#include "controlplane/learn/direction.h"
#include "controlplane/learn/hygiene.h"

namespace bulkhead::learn {
namespace {

using RelationKey = std::tuple<Node, Node, uint8_t, uint16_t>;

// How many workloads of a service ran at the same moment.
class AtOnce {
 public:
  explicit AtOnce(const Evidence& evidence) : length_(evidence.window_seconds) {
    for (const PresenceWindow& present : evidence.presence) {
      Service& service = services_[NodeOf(evidence.parties[present.party])];
      service.windows[present.start] += present.at_once;
      if (present.at_once == 0) service.unknown.insert(present.start);
    }
    for (auto& [node, service] : services_) {
      for (const auto& [start, count] : service.windows) service.most = std::max(service.most, service.In(start));
    }
  }
  // In that window; where it is not known of it, the most that is known. What ran at the end of a window may be told of in the
  // next. 0: nothing is known.
  uint64_t In(const Node& node, uint64_t start) const {
    const auto service = services_.find(node);
    if (service == services_.end()) return 0;
    const uint64_t known = std::max(service->second.In(start), service->second.In(start + length_));
    return known > 0 ? known : service->second.most;
  }
  // The most in any window. A window that it is not known of says nothing, and must not make every workload believed.
  uint64_t Ever(const Node& node) const {
    const auto service = services_.find(node);
    return service == services_.end() ? 0 : service->second.most;
  }

 private:
  struct Service {
    std::map<uint64_t, uint64_t> windows;  // by start; of all its parties together
    std::set<uint64_t> unknown;            // windows of which a party's is not known
    uint64_t most = 0;                     // in any that is known

    uint64_t In(uint64_t start) const {
      const auto at = windows.find(start);
      return at == windows.end() || unknown.contains(start) ? 0 : at->second;
    }
  };

  const uint64_t length_;
  std::map<Node, Service> services_;
};

// Who was in quarantine when.
class Quarantined {
 public:
  // at_once must outlive it.
  Quarantined(const Evidence& evidence, const AtOnce& at_once) : parties_(evidence.parties), at_once_(at_once) {
    for (const Quarantine& quarantine : evidence.quarantines) {
      by_source_[{quarantine.party, quarantine.peer}][quarantine.start] = quarantine.workloads;
    }
  }
  // An edge that other workloads have, too, is vouched for by them. had: the workloads that had it by then. What is started later
  // vouches for nothing, and neither does any where no more ran at once than are suspected: it is a suspect's own next life.
  bool Holds(const Edge& edge, uint64_t start, uint64_t had) const {
    if (by_source_.empty()) return false;
    auto source = by_source_.find({edge.source, edge.peer});
    if (source == by_source_.end()) source = by_source_.find({edge.source, IpAddress{}});
    if (source == by_source_.end()) return false;
    const auto at = source->second.find(start);
    if (at == source->second.end()) return false;
    const uint64_t suspects = at->second;
    if (suspects == 0 || (had & ~suspects) == 0) return true;
    const uint64_t at_once = at_once_.In(NodeOf(parties_[edge.source]), start);
    return at_once > 0 && at_once <= static_cast<uint64_t>(std::popcount(suspects));
  }

 private:
  const std::vector<Party>& parties_;
  const AtOnce& at_once_;
  std::map<std::pair<size_t, IpAddress>, std::map<uint64_t, uint64_t>> by_source_;  // -> window -> workloads
};

// What of an edge counts.
struct Counted {
  uint64_t answered = 0, quarantined = 0, folded_windows = 0;
  std::vector<const EdgeWindow*> windows;
};

Counted Count(const Edge& edge, const Quarantined* quarantined) {
  Counted out;
  uint64_t in_windows = 0, told = 0;
  for (const EdgeWindow& window : edge.windows) told |= window.source_workloads;
  uint64_t had = edge.source_workloads & ~told;  // in windows that were folded
  for (const EdgeWindow& window : edge.windows) {
    in_windows += window.answered;
    had |= window.source_workloads;
    if (window.answered == 0) continue;
    if (quarantined != nullptr && quarantined->Holds(edge, window.start, had)) {
      out.quarantined += window.answered;
      continue;
    }
    out.answered += window.answered;
    out.windows.push_back(&window);
  }
  const uint64_t folded = edge.answered > in_windows ? edge.answered - in_windows : 0;
  out.folded_windows = std::min(edge.folded_windows, folded);
  (out.folded_windows > 0 ? out.answered : out.quarantined) += folded;
  return out;
}

// The latest answered flows of a relation, apart for each pair of parties and each peer: policy may tell these apart.
class LatestAnswers {
 public:
  void See(const Edge& edge) {
    if (edge.answered == 0 || edge.verdict == Verdict::kDeny) return;
    Strand& strand = strands_[{edge.source, edge.destination, edge.peer}];
    uint64_t& last = edge.verdict == Verdict::kAllow ? strand.allowed : strand.let_pass;
    last = std::max(last, edge.last_seen);
    if (edge.verdict == Verdict::kAllow) allowed_ = std::max(allowed_, edge.last_seen);
  }
  // A strand that ended does not come back to show that policy permits it now: after a window in which the others were permitted it no
  // longer counts. decided: Unix seconds; what was let pass before somebody accepted it is what was decided.
  bool IsCut(uint64_t window_seconds, uint64_t decided) const {
    return std::any_of(strands_.begin(), strands_.end(), [&](const auto& each) {
      const Strand& strand = each.second;
      return strand.let_pass > std::max(strand.allowed, decided) && strand.let_pass + window_seconds >= allowed_;
    });
  }

 private:
  struct Strand {
    uint64_t allowed = 0, let_pass = 0;  // Unix seconds
  };
  std::map<std::tuple<size_t, size_t, IpAddress>, Strand> strands_;
  uint64_t allowed_ = 0;  // of any strand
};

// Relations while edges are added to them.
class Adder {
 public:
  explicit Adder(const Evidence& evidence) : evidence_(evidence), at_once_(evidence), quarantined_(evidence, at_once_) {
    for (const Decision& decision : evidence.decisions) {
      decisions_[{decision.source, decision.destination, decision.protocol, decision.port}] = &decision;
    }
  }

  void Add(const Edge& edge) {
    const Node source = NodeOf(evidence_.parties[edge.source]);
    const Node destination = NodeOf(evidence_.parties[edge.destination]);
    Sum& sum = sums_[{source, destination, edge.protocol, edge.port}];
    Relation& relation = sum.relation;
    std::tie(relation.source, relation.destination) = std::pair(source, destination);
    std::tie(relation.protocol, relation.port) = std::pair(edge.protocol, edge.port);
    if (const auto at = decisions_.find({source, destination, edge.protocol, edge.port}); at != decisions_.end())
      relation.decision = *at->second;
    const bool accepted = relation.decision && relation.decision->accepted;
    const Counted counted = Count(edge, accepted ? nullptr : &quarantined_);
    const bool supporting = (edge.verdict == Verdict::kAllow || accepted) && counted.answered > 0;
    AddSpan(edge, supporting, &relation);
    sum.latest.See(edge);
    if (edge.verdict == Verdict::kWouldDeny) relation.answered_would_deny += edge.answered;
    relation.quarantined += counted.quarantined;
    relation.unanswered += edge.flows > edge.answered ? edge.flows - edge.answered : 0;
    relation.denied += edge.denied;
    if (edge.answered > 0) {
      relation.source_workloads |= edge.source_workloads;
      relation.destination_workloads |= edge.destination_workloads;
    }
    if (supporting) AddSupport(edge, counted, &sum);
  }

  std::vector<Relation> Take() {
    std::vector<Relation> out;
    for (auto& [key, sum] : sums_) {
      for (const auto& [start, window] : sum.windows) {
        sum.relation.windows.push_back(start);
        sum.relation.occurrences += OccurrencesIn(window, at_once_.In(sum.relation.source, start));
      }
      sum.relation.occurrences += sum.relation.folded_windows;
      sum.relation.source_at_once = at_once_.Ever(sum.relation.source);
      for (auto& [peer, seen] : sum.relation.peers_seen) {
        std::sort(seen.windows.begin(), seen.windows.end());
        seen.windows.erase(std::unique(seen.windows.begin(), seen.windows.end()), seen.windows.end());
        if (seen.windows.size() + seen.folded_windows < evidence_.hygiene.occurrences) sum.relation.thin_peers.insert(peer);
      }
      const std::optional<Decision>& decision = sum.relation.decision;
      sum.relation.cut_by_policy = sum.latest.IsCut(evidence_.window_seconds, decision ? decision->made_at : 0);
      out.push_back(std::move(sum.relation));
    }
    return out;
  }

 private:
  struct WindowSum {
    uint64_t answered = 0, workloads = 0;
    uint64_t clients = 0;  // addresses, of an outside source
  };
  struct Sum {
    Relation relation;
    std::map<uint64_t, WindowSum> windows;  // by start
    LatestAnswers latest;
  };

  // at_once: of the source's workloads; 0 = not known.
  static uint64_t OccurrencesIn(const WindowSum& window, uint64_t at_once) {
    uint64_t workloads = static_cast<uint64_t>(std::popcount(window.workloads));
    if (at_once > 0) workloads = std::min(workloads, at_once);
    const uint64_t clients = std::max(window.clients, workloads);
    return std::min(window.answered, std::max<uint64_t>(clients, 1));
  }

  static void AddSpan(const Edge& edge, bool supporting, Relation* relation) {
    const bool had_support = relation->answered > 0;
    if (supporting && !had_support) relation->first_seen = relation->last_seen = 0;
    if (!supporting && had_support) return;
    relation->first_seen = relation->first_seen == 0 ? edge.first_seen : std::min(relation->first_seen, edge.first_seen);
    relation->last_seen = std::max(relation->last_seen, edge.last_seen);
  }

  void AddSupport(const Edge& edge, const Counted& counted, Sum* sum) const {
    Relation& relation = sum->relation;
    relation.answered += counted.answered;
    // Clients outside are told apart; edges of one service may have been in the same windows.
    relation.folded_windows = relation.source.IsService() ? std::max(relation.folded_windows, counted.folded_windows)
                                                          : relation.folded_windows + counted.folded_windows;
    for (const EdgeWindow* window : counted.windows) {
      WindowSum& in_window = sum->windows[window->start];
      in_window.answered += window->answered;
      in_window.workloads |= window->source_workloads;
      if (!relation.source.IsService()) ++in_window.clients;
    }
    if (!edge.peer.IsUnspecified()) {
      relation.peers[edge.peer] += counted.answered;
      AddPeer(edge, counted, &relation.peers_seen[edge.peer]);
    }
    const std::string& from = evidence_.parties[edge.source].image_digest;
    const std::string& to = evidence_.parties[edge.destination].image_digest;
    if (!from.empty()) relation.source_digests.insert(from);
    if (!to.empty()) relation.destination_digests.insert(to);
  }

  static void AddPeer(const Edge& edge, const Counted& counted, PeerSeen* seen) {
    for (const EdgeWindow* window : counted.windows) seen->windows.push_back(window->start);
    seen->folded_windows = std::max(seen->folded_windows, counted.folded_windows);
    seen->first_seen = seen->first_seen == 0 ? edge.first_seen : std::min(seen->first_seen, edge.first_seen);
    seen->last_seen = std::max(seen->last_seen, edge.last_seen);
    seen->workloads |= edge.source_workloads;
  }

  const Evidence& evidence_;
  const AtOnce at_once_;
  const Quarantined quarantined_;
  std::map<RelationKey, const Decision*> decisions_;
  std::map<RelationKey, Sum> sums_;
};

// By the relation alone; hygiene compares it to others afterwards.
Standing Judge(const Relation& relation, const Directions& directions, const Hygiene& hygiene) {
  if (relation.decision && !relation.decision->accepted) return Standing::kRejected;
  if (relation.source.kind == PartyKind::kUnknown || relation.destination.kind == PartyKind::kUnknown)
    return Standing::kUnknownPeer;
  if (relation.answered == 0) {
    if (relation.denied > 0 || relation.answered_would_deny > 0) return Standing::kDenied;
    return relation.quarantined > 0 ? Standing::kQuarantined : Standing::kUnanswered;
  }
  if (relation.source.kind == PartyKind::kHost) return Standing::kNeedsNoRule;
  if (!HasPorts(relation.protocol) || relation.port == 0) return Standing::kNoPort;
  const Standing direction = directions.Of(relation);
  if (direction == Standing::kClientPort) return direction;
  if (relation.decision) return Standing::kSupports;
  if (direction != Standing::kSupports) return direction;
  if (relation.occurrences < hygiene.occurrences) return relation.answered == 1 ? Standing::kSingle : Standing::kSeldom;
  return Standing::kSupports;
}

}  // namespace

uint64_t Believed(uint64_t workloads, uint64_t at_once) {
  const uint64_t seen = CountWorkloads(workloads);
  return at_once == 0 ? seen : std::min(seen, at_once);
}

uint64_t BelievedWorkloads(const Relation& relation) { return Believed(relation.source_workloads, relation.source_at_once); }

std::vector<Relation> Sift(const Evidence& evidence) {
  Adder adder(evidence);
  for (const Edge& edge : evidence.edges) adder.Add(edge);
  std::vector<Relation> relations = adder.Take();
  const Directions directions(evidence, relations);
  for (Relation& relation : relations) relation.standing = Judge(relation, directions, evidence.hygiene);
  ApplyHygiene(evidence, &relations);
  return relations;
}

}  // namespace bulkhead::learn
