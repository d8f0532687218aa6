// SPDX-License-Identifier: Apache-2.0
// RunDaemon: puts the parts together and runs them until SIGTERM or SIGINT. Enforcement stays when it returns.
//
// Thread safety: called once, by the main thread, before there is any other.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_

#include <string>

#include "absl/status/status.h"
#include "controlplane/config/config.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// kPermissionDenied, kAlreadyExists, kInvalidArgument: it cannot start as asked; others: something failed.
// `writer`: through which everything goes that changes the kernel.
absl::Status RunDaemon(const Config& config, const std::string& version, KernelWriter& writer);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_
