// SPDX-License-Identifier: Apache-2.0
// ListenerScan: which workloads' namespaces are looked into for listening sockets, and when: soon after a workload started, again when
// there is reason to, else once a minute; a few at a time. And the looking itself.
//
// Thread safety: Choose and Want by one thread (the control thread); ReadListeners by any thread, which waits for it.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_LISTENER_SCAN_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_LISTENER_SCAN_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/learn/learner.h"

namespace bulkhead {

class ListenerScan {
 public:
  static constexpr size_t kAtOnce = 32;
  static constexpr uint64_t kAgain = 60 * kSecond;
  // Who has just started may not listen yet: it is looked at again after as long.
  static constexpr uint64_t kSecondLook = 3 * kSecond;

  // Workloads of these identities have new edges: they are looked at next.
  void Want(const std::set<IdentityId>& identities);
  // Up to kAtOnce that are due, the longest waiting first; they count as looked at. now: ns.
  std::vector<ObservedWorkload> Choose(const std::map<std::string, ObservedWorkload>& observed, uint64_t now);

 private:
  struct Look {
    uint64_t token = 0;  // of the workload's process
    uint64_t due = 0;
    uint64_t looks = 0;
    bool wanted = false;
  };
  std::map<std::string, Look> looks_;
  std::set<IdentityId> wanted_;
};

// Looks into these namespaces, on a thread that does nothing else and then ends, so that no other is ever in a workload's namespace.
// Those that are gone, or lead elsewhere by now, are left out. An error: the kernel does not tell.
absl::StatusOr<std::vector<Listener>> ReadListeners(const std::vector<ObservedWorkload>& workloads);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_LISTENER_SCAN_H_
