// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_reader.h"

#include <arpa/inet.h>

#include <algorithm>


namespace bulkhead {
namespace {

template <size_t kBytes>
IpAddress AddressOf(const uint8_t (&bytes)[kBytes]) {
  IpAddress out;
  out.family = kBytes == 4 ? 4 : 6;
  std::copy(std::begin(bytes), std::end(bytes), out.bytes.begin());
  return out;
}

template <typename Key>
FlowRecord Decode(const Key& key, const bh_flow& flow, const FlowTime& now) {
  const int opener = (BH_META_FLAGS(flow.hot.meta) & BH_FLOW_OPENER) != 0 ? 1 : 0;
  const int side[2] = {opener, 1 - opener};  // source, destination
  FlowRecord out;
  out.source = AddressOf(key.address[side[0]]);
  out.destination = AddressOf(key.address[side[1]]);
  out.source_port = ntohs(key.port[side[0]]);
  out.destination_port = ntohs(key.port[side[1]]);
  out.protocol = key.protocol;
  out.zone = key.zone;
  out.source_identity = flow.cold.source_identity;
  out.destination_identity = flow.cold.destination_identity;
  out.service_port = flow.cold.service_port;
  out.verdict = static_cast<Verdict>(flow.cold.verdict);
  out.source_rule = flow.cold.source_rule;
  out.destination_rule = flow.cold.destination_rule;
  out.state = static_cast<FlowState>(BH_META_STATE(flow.hot.meta));
  for (int i = 0; i < 2; ++i) {
    const uint64_t count = flow.hot.count[side[i]];
    out.packets[i] = uint64_t{flow.cold.packets_high[side[i]]} * (BH_COUNT_PACKETS(BH_COUNT_PACKETS_CARRY)) + BH_COUNT_PACKETS(count);
    out.bytes[i] = uint64_t{flow.cold.bytes_high[side[i]]} * BH_COUNT_BYTES_CARRY + BH_COUNT_BYTES(count);
  }
  out.opened_ns = flow.cold.first_seen;
  out.first_seen = now.FromMonotonic(flow.cold.first_seen);
  // A tick is coarse: what was seen last was not seen before it was seen first.
  out.last_seen = std::max(now.FromTick(flow.hot.last_seen), out.first_seen);
  out.stamp = flow.hot.stamp;
  out.source_slot = flow.hot.slot[side[0]];
  out.destination_slot = flow.hot.slot[side[1]];
  return out;
}

}  // namespace

FlowRecord DecodeFlow(const FlowEntry& entry, const FlowTime& now) {
  return entry.family == BH_V4 ? Decode(entry.key4, entry.flow, now) : Decode(entry.key6, entry.flow, now);
}

void ReadFlowTables(const FlowTables& tables, const bh_control& control, const FlowTime& now,
                    const std::function<bool(const FlowRecord&)>& callback) {
  FlowCursor cursor;
  tables.Read(cursor, [&](const FlowEntry& entry) {
    if ((BH_META_FLAGS(entry.flow.hot.meta) & BH_FLOW_LINKED) != 0) return true;
    FlowRecord record = DecodeFlow(entry, now);
    record.expired = FlowExpired(entry.flow.hot, entry.protocol(), control, now.tick);
    return callback(record);
  });
}

}  // namespace bulkhead
