// SPDX-License-Identifier: Apache-2.0
// AttachKeeper: keeps the programs on the interfaces that the inventory wants, by jobs on a worker.
//
// Thread safety: one thread (the control thread); the jobs run on the worker and hand their results back through the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_ATTACH_KEEPER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_ATTACH_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/inventory/inventory.h"
#include "dataplane/backend.h"

namespace bulkhead {

class AttachKeeper {
 public:
  using Job = std::function<void()>;
  // run: does a job on the worker. back: does one on the control thread. done: what became of an Attach.
  AttachKeeper(Backend* backend, std::function<void(Job)> run, std::function<void(Job)> back,
           std::function<void(uint32_t ifindex, const absl::Status&)> done)
      : backend_(backend), run_(std::move(run)), back_(std::move(back)), done_(std::move(done)) {}

  // Asks for what is missing, and again, now and then, for what should be there: somebody may have taken it off.
  void Sync(const InventoryState& inventory, uint64_t now);

  // Nothing is attached to these interfaces until they are let go.
  void HoldBack(std::set<uint32_t> interfaces) { held_ = std::move(interfaces); }
  using Interfaces = std::vector<std::pair<uint32_t, uint16_t>>;  // with the zone
  // `together` attaches to those that are wanted, on the worker; Sync then sees to it that each has its programs.
  void LetGo(const std::set<uint32_t>& interfaces, const InventoryState& inventory,
             const std::function<void(const Interfaces&)>& together);

  // Takes the programs off an interface that the inventory gave up. true: they are off; false: under way.
  bool Release(uint32_t ifindex);

  bool IsAttached(uint32_t ifindex) const;

 private:
  struct Interface {
    uint16_t zone = 0;       // asked for
    bool attached = false;
    bool busy = false;       // a job is under way
    bool detached = false;   // released, and the job is done
    uint64_t next = 0;       // when to ask again
  };
  void Attach(uint32_t ifindex, Interface* interface, uint16_t zone);

  Backend* const backend_;
  const std::function<void(Job)> run_;
  const std::function<void(Job)> back_;
  const std::function<void(uint32_t, const absl::Status&)> done_;
  std::map<uint32_t, Interface> interfaces_;
  std::set<uint32_t> held_;
  uint64_t now_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_ATTACH_KEEPER_H_
