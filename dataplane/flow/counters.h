// SPDX-License-Identifier: Apache-2.0
// The dataplane's counters, added up over CPUs. Thread safety: plain function; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_COUNTERS_H_
#define BULKHEAD_DATAPLANE_FLOW_COUNTERS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

// map: bh_counters. BH_COUNTER_COUNT values, by index as in abi/event.h.
absl::StatusOr<std::vector<uint64_t>> ReadCounterTable(int map);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_COUNTERS_H_
