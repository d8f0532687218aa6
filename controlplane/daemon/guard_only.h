// SPDX-License-Identifier: Apache-2.0
// bulkheadd --guard-only: puts the guard up as the daemon left it in the state folder, and ends. For the start of the host, before
// any engine: a workload that starts before the daemon is up is then cut off, not free.
//
// Thread safety: called once, by the main thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_GUARD_ONLY_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_GUARD_ONLY_H_

#include "absl/status/status.h"
#include "controlplane/config/config.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// Does nothing when there was no guard and `on_unmanaged: drop` does not ask for one. A file that cannot be read counts as one that
// says that there was. Interfaces that a daemon has entered stay entered. kUnimplemented: the kernel cannot.
absl::Status RunGuardOnly(const Config& config, KernelWriter& writer);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_GUARD_ONLY_H_
