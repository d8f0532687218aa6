// SPDX-License-Identifier: Apache-2.0
// Frees the memory of expired flows. The programs test expiry themselves, so nothing depends on when this runs.
// Thread safety: plain functions; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_SWEEPER_H_
#define BULKHEAD_DATAPLANE_FLOW_SWEEPER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/flow.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// By the rule of the programs: older than the time-out of its protocol and state; a time-out of 0 never expires.
bool FlowExpired(const bh_flow_hot& hot, uint8_t protocol, const bh_control& control, uint32_t now_tick);

// Deletes the expired entries of maps bh_flows4 and bh_flows6; returns how many. Each is looked at again just before, so that one
// that a packet has refreshed since the scan stays.
absl::StatusOr<uint64_t> SweepFlowTables(KernelWriter& writer, int flows4, int flows6, const bh_control& control,
                                         uint32_t now_tick);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_SWEEPER_H_
