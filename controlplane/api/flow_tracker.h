// SPDX-License-Identifier: Apache-2.0
// FlowTracker: what has become of the flows of a table between one look at it and the next. It remembers the flows that were opened a
// moment ago and those that are over, no others, so it never holds more than the table.
//
// Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_API_FLOW_TRACKER_H_
#define BULKHEAD_CONTROLPLANE_API_FLOW_TRACKER_H_

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "bulkhead/model/flow_record.h"

namespace bulkhead::api {

// A number of the flow: its tuple and the moment it was opened in, with a seed of this process, so that nobody can choose flows that
// meet in one.
uint64_t FlowNumber(const FlowRecord& flow);
// "closed", "revoked"; nullptr: it goes on.
const char* OverBy(const FlowRecord& flow);

class FlowTracker {
 public:
  struct Change {
    bool opened = false;          // since the look before
    const char* over = nullptr;   // "closed", "revoked": since the look before; nullptr: goes on, or was over then
  };

  // A look: Begin, Look for each flow that is there, End. now_ns: CLOCK_MONOTONIC, read before the first flow. At the first look
  // nothing is opened, and every flow that is over is told.
  void Begin(uint64_t now_ns);
  Change Look(const FlowRecord& flow);
  void End();

 private:
  // A flow is put into the table a moment after the time that it is stamped with: it may miss the look that it was in time for.
  static constexpr uint64_t kLate = 1'000'000'000;  // ns

  uint64_t now_ = 0, before_ = 0;  // the first looks at nothing as opened
  bool first_ = true;
  absl::flat_hash_set<uint64_t> young_, young_now_;  // opened less than kLate before the look
  absl::flat_hash_set<uint64_t> over_, over_now_;
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FLOW_TRACKER_H_
