// SPDX-License-Identifier: Apache-2.0
// The clocks that flows, evidence and expiry go by. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_CLOCKS_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_CLOCKS_H_

#include <cstdint>

#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct ClockFacts {
  uint64_t monotonic_ns = 0, boottime_ns = 0;
  int64_t unix_seconds = 0;
  int64_t state_written = 0;  // Unix seconds of the last write to the daemon's database; 0: there is none
  int64_t tick_ns = 0;        // resolution of CLOCK_MONOTONIC_COARSE: one jiffy
};

ClockFacts ReadClocks(const std::string& state_dir);
void CheckClocks(const ClockFacts& facts, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_CLOCKS_H_
