// SPDX-License-Identifier: Apache-2.0
// What the dataplane reports: flows, edges, events. Times are CLOCK_BOOTTIME nanoseconds unless a name says otherwise.
#ifndef BULKHEAD_MODEL_FLOW_RECORD_H_
#define BULKHEAD_MODEL_FLOW_RECORD_H_

#include <bit>
#include <cmath>
#include <cstdint>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

enum class FlowState : uint8_t { kUnanswered = 0, kEstablished = 1, kClosing = 2, kClosed = 3 };
inline const char* FlowStateName(FlowState state) {
  switch (state) {
    case FlowState::kUnanswered: return "new";
    case FlowState::kEstablished: return "est";
    case FlowState::kClosing: return "closing";
    case FlowState::kClosed: return "closed";
  }
  return "?";
}

// source is who opened the flow. [0] counts source to destination, [1] the answers.
struct FlowRecord {
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;  // ICMP echo: id and 0
  uint8_t protocol = 0;
  uint16_t zone = 0;
  IdentityId source_identity = kIdentityUnknown, destination_identity = kIdentityUnknown;
  // As policy judged it: differs from `destination` and its port for a published port.
  uint16_t service_port = 0;
  Verdict verdict = Verdict::kAllow;
  uint32_t source_rule = 0, destination_rule = 0;  // interned rule ids
  FlowState state = FlowState::kUnanswered;
  uint64_t packets[2] = {0, 0};
  uint64_t bytes[2] = {0, 0};
  uint64_t first_seen = 0, last_seen = 0;
  uint64_t opened_ns = 0;  // CLOCK_MONOTONIC, as the dataplane stamped it: with the tuple, the flow's name for good
  bool expired = false;    // nothing is carried by it any more; its place may be given away
  uint32_t stamp = 0;
  uint16_t source_slot = 0, destination_slot = 0;
};

// How many distinct workloads set the bits: about -64 ln(zero bits / 64). All bits set: 64 stands for "so many or more".
inline uint64_t CountWorkloads(uint64_t bitmap) {
  const int zero = 64 - std::popcount(bitmap);
  return zero == 0 ? 64 : static_cast<uint64_t>(std::lround(-64.0 * std::log(zero / 64.0)));
}

// Flows added up. For a peer that is no workload here `peer` is its address (family 4 or 6), else unspecified IPv4.
struct EdgeRecord {
  IdentityId source_identity = kIdentityUnknown, destination_identity = kIdentityUnknown;
  uint8_t protocol = 0;
  uint16_t port = 0;
  Verdict verdict = Verdict::kAllow;
  IpAddress peer;
  // Totals since the edge was created in the dataplane; a reader that drains takes differences.
  uint64_t flows = 0;     // created
  uint64_t answered = 0;  // of these
  uint64_t denied = 0;    // packets, denied ones have no flow
  uint64_t first_seen = 0, last_seen = 0;
  // Linear counting (Whang, Vander-Zanden, Taylor 1990): each workload that took part has set the bit that its endpoint's hash names.
  // 0 = nothing known; of a side that is no workload here always 0. Totals, too. CountWorkloads gives the number.
  uint64_t source_workloads = 0, destination_workloads = 0;
};

// Flows judged by the active policy and by the staged one beside it, added up. answered stays 0; denied counts the packets that the
// active policy denied.
struct StagedEdgeRecord {
  EdgeRecord edge;                         // edge.verdict is the active policy's
  Verdict staged = Verdict::kAllow;        // what it would be
  uint32_t source_rule = 0, destination_rule = 0;  // interned rule ids, of the staged policy
};

// What one rule has decided since the dataplane was made.
struct RuleCounts {
  uint64_t flows = 0;       // that it allowed, for its side
  uint64_t denied = 0;      // packets
  uint64_t would_deny = 0;  // flows that passed because of the mode

  auto operator<=>(const RuleCounts&) const = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_FLOW_RECORD_H_
