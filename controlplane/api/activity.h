// SPDX-License-Identifier: Apache-2.0
// ActivityWindow: what happened on each edge in the last hour, from totals that are read again and again.
//
// Thread safety: any thread may call; calls wait for each other.
#ifndef BULKHEAD_CONTROLPLANE_API_ACTIVITY_H_
#define BULKHEAD_CONTROLPLANE_API_ACTIVITY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "controlplane/api/service.h"

namespace bulkhead::api {

// "NAMESPACE/SERVICE", or the service alone for host, world and unknown.
std::string PartyName(const std::string& ns, const std::string& service);

struct EdgeActivity {
  std::string from, to;  // party names
  uint8_t protocol = 0;
  uint16_t port = 0;
  uint64_t flows = 0, answered = 0, denied = 0;  // denied: packets
};

class ActivityWindow {
 public:
  static constexpr uint64_t kWindowSeconds = 3600;

  // Takes the totals as they are at `now` (Unix seconds). What an edge had before it was first seen here counts only if the whole
  // edge is younger than the window. An edge that is not listed any more is forgotten.
  void Update(const std::vector<LearnedEdge>& edges, uint64_t now);

  // Update with what the service has now, unless that was done less than a second ago. Unix seconds of the update are returned.
  uint64_t Refresh(DaemonService* service);

  // The edges that did something in the window, in order of their names; verdicts and peers added up.
  std::vector<EdgeActivity> Sum(uint64_t now) const;

 private:
  using Key = std::tuple<std::string, std::string, uint8_t, uint16_t, Verdict, IpAddress>;
  struct Counts {
    uint64_t flows = 0, answered = 0, denied = 0;
  };
  struct Sample {
    uint64_t time = 0;
    Counts counts;  // since the sample before
  };
  struct Entry {
    Counts total;
    std::deque<Sample> samples;  // oldest first; at most one for each kStepSeconds
    uint64_t updated = 0;
  };
  static constexpr uint64_t kStepSeconds = 60;

  static void Add(Entry* entry, const Counts& counts, uint64_t time);

  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  uint64_t round_ = 0;
  uint64_t refreshed_ = 0;  // Unix seconds
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_ACTIVITY_H_
