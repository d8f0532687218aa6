// SPDX-License-Identifier: Apache-2.0
// What the guard is put up from when the host starts, before any engine does and before the daemon can look around: the file
// `guard` of the state folder. Lines of one or two words; names of interfaces hold no white space (dev_valid_name in
// net/core/dev.c):
//
//   bulkhead-guard 1          the format
//   on                        or off: whether there was a guard
//   routed                    if it covered routed workloads, too
//   container-bridge br0      a bridge whose ports were workloads'
//   exempt-bridge virbr0      one that was no container network
//   exempt vnet0              a port of such a one that comes back under its name
//   end                       so that a file that was cut is known
//
// Thread safety: plain functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_GUARD_FILE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_GUARD_FILE_H_

#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

inline constexpr char kGuardFile[] = "guard";

struct KeptGuard {
  bool on = false;
  bool routed = false;
  std::set<std::string> container_bridges, exempt_bridges, exempt_names;

  bool operator==(const KeptGuard&) const = default;
};

std::string EncodeGuard(const KeptGuard& guard);
// kDataLoss: which line is none of the above.
absl::StatusOr<KeptGuard> DecodeGuard(std::string_view text);

// kNotFound: there is none, so there never was a guard. kDataLoss: it is broken.
absl::StatusOr<KeptGuard> LoadGuard(const std::string& state_dir);
// Atomically, and synced.
absl::Status SaveGuard(const std::string& state_dir, const KeptGuard& guard);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_GUARD_FILE_H_
