// SPDX-License-Identifier: Apache-2.0
// Entries of a flow table put into another one. Thread safety: plain function; nobody else may use the table.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_COPY_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_COPY_H_

#include "bulkhead/abi/config.h"
#include "dataplane/flow/flow_tables.h"

namespace bulkhead {

// control: the table's own, which says where entries belong. What the tuple has already is replaced. False: its group is full.
bool PutFlow(const FlowTables& table, const bh_control& control, const FlowEntry& entry);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_COPY_H_
