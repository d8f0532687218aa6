// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/readiness.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {
namespace {

using EdgeKey = std::tuple<Node, Node, uint8_t, uint16_t>;

constexpr uint64_t kHoursOfTheWeek = 168;
constexpr uint64_t kThursday = 72;  // 1970-01-01 00:00, in hours since Monday

struct Seen {
  uint64_t incidences = 0;  // workload-hours, at least
  uint64_t first_seen = 0;
};

// One version of a service.
struct Profile {
  uint64_t workload_ms = 0;
  std::set<uint64_t> windows;  // starts
  uint64_t folded = 0;         // windows of which only the number is known: of the edge that has most
  uint64_t first_seen = UINT64_MAX, last_seen = 0;
  std::map<EdgeKey, Seen> edges;
};
using Profiles = std::map<std::pair<Node, std::string>, Profile>;

void AddEdge(const Evidence& evidence, const Edge& edge, bool as_source, Profiles* profiles) {
  const Party& party = evidence.parties[as_source ? edge.source : edge.destination];
  if (!party.IsService() || edge.answered == 0) return;
  Profile& profile = (*profiles)[{NodeOf(party), party.image_digest}];
  profile.first_seen = std::min(profile.first_seen, edge.first_seen);
  profile.last_seen = std::max(profile.last_seen, edge.last_seen);
  profile.folded = std::max(profile.folded, edge.folded_windows);
  const Node source = NodeOf(evidence.parties[edge.source]), destination = NodeOf(evidence.parties[edge.destination]);
  Seen& seen = profile.edges[{source, destination, edge.protocol, edge.port}];
  seen.first_seen = seen.first_seen == 0 ? edge.first_seen : std::min(seen.first_seen, edge.first_seen);
  seen.incidences += edge.folded_windows;
  for (const EdgeWindow& window : edge.windows) {
    if (window.answered == 0) continue;
    profile.windows.insert(window.start);
    const int workloads = std::popcount(as_source ? window.source_workloads : window.destination_workloads);
    seen.incidences += std::min<uint64_t>(window.answered, static_cast<uint64_t>(std::max(1, workloads)));
  }
}

Profiles MakeProfiles(const Evidence& evidence) {
  Profiles profiles;
  for (const Edge& edge : evidence.edges) {
    AddEdge(evidence, edge, true, &profiles);
    AddEdge(evidence, edge, false, &profiles);
  }
  for (const PresenceWindow& present : evidence.presence) {
    const Party& party = evidence.parties[present.party];
    if (!party.IsService()) continue;
    Profile& profile = profiles[{NodeOf(party), party.image_digest}];
    profile.workload_ms += present.workload_ms;
    profile.windows.insert(present.start);
    profile.first_seen = std::min(profile.first_seen, present.start);
    profile.last_seen = std::max(profile.last_seen, present.start);
  }
  return profiles;
}

double HoursOf(const Profile& profile, uint64_t window_seconds) {
  // Without presence: each window in which it was seen had at least one workload.
  if (profile.workload_ms == 0) return static_cast<double>(profile.windows.size() + profile.folded);
  return static_cast<double>(profile.workload_ms) / (1000.0 * static_cast<double>(window_seconds));
}

std::vector<uint32_t> UnseenHours(const Profile& profile, uint64_t window_seconds) {
  std::set<uint32_t> seen;
  for (const uint64_t start : profile.windows) seen.insert((start / window_seconds + kThursday) % kHoursOfTheWeek);
  std::vector<uint32_t> out;
  for (uint32_t hour = 0; hour < kHoursOfTheWeek; ++hour) {
    if (!seen.contains(hour)) out.push_back(hour);
  }
  return out;
}

std::vector<std::string> Missing(const Readiness& row, const ReadyLimits& limits, uint64_t window_seconds) {
  std::vector<std::string> out;
  if (row.hours < limits.workload_hours) {
    out.push_back(absl::StrFormat("%.1f of %.1f workload-hours were observed", row.hours, limits.workload_hours));
  }
  if (row.new_per_hour && *row.new_per_hour > limits.new_per_hour) {
    out.push_back(absl::StrFormat("the next workload-hour may show a new edge with up to %.3g, at most %.3g is expected",
                                  *row.new_per_hour, limits.new_per_hour));
  }
  const uint64_t quiet = row.last_seen > row.last_new ? (row.last_seen - row.last_new) / window_seconds : 0;
  if (row.last_new != 0 && quiet < limits.quiet_windows) {
    out.push_back(absl::StrCat("no new edge for ", CountText(quiet, "hour"), ", ", limits.quiet_windows, " are expected"));
  }
  if (row.review > 0)
    out.push_back(absl::StrCat(CountText(row.review, "edge"), row.review == 1 ? " waits" : " wait", " for review"));
  return out;
}

using Standings = std::map<EdgeKey, const Relation*>;

Readiness RowOf(const Node& node, const std::string& digest, const Profile& profile, const Standings& standings,
                const Evidence& evidence, const ReadyLimits& limits) {
  const uint64_t length = std::max<uint64_t>(evidence.window_seconds, 1);
  Readiness row;
  row.ns = node.ns;
  row.service = node.service;
  row.image_digest = digest;
  row.hours = HoursOf(profile, length);
  row.first_seen = profile.first_seen;
  row.last_seen = profile.last_seen;
  for (const auto& [key, seen] : profile.edges) {
    const Relation& relation = *standings.at(key);
    const bool supports = relation.standing == Standing::kSupports;
    const bool waits = WaitsForReview(relation);
    if (supports) ++row.edges;
    if (waits) ++row.review;
    if (!supports && !waits) continue;
    row.last_new = std::max(row.last_new, seen.first_seen);
    const bool counts = relation.standing != Standing::kQuarantined && relation.standing != Standing::kDenied;
    if (counts && seen.incidences <= 1) ++row.seen_once;
  }
  if (row.hours > 0) row.new_per_hour = PoissonUpper95(row.seen_once) / row.hours;
  row.unseen_hours = UnseenHours(profile, length);
  row.missing = Missing(row, limits, length);
  return row;
}

}  // namespace

