// SPDX-License-Identifier: Apache-2.0
// RunDaemon: puts the parts together and runs them until SIGTERM or SIGINT. Enforcement stays when it returns.
//
// Thread safety: called once, by the main thread, before there is any other.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/config/config.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// kPermissionDenied, kAlreadyExists, kInvalidArgument, kFailedPrecondition: it cannot start as asked; others: something failed.
struct StartOptions {
  std::string version;  // of the program, for people
  // Reads the configuration anew, for SIGHUP. Empty: it stays.
  std::function<absl::StatusOr<Config>()> read_config;
  bool reset = false;  // as EbpfOptions, like the rest
  uint32_t layout_version = BH_LAYOUT_VERSION;
  std::set<std::string> fresh_maps;
};

EbpfOptions EbpfOptionsOf(const Config& config, const StartOptions& start);

// `writer`: through which everything goes that changes the kernel.
absl::Status RunDaemon(const Config& config, const StartOptions& start, KernelWriter& writer);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_
