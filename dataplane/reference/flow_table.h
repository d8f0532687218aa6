// SPDX-License-Identifier: Apache-2.0
// The flow table: a map from normalised tuples to entries, and how packets move an entry from state to state. Not thread-safe.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_FLOW_TABLE_H_
#define BULKHEAD_DATAPLANE_REFERENCE_FLOW_TABLE_H_

#include <compare>
#include <cstdint>
#include <map>

#include "bulkhead/abi/flow.h"
#include "dataplane/reference/parse.h"
#include "dataplane/reference/verdict.h"

namespace bulkhead::reference {

// Side 0 is the lower (address, port): both directions find one entry. Ports in host order.
struct FlowKey {
  IpAddress address[2];
  uint16_t port[2] = {0, 0};
  uint16_t zone = 0;
  uint8_t protocol = 0;

  auto operator<=>(const FlowKey&) const = default;
};

FlowKey KeyOf(uint16_t zone, const Tuple& tuple);
// The side, 0 or 1, that sent the packet.
int SenderSide(const Tuple& tuple);

// Arrays are by side.
struct Flow {
  bh_flow_state state = BH_FLOW_UNANSWERED;
  int opener = 0;
  bool linked = false;     // the second sight of a flow that another entry counts
  bool midstream = false;  // picked up without its first packet
  bool heard = false;      // the responder has sent what only who got the opener's packets would
  bool fin[2] = {false, false};
  uint32_t stamp = 0;
  uint32_t ifindex[2] = {0, 0};  // of the endpoint that has the side's address; 0 = not here
  uint16_t slot[2] = {0, 0};     // provenance that packets of the side carry
  uint32_t mac[2] = {0, 0};      // the last four bytes of the MAC that packets of the side come from, as in a frame; 0 = not known
  uint32_t last_seen = 0;        // ticks
  uint64_t bytes[2] = {0, 0}, packets[2] = {0, 0};
  uint64_t first_seen = 0;  // ns
  Ruling ruling;
  int outside = -1;  // the side that was nobody here when it was ruled; the opener's if both; -1 = neither
  uint16_t service_port = 0;

  int responder() const { return 1 - opener; }
};

// Ticks by bh_timeout_row and bh_flow_state; 0 = not expired by time.
using Timeouts = uint32_t[3][4];

class FlowTable {
 public:
  // Null: no entry, or one that has expired.
  Flow* Find(const FlowKey& key, uint32_t tick);
  Flow& Create(const FlowKey& key) { return flows_[key]; }
  uint64_t Sweep(uint32_t tick);  // erases the expired; how many
  void SetTimeouts(const Timeouts& timeouts);
  const std::map<FlowKey, Flow>& flows() const { return flows_; }

 private:
  bool Expired(const FlowKey& key, const Flow& flow, uint32_t tick) const;

  std::map<FlowKey, Flow> flows_;
  Timeouts timeouts_ = {};
};

// What a packet was to its flow. accepts: the first that went back. answers: the first that shows that the opener was heard.
struct Counted {
  bool accepts = false;
  bool answers = false;
};
// Adds a packet that `side` sent.
Counted Count(Flow& flow, int side, const Parsed& packet, size_t length, uint32_t tick);

// A packet that asks for a connection of its own, though there is an entry for its tuple: a bare SYN against the entry's direction
// (simultaneous open: unless nobody has answered yet) or on a closing or closed one (port re-use), and an echo request against it.
bool StartsAnew(const Flow& flow, int side, const Parsed& packet);

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_FLOW_TABLE_H_
