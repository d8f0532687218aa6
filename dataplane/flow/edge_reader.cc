// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/edge_reader.h"

#include <algorithm>

#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {

EdgeRecord DecodeEdge(const bh_edge_key& key, const bh_edge& edge, const FlowTime& now) {
  EdgeRecord out;
  out.source_identity = key.source_identity;
  out.destination_identity = key.destination_identity;
  out.protocol = key.protocol;
  out.port = key.port;
  out.verdict = static_cast<Verdict>(key.verdict);
  if (key.family == BH_V4 || key.family == BH_V6) {
    out.peer.family = key.family;
    std::copy_n(key.address, key.family == BH_V4 ? 4 : 16, out.peer.bytes.begin());
  }
  out.flows = edge.flows;
  out.answered = edge.answered;
  out.denied = edge.denied;
  out.source_workloads = edge.workloads[0];
  out.destination_workloads = edge.workloads[1];
  out.first_seen = now.FromMonotonic(edge.first_seen);
  out.last_seen = now.FromMonotonic(edge.last_seen);
  return out;
}

StagedEdgeRecord DecodeStagedEdge(const bh_staged_edge_key& key, const bh_edge& edge, const FlowTime& now) {
  StagedEdgeRecord out;
  out.edge = DecodeEdge(key.edge, edge, now);
  out.staged = static_cast<Verdict>(key.verdict);
  out.source_rule = key.source_rule;
  out.destination_rule = key.destination_rule;
  return out;
}

absl::Status ReadEdgeTables(int edges, int outside, const FlowTime& now, const std::function<bool(const EdgeRecord&)>& callback) {
  for (const int map : {edges, outside}) {
    bool stopped = false;
    const absl::Status status = ForEachInHash<bh_edge_key, bh_edge>(map, [&](const bh_edge_key& key, const bh_edge& edge) {
      stopped = !callback(DecodeEdge(key, edge, now));
      return !stopped;
    });
    if (!status.ok() || stopped) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadStagedEdgeTable(int staged, const FlowTime& now, const std::function<bool(const StagedEdgeRecord&)>& callback) {
  return ForEachInHash<bh_staged_edge_key, bh_edge>(
      staged, [&](const bh_staged_edge_key& key, const bh_edge& edge) { return callback(DecodeStagedEdge(key, edge, now)); });
}

}  // namespace bulkhead
