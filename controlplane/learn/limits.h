// SPDX-License-Identifier: Apache-2.0
// What learning remembers, and when it believes: settings, with the defaults. Values.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_LIMITS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_LIMITS_H_

#include <cstdint>

namespace bulkhead {

// When evidence supports a rule; the reasons are in learn/sift.h. Counts of windows, unless they say otherwise.
struct Hygiene {
  uint64_t occurrences = 3;      // of an edge, in different windows or of different workloads, before it supports a rule
  uint64_t new_edges_a_day = 3;  // of a stable service; on a day that shows more, all of them are for review. A day: 24 windows
  uint64_t stable_windows = 72;  // without a new edge make a service stable

  bool operator==(const Hygiene&) const = default;
};

// When a service is ready to be promoted; see learn/readiness.h.
struct ReadyLimits {
  double workload_hours = 24;  // observed, of the image that runs
  double new_per_hour = 0.05;  // at most, with 95% confidence
  uint64_t quiet_windows = 6;  // since the last new edge

  bool operator==(const ReadyLimits&) const = default;
};

// Evidence is kept by window: so many seconds of Unix time, an hour unless a test wants days to pass within minutes.
struct LearnLimits {
  uint64_t edges = 200'000;  // remembered; beyond it what was never answered gives way, outside peers first, oldest first
  uint64_t window_seconds = 3600;
  // Of (edge, window). Beyond it the oldest windows are folded into their edge: it still knows how many there were.
  uint64_t windows = 1'000'000;
  uint64_t retain_seconds = 90 * 86400;  // what was not seen for so long is forgotten; decisions are not
  uint64_t names = 20'000, listeners = 50'000, presence = 200'000, quarantines = 20'000, decisions = 100'000;  // rows of each
  Hygiene hygiene = {};
  ReadyLimits ready = {};

  bool operator==(const LearnLimits&) const = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_LEARN_LIMITS_H_
