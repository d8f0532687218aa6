// SPDX-License-Identifier: Apache-2.0
// The flow tables (abi/flow.h) as memory: reading, counting and sweeping them takes no system call for an entry.
//
// Thread safety: Read may come from any thread; Sweep from one at a time. The dataplane changes the memory meanwhile: an entry that was
// read is one that stood in the table at some moment, whole; of entries that come, go or move during a walk some may be missed, or (two
// CPUs that open one flow at once) seen twice.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_TABLES_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/flow.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// File descriptors of the maps of these names.
struct FlowMaps {
  int flows4 = -1, flows4_cold = -1, flows6 = -1, usage = -1;
};

struct FlowEntry {
  uint8_t family = BH_V4;
  bh_flow4_key key4{};  // when family is BH_V4
  bh_flow6_key key6{};  // when family is BH_V6
  bh_flow flow{};

  uint8_t protocol() const { return family == BH_V4 ? key4.protocol : key6.protocol; }
};

// Where a walk stands. A value-initialised one is at the beginning.
struct FlowCursor {
  uint64_t group = 0;  // of both tables, IPv4's first
};

class FlowTables {
 public:
  // Maps the arrays; the file descriptors are not kept.
  static absl::StatusOr<std::unique_ptr<FlowTables>> Map(const FlowMaps& maps);
  // The same over memory of the caller's, which must outlive this. Numbers of groups: powers of two.
  struct Memory {
    bh_flow4_group* flows4 = nullptr;
    bh_flow4_cold_group* colds4 = nullptr;
    bh_flow6_group* flows6 = nullptr;
    bh_usage* usage = nullptr;
    uint32_t groups4 = 0, groups6 = 0;
  };
  explicit FlowTables(const Memory& memory) : memory_(memory) {}
  ~FlowTables();
  FlowTables(const FlowTables&) = delete;
  FlowTables& operator=(const FlowTables&) = delete;

  // Slots of the two tables together.
  uint64_t slots() const { return (uint64_t{memory_.groups4} + memory_.groups6) * BH_GROUP_SLOTS; }
  const Memory& memory() const { return memory_; }

  // Calls back for entries from the cursor on, linked ones included, until the callback returns false (the entry counts as read) or
  // the tables end. Moves the cursor by whole groups: after a stop it stands behind the group, whose other entries are lost to it.
  // Returns whether the tables ended.
  bool Read(FlowCursor& cursor, const std::function<bool(const FlowEntry&)>& callback) const;
  // At most that many groups, all of their entries. False: the tables ended before.
  bool ReadGroups(FlowCursor& cursor, uint64_t groups, const std::function<void(const FlowEntry&)>& callback) const;

  // Entries that count against the quotas of all endpoints, IPv4 and IPv6 together.
  uint64_t CountUsed() const;

  // Takes out the entries that have expired, by the rule of the programs, which test it themselves: nothing depends on when this runs.
  // Returns how many.
  absl::StatusOr<uint64_t> Sweep(KernelWriter& writer, const bh_control& control, uint32_t now_tick);

 private:
  FlowTables() = default;

  Memory memory_;
  bool mapped_ = false;
};

// By the rule of the programs: older than the time-out of its protocol and state; a time-out of 0 never expires.
bool FlowExpired(const bh_flow_hot& hot, uint8_t protocol, const bh_control& control, uint32_t now_tick);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_TABLES_H_
