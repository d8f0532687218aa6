// SPDX-License-Identifier: Apache-2.0
// A flow of the table as a row. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_FLOW_ROWS_H_
#define BULKHEAD_CONTROLPLANE_API_FLOW_ROWS_H_

#include "bulkhead/api/wire.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {

FlowRow MakeFlowRow(const Names& names, const FlowRecord& flow, const Moment& now);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FLOW_ROWS_H_
