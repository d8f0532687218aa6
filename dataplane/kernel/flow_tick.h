// SPDX-License-Identifier: Apache-2.0
// Flow ticks (abi/flow.h): the low 32 bits of jiffies64 >> BH_TICK_SHIFT. Pure functions; any thread.
#ifndef BULKHEAD_DATAPLANE_KERNEL_FLOW_TICK_H_
#define BULKHEAD_DATAPLANE_KERNEL_FLOW_TICK_H_

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "bulkhead/abi/flow.h"

namespace bulkhead {

// Length of a flow tick in ns. The coarse clock advances once a jiffy, and its resolution says how long that is
// (kernel/time/posix-timers.c, posix_get_coarse_res).
inline uint64_t FlowTickNs() {
  timespec resolution{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) != 0 || resolution.tv_nsec <= 0) resolution.tv_nsec = 4000000;
  return static_cast<uint64_t>(resolution.tv_nsec) << BH_TICK_SHIFT;
}

// Rounded up, so that nothing expires early; 0 stays 0 (never). At most half the range, beyond which differences are ambiguous.
inline uint32_t SecondsToTicks(uint64_t seconds, uint64_t tick_ns) {
  constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
  const uint64_t bounded = std::min(seconds, kMost);
  return static_cast<uint32_t>(std::min((bounded * 1000000000u + tick_ns - 1) / tick_ns, kMost));
}

// Ticks from `then` to `now`, across the wrap. A stamp from the future (taken after `now` was read) is 0 ticks old.
inline uint32_t TicksSince(uint32_t then, uint32_t now) {
  const uint32_t age = now - then;
  return age > static_cast<uint32_t>(std::numeric_limits<int32_t>::max()) ? 0 : age;
}

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_FLOW_TICK_H_
