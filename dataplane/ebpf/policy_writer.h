// SPDX-License-Identifier: Apache-2.0
// Writes PolicyTables into one policy slot of the maps. One thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_POLICY_WRITER_H_
#define BULKHEAD_DATAPLANE_EBPF_POLICY_WRITER_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/model/ip.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/ebpf/tables.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class PolicyWriter {
 public:
  PolicyWriter(KernelWriter& writer, const Maps& maps) : writer_(writer), maps_(maps) {}

  // Learns what the tries hold (maps of an earlier process).
  absl::Status Adopt();
  // A whole policy. No program may use the slot: it is not active, nor staged, and a grace period has passed since it was.
  absl::Status Write(const PolicyTables& tables, uint32_t slot);
  // What a policy has grown by, while programs use it: what is pointed to before what points to it.
  absl::Status Grow(const PolicyTables& tables, uint32_t slot);

 private:
  template <typename Key>
  absl::Status WriteTrie(int map, std::map<Prefix, uint32_t>& held, const std::vector<std::pair<Prefix, uint32_t>>& wanted,
                         Key (*key_of)(const Prefix&));

  absl::Status WriteCells(const std::vector<CellRun>& cells, uint32_t slot);

  KernelWriter& writer_;
  const Maps& maps_;
  std::map<Prefix, uint32_t> tries_[BH_POLICY_SLOTS][2];  // [slot][0 = IPv4]: what is in the map
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_POLICY_WRITER_H_
