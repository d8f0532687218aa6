// SPDX-License-Identifier: Apache-2.0
// Edges: flows added up by the dataplane, also those that a staged policy judged. Thread safety: plain functions; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_EDGE_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_EDGE_READER_H_

#include <functional>

#include "absl/status/status.h"
#include "bulkhead/abi/flow.h"
#include "bulkhead/model/flow_record.h"
#include "dataplane/flow/flow_time.h"

namespace bulkhead {

EdgeRecord DecodeEdge(const bh_edge_key& key, const bh_edge& edge, const FlowTime& now);
StagedEdgeRecord DecodeStagedEdge(const bh_staged_edge_key& key, const bh_edge& edge, const FlowTime& now);

// Calls back for every edge of both maps (bh_edges, bh_edges_outside); stops when the callback returns false.
absl::Status ReadEdgeTables(int edges, int outside, const FlowTime& now, const std::function<bool(const EdgeRecord&)>& callback);
// The same for bh_staged_edges.
absl::Status ReadStagedEdgeTable(int staged, const FlowTime& now, const std::function<bool(const StagedEdgeRecord&)>& callback);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_EDGE_READER_H_