double PoissonUpper95(uint64_t count) {
  constexpr double kTail = 0.05;
  constexpr uint64_t kExact = 300;  // e^-mean must not vanish
  const double k = static_cast<double>(count);
  if (count > kExact) return k + 1.645 * std::sqrt(k + 1) + 1;
  double low = 0, high = k + 10 + 4 * std::sqrt(k + 1);
  for (int i = 0; i < 60; ++i) {
    const double mean = (low + high) / 2;
    double term = std::exp(-mean), sum = term;
    for (uint64_t j = 1; j <= count; ++j) sum += term *= mean / static_cast<double>(j);
    (sum > kTail ? low : high) = mean;
  }
  return high;
}

absl::StatusOr<std::vector<Readiness>> MakeReadiness(const Evidence& evidence, const ReadyLimits& limits, std::string_view scope) {
  const std::vector<Relation> relations = Sift(evidence);
  Standings standings;
  for (const Relation& relation : relations) {
    standings[{relation.source, relation.destination, relation.protocol, relation.port}] = &relation;
  }
  std::vector<Readiness> out;
  for (const auto& [key, profile] : MakeProfiles(evidence)) {
    if (InScope(scope, key.first)) out.push_back(RowOf(key.first, key.second, profile, standings, evidence, limits));
  }
  if (out.empty()) return NothingSeen(scope);
  std::stable_sort(out.begin(), out.end(), [](const Readiness& a, const Readiness& b) {
    return std::tie(a.ns, a.service, a.first_seen) < std::tie(b.ns, b.service, b.first_seen);
  });
  return out;
}

}  // namespace bulkhead::learn
