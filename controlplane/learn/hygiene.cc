// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/hygiene.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "bulkhead/model/flow_record.h"
#include "controlplane/learn/peers.h"

namespace bulkhead::learn {
namespace {

constexpr uint64_t kWindowsOfADay = 24;

struct Watched {
  uint64_t first = UINT64_MAX, last = 0;  // starts of windows
  uint64_t workloads = 0;                 // bitmap, of all that opened or answered flows
  uint64_t present_ms = 0;                // of all workloads together
  std::set<uint64_t> present;             // starts of windows
};
using WatchedByNode = std::map<Node, Watched>;

// Whose behaviour a relation is.
const Node& Actor(const Relation& relation) { return relation.source.IsService() ? relation.source : relation.destination; }

// Seen: a Relation or a PeerSeen.
template <typename Seen>
uint64_t WindowsOf(const Seen& seen) {
  return seen.windows.size() + seen.folded_windows;
}

struct Span {
  uint64_t first = 0, last = 0;  // starts of windows
};

// Of the windows with an answered flow. Where those that were folded lie is known only by when it was seen first and last.
template <typename Seen>
Span SpanOf(const Seen& seen, uint64_t length) {
  Span span{seen.first_seen - seen.first_seen % length, seen.last_seen - seen.last_seen % length};
  if (seen.windows.empty()) return span;
  if (seen.folded_windows == 0) span.first = seen.windows.front();
  span.last = seen.windows.back();
  return span;
}

WatchedByNode Watch(const Evidence& evidence, const std::vector<Relation>& relations, uint64_t length) {
  WatchedByNode out;
  const auto see = [&out](const Node& node, uint64_t start) {
    Watched& watched = out[node];
    watched.first = std::min(watched.first, start);
    watched.last = std::max(watched.last, start);
  };
  for (const Relation& relation : relations) {
    for (const Node* node : {&relation.source, &relation.destination}) {
      if (WindowsOf(relation) == 0) continue;
      const Span span = SpanOf(relation, length);
      see(*node, span.first);
      see(*node, span.last);
    }
    out[relation.source].workloads |= relation.source_workloads;
    out[relation.destination].workloads |= relation.destination_workloads;
  }
  for (const PresenceWindow& present : evidence.presence) {
    const Node node = NodeOf(evidence.parties[present.party]);
    see(node, present.start);
    out[node].present_ms += present.workload_ms;
    out[node].present.insert(present.start);
  }
  return out;
}

// How many workloads of it there were at a time, as a rule. Those that came after each other do not make chance any smaller.
double Replicas(const Watched& watched, uint64_t length) {
  const double seen = std::popcount(watched.workloads);
  if (watched.present_ms == 0) return seen;
  const double at_a_time = static_cast<double>(watched.present_ms) / 1000 / static_cast<double>(watched.present.size() * length);
  return std::min(seen, std::round(at_a_time));
}

// One workload's alone, of a service, and answered outside quarantine.
bool IsLone(const Relation& relation) {
  return relation.source.IsService() && BelievedWorkloads(relation) == 1 && WindowsOf(relation) > 0;
}

// One workload by its bit; all lives of a service that never has more than one are the same.
uint64_t Who(const Relation& relation) { return relation.source_at_once == 1 ? 0 : relation.source_workloads; }

// How many lives of a service's workloads ended for others to begin. One who sits in a workload may have had so many and one more.
uint64_t Successors(const Watched& watched, uint64_t at_once) {
  const uint64_t lives = CountWorkloads(watched.workloads);
  return at_once == 0 || lives <= at_once ? 0 : lives - at_once;
}

class Pass {
 public:
  Pass(const Evidence& evidence, std::vector<Relation>* relations)
      : length_(std::max<uint64_t>(evidence.window_seconds, 1)),
        hygiene_(evidence.hygiene),
        watched_(Watch(evidence, *relations, length_)),
        relations_(relations) {}

  void Run() {
    for (Relation& relation : *relations_) {
      if (IsLone(relation)) lone_[{relation.source, Who(relation)}].push_back(&relation);
      if (!OneWorkloadSeldom(relation)) continue;
      if (relation.source.IsService()) groups_[{relation.source, WhoMaybe(relation)}].push_back(&relation);
      if (!MayFall(relation)) continue;
      if (IsMostlyFolded(relation)) {
        relation.standing = Standing::kSeldom;
      } else if (IsClustered(relation, WatchedWindows(relation))) {
        relation.standing = Standing::kClustered;
      }
    }
    for (Relation& relation : *relations_) JudgePeers(&relation);
    for (auto& [key, group] : groups_) MarkBursts(group);
    for (auto& [key, group] : lone_) MarkDeviants(Replicas(watched_[key.first], length_), group);
    CapNovelty();
  }

 private:
  using Group = std::vector<Relation*>;

  static bool MayFall(const Relation& relation) { return relation.standing == Standing::kSupports && !relation.decision; }

  double WatchedWindows(const Relation& relation) const {
    const Watched& watched = watched_.at(Actor(relation));
    if (watched.last < watched.first) return 1;
    const uint64_t all = (watched.last - watched.first) / length_ + 1;
    // A job that runs once a night has its edges each time it runs: windows in between tell nothing of it.
    const uint64_t absent =
        watched.present.empty() ? 0 : (*watched.present.rbegin() - *watched.present.begin()) / length_ + 1 - watched.present.size();
    return static_cast<double>(absent < all ? all - absent : 1);
  }

