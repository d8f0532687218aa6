// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/hygiene.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <utility>

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

WatchedByNode Watch(const Evidence& evidence, const std::vector<Relation>& relations) {
  WatchedByNode out;
  const auto see = [&out](const Node& node, uint64_t start) {
    Watched& watched = out[node];
    watched.first = std::min(watched.first, start);
    watched.last = std::max(watched.last, start);
  };
  for (const Relation& relation : relations) {
    for (const Node* node : {&relation.source, &relation.destination}) {
      if (relation.windows.empty()) continue;
      see(*node, relation.windows.front());
      see(*node, relation.windows.back());
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
  return relation.source.IsService() && BelievedWorkloads(relation) == 1 && !relation.windows.empty();
}

// One workload by its bit; all lives of a service that never has more than one are the same.
uint64_t Who(const Relation& relation) { return relation.source_at_once == 1 ? 0 : relation.source_workloads; }

uint64_t WindowsOf(const Relation& relation) { return relation.windows.size() + relation.folded_windows; }

class Pass {
 public:
  Pass(const Evidence& evidence, std::vector<Relation>* relations)
      : length_(std::max<uint64_t>(evidence.window_seconds, 1)),
        hygiene_(evidence.hygiene),
        watched_(Watch(evidence, *relations)),
        relations_(relations) {}

  void Run() {
    for (Relation& relation : *relations_) {
      if (IsLone(relation)) lone_[{relation.source, Who(relation)}].push_back(&relation);
      if (!OneWorkloadSeldom(relation)) continue;
      if (relation.source.IsService()) groups_[{relation.source, Who(relation)}].push_back(&relation);
      if (MayFall(relation) && Clustered(relation)) relation.standing = Standing::kClustered;
    }
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
    return static_cast<double>((watched.last - watched.first) / length_ + 1);
  }

  bool OneWorkloadSeldom(const Relation& relation) const {
    if (relation.windows.empty() || BelievedWorkloads(relation) > 1) return false;
    if (!relation.source.IsService() && relation.peers.size() > 1) return false;
    return static_cast<double>(WindowsOf(relation) * kSeldomShare) < WatchedWindows(relation);
  }

  bool Clustered(const Relation& relation) const {
    const uint64_t count = relation.windows.size();
    if (relation.folded_windows > 0 || count >= kSettledWindows) return false;
    const double stretch = static_cast<double>((relation.windows.back() - relation.windows.front()) / length_ + 1);
    return RangeChance(count, stretch / WatchedWindows(relation)) < kChance;
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
      evidence += static_cast<double>(relation->windows.size() - 1) * std::log(replicas);
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
      for (auto& [day, group] : days) {
        const bool stable = day > last_day + quiet;
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
