// SPDX-License-Identifier: Apache-2.0
// What rules have decided, as the dataplane counts it. Thread safety: plain function; any thread.
#ifndef BULKHEAD_DATAPLANE_FLOW_RULE_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_RULE_READER_H_

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "bulkhead/model/flow_record.h"

namespace bulkhead {

// map: bh_rule_counts. By rule id; rules that never decided anything are left out.
absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRuleTable(int map);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_RULE_READER_H_