  template <typename Seen>
  static bool IsSeldom(const Seen& seen, double watched) {
    return WindowsOf(seen) > 0 && static_cast<double>(WindowsOf(seen) * kSeldomShare) < watched;
  }

  // Whether these workloads may all be one, which was ended and started again.
  bool MayBeOne(uint64_t workloads, const Relation& relation) const {
    const uint64_t at_once = relation.source_at_once;
    return Believed(workloads, at_once) <= 1 || CountWorkloads(workloads) <= 1 + Successors(watched_.at(relation.source), at_once);
  }
  // Of a service whose workloads give way to others nobody can tell whose rare edges they are: as if all were one's.
  uint64_t WhoMaybe(const Relation& relation) const {
    return Successors(watched_.at(relation.source), relation.source_at_once) > 0 ? 0 : Who(relation);
  }

  bool OneWorkloadSeldom(const Relation& relation) const {
    if (!MayBeOne(relation.source_workloads, relation)) return false;
    if (!relation.source.IsService() && relation.peers.size() > 1) return false;
    return IsSeldom(relation, WatchedWindows(relation));
  }

  // What is left of its windows would not support a rule, and how the others lay cannot be told any more.
  template <typename Seen>
  bool IsMostlyFolded(const Seen& seen) const {
    return seen.folded_windows > 0 && seen.windows.size() < hygiene_.occurrences;
  }

  template <typename Seen>
  bool IsClustered(const Seen& seen, double watched) const {
    const uint64_t count = WindowsOf(seen);
    const Span span = SpanOf(seen, length_);
    if (count >= kSettledWindows || span.last < span.first) return false;
    return RangeChance(count, static_cast<double>((span.last - span.first) / length_ + 1) / watched) < kChance;
  }

  // An address of one workload alone is an edge of its own: an episode of it is not more than a flow.
  bool IsEpisode(const PeerSeen& seen, const Relation& relation) const {
    const double watched = WatchedWindows(relation);
    return MayBeOne(seen.workloads, relation) && IsSeldom(seen, watched) && (IsMostlyFolded(seen) || IsClustered(seen, watched));
  }

  // Clients outside are not asked: see peers.h.
  void JudgePeers(Relation* relation) const {
    const bool outwards = relation->source.IsService() && relation->destination.kind == PartyKind::kWorld;
    if (relation->standing != Standing::kSupports || !outwards || relation->peers.empty()) return;
    for (const auto& [peer, seen] : relation->peers_seen) {
      if (IsEpisode(seen, *relation)) relation->thin_peers.insert(peer);
    }
    SetPeersAside(CountWorkloads(watched_.at(relation->source).workloads), hygiene_.occurrences, relation);
    if (relation->peers.empty()) relation->standing = Standing::kSeldom;
  }

  static void MarkBursts(const Group& group) {
    if (group.size() < kCompany) return;
    std::map<uint64_t, size_t> used;  // window -> relations of the group
    for (const Relation* relation : group) {
      for (const uint64_t start : relation->windows) ++used[start];
    }
    for (Relation* relation : group) {
      const auto crowded = std::count_if(relation->windows.begin(), relation->windows.end(),
                                         [&used](uint64_t start) { return used[start] >= kCompany; });
      const bool mostly = static_cast<size_t>(crowded) * 3 >= relation->windows.size() * 2;
      if (MayFall(*relation) && mostly) relation->standing = Standing::kBurst;
    }
  }

  static void MarkDeviants(double replicas, const Group& group) {
    if (replicas < 2 || group.size() < kCompany) return;
    double evidence = 0;
    for (const Relation* relation : group) {
      evidence += static_cast<double>(WindowsOf(*relation) - 1) * std::log(replicas);
    }
    if (evidence < -std::log(kChance)) return;
    for (Relation* relation : group) {
      if (MayFall(*relation)) relation->standing = Standing::kDeviant;
    }
  }

  void CapNovelty() {
    std::map<Node, std::map<uint64_t, Group>> by_day;
    const uint64_t day_seconds = length_ * kWindowsOfADay;
    for (Relation& relation : *relations_) {
      if (relation.standing == Standing::kSupports) by_day[Actor(relation)][relation.first_seen / day_seconds].push_back(&relation);
    }
    const uint64_t quiet = (hygiene_.stable_windows + kWindowsOfADay - 1) / kWindowsOfADay;  // days
    for (auto& [node, days] : by_day) {
      uint64_t last_day = days.begin()->first;
      bool stable = false;  // once it is, it stays so: else one new edge would open the next day to any number
      for (auto& [day, group] : days) {
        stable = stable || day > last_day + quiet;
        last_day = day;
        if (!stable || group.size() <= hygiene_.new_edges_a_day) continue;
        for (Relation* relation : group) {
          if (MayFall(*relation)) relation->standing = Standing::kOverCap;
        }
      }
    }
  }

  const uint64_t length_;
  const Hygiene hygiene_;
  WatchedByNode watched_;
  std::vector<Relation>* const relations_;
  // By service and workload (Who):
  std::map<std::pair<Node, uint64_t>, Group> groups_;  // seldom
  std::map<std::pair<Node, uint64_t>, Group> lone_;    // that workload's alone, whether seldom or not
};

}  // namespace

double RangeChance(uint64_t n, double x) {
  if (x >= 1 || n < 2) return 1;
  const double count = static_cast<double>(n);
  return count * std::pow(x, count - 1) - (count - 1) * std::pow(x, count);
}

void ApplyHygiene(const Evidence& evidence, std::vector<Relation>* relations) { Pass(evidence, relations).Run(); }

}  // namespace bulkhead::learn
