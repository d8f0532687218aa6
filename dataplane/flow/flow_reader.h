// SPDX-License-Identifier: Apache-2.0
// Flow table entries as FlowRecords, seen from the side that opened them. Thread safety: plain functions; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_

#include <functional>

#include "absl/status/status.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/flow.h"
#include "bulkhead/model/flow_record.h"
#include "dataplane/flow/flow_time.h"

namespace bulkhead {

FlowRecord DecodeFlow(const bh_flow4_key& key, const bh_flow& flow, const FlowTime& now);
FlowRecord DecodeFlow(const bh_flow6_key& key, const bh_flow& flow, const FlowTime& now);

// Calls back for every entry of both tables (maps bh_flows4, bh_flows6) that is not linked; stops when the callback returns false.
// The callback may take its time: nothing is held up meanwhile.
absl::Status ReadFlowTables(int flows4, int flows6, const bh_control& control, const FlowTime& now,
                            const std::function<bool(const FlowRecord&)>& callback);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_
