// SPDX-License-Identifier: Apache-2.0
// What the reference judges, and what it says.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_PACKET_H_
#define BULKHEAD_DATAPLANE_REFERENCE_PACKET_H_

#include <cstdint>
#include <vector>

#include "bulkhead/abi/event.h"
#include "bulkhead/model/common.h"

namespace bulkhead::reference {

// A frame at a hook, with what the kernel knows about it.
struct Packet {
  bh_hook hook = BH_HOOK_INGRESS;
  uint16_t zone = 0;             // of the program that sees it
  uint32_t ifindex = 0;          // host side of the endpoint's veth
  uint32_t ingress_ifindex = 0;  // where the host received it; 0 = made by the host itself
  uint16_t tag = 0;              // skb->tc_index
  bool vlan = false;             // the kernel took a VLAN tag off it
  std::vector<uint8_t> bytes;    // from the Ethernet header on
  bool socket = true;            // it bears the socket that it was sent by: nothing that is forwarded does
};

struct Outcome {
  bool pass = true;
  Verdict verdict = Verdict::kAllow;
  bh_reason reason = BH_REASON_NONE;
  bool established = false;  // the flow table alone said so
  bool fast = false;         // handed over past the bridge; the reference knows no such way
  uint16_t tag = 0;          // skb->tc_index afterwards
  // In the direction of the flow: from who opened it. Unknown for what policy did not judge.
  IdentityId source_identity = kIdentityUnknown, destination_identity = kIdentityUnknown;
  uint32_t source_rule = 0, destination_rule = 0;  // interned ids
};

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_PACKET_H_
