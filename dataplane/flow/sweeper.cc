// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/sweeper.h"

#include <vector>

#include "bulkhead/model/common.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/flow_tick.h"

namespace bulkhead {
namespace {

template <typename Key>
absl::StatusOr<uint64_t> SweepTable(KernelWriter& writer, int map, const bh_control& control, uint32_t now_tick) {
  std::vector<Key> expired;
  const absl::Status scan = ForEachInHash<Key, bh_flow>(map, [&](const Key& key, const bh_flow& flow) {
    if (FlowExpired(flow.hot, key.protocol, control, now_tick)) expired.push_back(key);
    return true;
  });
  if (!scan.ok()) return scan;
  uint64_t deleted = 0;
  for (const Key& key : expired) {
    const auto flow = ReadElement<Key, bh_flow>(map, key);
    if (!flow.ok() || !FlowExpired(flow->hot, key.protocol, control, now_tick)) continue;
    const absl::Status status = writer.DeleteElement(map, &key);
    if (status.ok())
      ++deleted;
    else if (!absl::IsNotFound(status))
      return status;
  }
  return deleted;
}

}  // namespace

bool FlowExpired(const bh_flow_hot& hot, uint8_t protocol, const bh_control& control, uint32_t now_tick) {
  const int row = protocol == kProtoTcp ? BH_TIMEOUT_TCP : protocol == kProtoUdp ? BH_TIMEOUT_UDP : BH_TIMEOUT_OTHER;
  const uint32_t timeout = control.timeout[row][hot.state & 3];
  return timeout != 0 && TicksSince(hot.last_seen, now_tick) > timeout;
}

absl::StatusOr<uint64_t> SweepFlowTables(KernelWriter& writer, int flows4, int flows6, const bh_control& control,
                                         uint32_t now_tick) {
  const auto v4 = SweepTable<bh_flow4_key>(writer, flows4, control, now_tick);
  if (!v4.ok()) return v4.status();
  const auto v6 = SweepTable<bh_flow6_key>(writer, flows6, control, now_tick);
  if (!v6.ok()) return v6.status();
  return *v4 + *v6;
}

}  // namespace bulkhead
