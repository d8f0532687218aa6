// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/flow_table.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "bulkhead/abi/config.h"

namespace bulkhead::reference {
namespace {

int Row(uint8_t protocol) {
  return protocol == kProtoTcp ? BH_TIMEOUT_TCP : protocol == kProtoUdp ? BH_TIMEOUT_UDP : BH_TIMEOUT_OTHER;
}

}  // namespace

int SenderSide(const Tuple& tuple) {
  return std::tie(tuple.source, tuple.source_port) <= std::tie(tuple.destination, tuple.destination_port) ? 0 : 1;
}

FlowKey KeyOf(uint16_t zone, const Tuple& tuple) {
  const int side = SenderSide(tuple);
  FlowKey key;
  key.address[side] = tuple.source;
  key.port[side] = tuple.source_port;
  key.address[1 - side] = tuple.destination;
  key.port[1 - side] = tuple.destination_port;
  key.zone = zone;
  key.protocol = tuple.protocol;
  return key;
}

void FlowTable::SetTimeouts(const Timeouts& timeouts) { std::memcpy(timeouts_, timeouts, sizeof(timeouts_)); }

bool FlowTable::Expired(const FlowKey& key, const Flow& flow, uint32_t tick) const {
  const bool unheard = flow.state == BH_FLOW_ESTABLISHED && !flow.heard;  // to whatever address the SYN had
  const uint32_t timeout = timeouts_[Row(key.protocol)][unheard ? BH_FLOW_UNANSWERED : flow.state];
  return timeout != 0 && static_cast<int32_t>(tick - flow.last_seen) > static_cast<int32_t>(timeout);  // the wrap is harmless
}

Flow* FlowTable::Find(const FlowKey& key, uint32_t tick) {
  const auto found = flows_.find(key);
  return found == flows_.end() || Expired(key, found->second, tick) ? nullptr : &found->second;
}

uint64_t FlowTable::Sweep(uint32_t tick) {
  return std::erase_if(flows_, [&](const auto& item) { return Expired(item.first, item.second, tick); });
}

Counted Count(Flow& flow, int side, const Parsed& packet, size_t length, uint32_t tick) {
  flow.bytes[side] += length;
  flow.packets[side] += 1;
  flow.last_seen = tick;
  const bool tcp = packet.tuple.protocol == kProtoTcp;
  if (tcp && (packet.tcp_flags & kTcpRst) != 0) {
    flow.state = BH_FLOW_CLOSED;
    return {};
  }
  Counted out;
  const bool goes_back = side == flow.responder() && !packet.IsBareSyn();
  out.accepts = goes_back && flow.state == BH_FLOW_UNANSWERED;
  out.answers = goes_back && !flow.heard && !(tcp && (packet.tcp_flags & kTcpSyn) != 0);
  if (out.accepts) flow.state = BH_FLOW_ESTABLISHED;
  if (out.answers) flow.heard = true;
  if (tcp && (packet.tcp_flags & kTcpFin) != 0) {
    flow.fin[side] = true;
    if (flow.fin[1 - side]) {
      flow.state = BH_FLOW_CLOSED;
    } else if (flow.state != BH_FLOW_CLOSED) {
      flow.state = BH_FLOW_CLOSING;
    }
  }
  return out;
}

bool StartsAnew(const Flow& flow, int side, const Parsed& packet) {
  if (packet.IsEchoRequest()) return side != flow.opener;
  if (!packet.IsBareSyn()) return false;
  if (side != flow.opener) return flow.state != BH_FLOW_UNANSWERED;
  return flow.state == BH_FLOW_CLOSING || flow.state == BH_FLOW_CLOSED;
}

}  // namespace bulkhead::reference
