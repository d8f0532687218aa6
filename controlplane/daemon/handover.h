// SPDX-License-Identifier: Apache-2.0
// Handover: when the interfaces that were there before the daemon get its programs. A program that comes before its tables know who
// lives here would cut connections that policy allows.
//
// - Where an older layout's programs judge, they go on until every source has listed its workloads (or the inventory waits no longer).
//   What they leave is removed when the last is replaced.
// - Where nobody judges, until the same moment, but for kFreeFor at most: who keeps unmanaged interfaces shut (the guard) still does.
//   They get their programs together.
// - Where our own programs are already, at once; and so on every interface that comes later.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_HANDOVER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_HANDOVER_H_

#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/daemon/attach_keeper.h"
#include "controlplane/inventory/inventory.h"

namespace bulkhead {

class Handover {
 public:
  static constexpr uint64_t kFreeFor = 3 * kSecond;

  struct Outlet {
    std::function<void(const AttachKeeper::Interfaces&)> together;  // attaches to several at once; on the keeper's worker
    std::function<absl::Status()> finish;                           // removes what is left of an older layout; may be empty
  };

  // attached: where our programs are. older: where those of an older layout are. The keeper must outlive it.
  Handover(AttachKeeper* keeper, std::set<uint32_t> attached, std::set<uint32_t> older, Outlet outlet)
      : keeper_(keeper), attached_(std::move(attached)), older_(std::move(older)), outlet_(std::move(outlet)) {}

  // Once, before the keeper's first Sync: which interfaces there are.
  void Begin(const std::vector<uint32_t>& interfaces, uint64_t now);
  // Each round, before the keeper's Sync. The error of `finish`, which is tried again.
  absl::Status Sync(bool settled, const InventoryState& inventory, uint64_t now);

 private:
  AttachKeeper* const keeper_;
  const std::set<uint32_t> attached_;
  std::set<uint32_t> older_;  // that still have the older programs
  Outlet outlet_;             // finish is null: done
  std::set<uint32_t> held_;   // that nobody judges at
  uint64_t held_until_ = 0;
  bool older_held_ = true;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_HANDOVER_H_
