// SPDX-License-Identifier: Apache-2.0
// A packet that is run through the dataplane's programs without being sent, and what became of it. Values.
#ifndef BULKHEAD_MODEL_SIMULATION_H_
#define BULKHEAD_MODEL_SIMULATION_H_

#include <cstdint>
#include <vector>

#include "bulkhead/model/common.h"

namespace bulkhead {

struct SimulatedPacket {
  uint16_t zone = 0;
  bool egress = false;           // the hook; else ingress
  uint32_t ifindex = 0;          // the interface that the hook is on
  uint32_t ingress_ifindex = 0;  // that the packet came in by; 0: the host made it
  uint16_t tag = 0;              // egress: the provenance that it carries, an endpoint's slot
  bool follows = false;          // the packet before this one at its next hook: run only if that one passed
  std::vector<uint8_t> bytes;    // Ethernet frame
};

enum class SimulatedPath : uint8_t {
  kNotRun,       // it did not come so far
  kEstablished,  // by its flow's entry
  kJudged,       // by policy
  kUnjudged,     // of a kind that passes without policy: ARP, neighbour discovery, DHCP of a client, ...
  kRefused,      // before policy, by reason
};

struct SimulatedRun {
  SimulatedPath path = SimulatedPath::kNotRun;
  bool passed = false;
  bool quick = false;  // kEstablished: by the shortest way
  bool fast = false;   // handed straight to the receiver, past its hook
  Verdict verdict = Verdict::kAllow;
  uint8_t reason = 0;  // enum bh_reason
  // kJudged: in the flow's own direction.
  IdentityId source_identity = kIdentityUnknown, destination_identity = kIdentityUnknown;
  uint32_t source_rule = 0, destination_rule = 0;  // interned rule ids
  bool opens = false;    // it would make an entry
  bool refreshes = false;  // it was judged again since its entry did not hold
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_SIMULATION_H_
