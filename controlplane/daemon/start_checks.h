// SPDX-License-Identifier: Apache-2.0
// What must hold before the daemon starts: rights, and being the only one.
//
// Thread safety: plain functions, at the start.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_START_CHECKS_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_START_CHECKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

// kPermissionDenied: names the capability that is missing.
absl::Status CheckRights();

// Locks FOLDER/bulkheadd.pid and writes our pid; the lock lasts as long as the descriptor, whatever end the process takes.
// kAlreadyExists: another daemon holds it; the message names its pid.
absl::StatusOr<UniqueFd> LockPidFile(const std::string& folder);

// Makes a folder and those above it. Existing is fine.
absl::Status MakeFolder(const std::string& path, unsigned mode);

// kPermissionDenied: everybody may write in the folder, and so put there what we take for ours. sticky_is_fine: unless nobody may take
// away another's file (as in /tmp). One that is not there is fine.
absl::Status CheckFolder(const std::string& path, bool sticky_is_fine = false);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_START_CHECKS_H_
