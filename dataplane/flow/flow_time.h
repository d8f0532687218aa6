// SPDX-License-Identifier: Apache-2.0
// The dataplane's two clocks (flow ticks and CLOCK_MONOTONIC) in terms of CLOCK_BOOTTIME, which records carry.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_TIME_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_TIME_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "dataplane/kernel/clock.h"

namespace bulkhead {

// One moment on all clocks. A value; any thread. Flows from before a suspend: their ages do not count it, so they look younger.
struct FlowTime {
  uint32_t tick = 0;  // flow ticks
  uint64_t monotonic_ns = 0;
  uint64_t boottime_ns = 0;
  uint64_t tick_ns = 1;  // length of a tick

  // What a moment on the dataplane's clock is on CLOCK_BOOTTIME, ns. Never after this moment, never before boot.
  uint64_t FromMonotonic(uint64_t ns) const;
  uint64_t FromTick(uint32_t then) const;
};

// Runs a program of the dataplane that looks at no packet. what: for errors.
absl::Status RunProgram(int program, const char* what);

// Reads the moment by running the dataplane's own clock program (map bh_clock_now), since nothing else tells jiffies exactly.
// Thread safety: any thread. The file descriptors stay the caller's.
absl::StatusOr<FlowTime> ReadFlowTime(int clock_program, int clock_map, const Clock& clock);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_TIME_H_
