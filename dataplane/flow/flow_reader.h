// SPDX-License-Identifier: Apache-2.0
// Flow table entries as FlowRecords, seen from the side that opened them. Thread safety: plain functions; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_

#include <functional>

#include "bulkhead/model/flow_record.h"
#include "dataplane/flow/flow_tables.h"
#include "dataplane/flow/flow_time.h"

namespace bulkhead {

FlowRecord DecodeFlow(const FlowEntry& entry, const FlowTime& now);

// Calls back for every entry that is not linked; stops when the callback returns false. The callback may take its time: nothing is
// held up meanwhile.
void ReadFlowTables(const FlowTables& tables, const bh_control& control, const FlowTime& now,
                    const std::function<bool(const FlowRecord&)>& callback);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_READER_H_
