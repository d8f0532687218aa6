// SPDX-License-Identifier: Apache-2.0
// What the learner answers besides proposals: readiness, review, versions. Values.
#ifndef BULKHEAD_CONTROLPLANE_API_LEARNED_H_
#define BULKHEAD_CONTROLPLANE_API_LEARNED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead {

// How well one version of a service is known. An hour is a window of LearnLimits.
struct Readiness {
  std::string ns, service, image_digest;
  double hours = 0;                        // workload-hours observed
  uint64_t edges = 0;                      // that support a rule
  uint64_t review = 0;                     // that wait for a decision
  uint64_t seen_once = 0;                  // edges seen in one workload-hour only
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
  uint64_t last_new = 0;                   // Unix seconds, when its newest edge was seen first; 0 = it has none
  std::optional<double>
      new_per_hour;  // 95% bound of the chance that the next workload-hour shows a new edge; nullopt = no hour yet
  std::vector<uint32_t> unseen_hours;  // of the week, 0 = Monday 00:00 UTC
  std::vector<std::string> missing;    // sentences; empty = ready
};

// An edge that waits for a person's decision.
struct ReviewItem {
  std::string edge;  // "shop/web->shop/db:5432/tcp"
  std::string why;
  uint64_t answered = 0, would_denied = 0, quarantined = 0;  // answered flows: permitted, only let pass by the mode, of a scanner
  uint64_t clients = 0;                                      // distinct workloads, or addresses outside
  uint64_t windows = 0;
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
};

// A source that scanned, and whose evidence of then counts for nothing.
struct ScanReport {
  std::string source;  // "shop/web", "world 198.18.0.7"
  std::string why;
  uint64_t windows = 0, contacts = 0, failures = 0;
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
};

struct Review {
  std::vector<ReviewItem> edges;  // would-denials that look legitimate first
  std::vector<ScanReport> scans;
};

enum class EdgeChange : uint8_t { kAdded, kGone, kChanged };
inline const char* EdgeChangeName(EdgeChange change) {
  return change == EdgeChange::kAdded ? "added" : change == EdgeChange::kGone ? "gone" : "changed";
}

struct VersionEdge {
  EdgeChange change = EdgeChange::kAdded;
  std::string edge;  // of the new version; of the old one when it is gone
  std::string was;   // kChanged: of the old version
  uint64_t answered = 0;
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
};

struct VersionDiff {
  std::string old_digest, new_digest;
  std::vector<VersionEdge> edges;  // sorted by edge
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_LEARNED_H_
