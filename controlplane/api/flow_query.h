// SPDX-License-Identifier: Apache-2.0
// What a request for flows asks for. A value; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_FLOW_QUERY_H_
#define BULKHEAD_CONTROLPLANE_API_FLOW_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bulkhead/api/wire.h"
#include "bulkhead/model/common.h"
#include "controlplane/api/request.h"

namespace bulkhead::api {

struct FlowQuery {
  std::string ns, service;         // of either side; empty = any
  std::optional<Verdict> verdict;
  uint64_t since_ms = 0;  // idle for no longer; 0 = any
  uint64_t last = 0;      // 0 = all

  // Names as Names::Party gives them.
  bool WantsParties(std::string_view from, std::string_view to) const;
  bool Wants(const FlowRow& row) const;
};

absl::StatusOr<FlowQuery> ParseFlowQuery(const Request& request);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FLOW_QUERY_H_
