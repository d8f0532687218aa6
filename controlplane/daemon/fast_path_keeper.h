// SPDX-License-Identifier: Apache-2.0
// FastPathKeeper: tells the dataplane, bridge by bridge, whether packets between workloads may go past it. What decides is looked at
// whenever the kernel tells of a change, and now and then, by a job on a worker; the dataplane is told anew each time, for a few
// seconds only, so that the fast path ends by itself when nobody looks any more.
//
// Thread safety: one thread (the control thread); the job hands its results back through the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_FAST_PATH_KEEPER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_FAST_PATH_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/view.h"
#include "controlplane/inventory/inventory.h"
#include "dataplane/backend.h"
#include "dataplane/fast_path/facts.h"

namespace bulkhead {

class FastPathKeeper {
 public:
  using Job = std::function<void()>;
  using Look = std::function<absl::StatusOr<fast_path::Facts>(const std::set<uint32_t>& ports)>;
  struct Outlet {
    std::function<void(Job)> run;   // does a job on the worker
    std::function<void(Job)> back;  // does one on the control thread
    Look look;                      // on the worker
  };
  // allowed: by the configuration.
  FastPathKeeper(Backend* backend, bool allowed, Outlet outlet) : backend_(backend), allowed_(allowed), outlet_(std::move(outlet)) {}

  // Something that decides may have changed: looks at once; within a burst, or when a look is under way, by a later call of Tend.
  void OnChange(uint64_t now);
  // Looks when it is time. Call often.
  void Tend(uint64_t now);
  // What the workloads are now.
  void Sync(const InventoryState& inventory, const std::function<bool(uint32_t ifindex)>& attached, uint64_t now);

  std::vector<NetworkView> Networks() const;
  // Of the last attempt to look, or to tell the dataplane.
  const absl::Status& status() const { return status_; }

 private:
  struct Endpoint {
    uint32_t ifindex = 0;
    uint16_t zone = 0;
    bool ready = false;  // bound, and its programs are attached
    bool operator==(const Endpoint&) const = default;
  };
  struct Network {
    uint32_t bridge = 0;
    std::string name, reason;
    std::set<uint32_t> ports;  // that forward
  };
  void Judge(const fast_path::Facts& facts);
  std::string WhyNot(const fast_path::Facts& facts, const std::set<uint32_t>& bridges, const std::set<uint32_t>& ports) const;
  // renew: the dataplane is told even what it knows.
  void Tell(bool renew);

  Backend* const backend_;
  const bool allowed_;
  const Outlet outlet_;

  std::map<uint16_t, Endpoint> endpoints_;         // by slot
  std::map<uint32_t, std::string> network_names_;  // by ifindex of the bridge
  std::set<std::string> closed_bridges_;
  std::map<uint16_t, Network> networks_;           // by zone, as the last look found them
  std::vector<uint16_t> told_;
  absl::Status status_;
  bool looking_ = false;
  bool stale_ = true;  // what was found last may be no longer so
  uint64_t last_look_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_FAST_PATH_KEEPER_H_
