// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_tracker.h"

#include <utility>

#include "absl/hash/hash.h"

namespace bulkhead::api {
uint64_t FlowNumber(const FlowRecord& flow) {
  return absl::HashOf(flow.source.family, flow.source.bytes, flow.destination.bytes, flow.source_port, flow.destination_port,
                      flow.protocol, flow.zone, flow.opened_ns);
}

const char* OverBy(const FlowRecord& flow) {
  if (flow.verdict == Verdict::kDeny) return "revoked";
  return flow.state == FlowState::kClosed || flow.expired ? "closed" : nullptr;
}

void FlowTracker::Begin(uint64_t now_ns) {
  before_ = now_;
  now_ = now_ns;
}

FlowTracker::Change FlowTracker::Look(const FlowRecord& flow) {
  Change change;
  const bool young = flow.opened_ns + kLate > now_;
  const bool in_question = flow.opened_ns + kLate > before_;
  const char* over = OverBy(flow);
  if (!young && !in_question && over == nullptr) return change;
  const uint64_t number = FlowNumber(flow);
  if (young) young_now_.insert(number);
  change.opened = !first_ && in_question && !young_.contains(number);
  if (over != nullptr) {
    over_now_.insert(number);
    if (!over_.contains(number)) change.over = over;
  }
  return change;
}

void FlowTracker::End() {
  young_ = std::exchange(young_now_, {});
  over_ = std::exchange(over_now_, {});
  first_ = false;
}

}  // namespace bulkhead::api
