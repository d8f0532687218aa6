// SPDX-License-Identifier: Apache-2.0
// PresenceMeter: how long workloads of each identity have run while they were watched. Only what passed under the eyes of this
// process counts: nothing while the daemon was down, nothing twice after a restart.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_PRESENCE_METER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_PRESENCE_METER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/inventory/inventory.h"
#include "controlplane/learn/learner.h"

namespace bulkhead {

class PresenceMeter {
 public:
  // What runs from now on; those of the last call ran until now. now: ns of a clock that stands while the host is suspended. Longer
  // gaps than this between two calls count for no more: nobody knows what ran in them.
  static constexpr uint64_t kLongestGap = 10'000'000'000;
  void See(const std::map<std::string, ObservedWorkload>& observed, uint64_t now);

  // What has been added up since the last call, in whole milliseconds; the rest stays for the next. A container that is started
  // again is the same workload, and never runs beside itself.
  std::vector<Presence> Take();
  // What was taken could not be written down.
  void GiveBack(const std::vector<Presence>& taken);

 private:
  std::map<IdentityId, uint64_t> running_;  // workloads
  std::map<IdentityId, uint64_t> most_;     // that ran at once, since the last Take
  std::map<IdentityId, uint64_t> ran_;      // ns
  uint64_t seen_at_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_PRESENCE_METER_H_
