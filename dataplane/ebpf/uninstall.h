// SPDX-License-Identifier: Apache-2.0
// Everything that the ebpf backend ever put into the kernel: finding it and taking it away, without a running daemon.
// Looks at the network namespace of the calling thread and at the bpffs below `root`. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_UNINSTALL_H_
#define BULKHEAD_DATAPLANE_EBPF_UNINSTALL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// One line for each thing, for people: "tc filter bh_ingress on veth1a2b ingress", "pin /sys/fs/bpf/bulkhead/v2/maps/bh_flows4".
// Pins of every layout version are found.
absl::StatusOr<std::vector<std::string>> ListInstalled(const std::string& root);

// Removes all of that, in the order of the list, and returns what was removed. On an error the rest is still tried; the first error
// is returned, and `removed` has what went well. Safe to repeat.
absl::Status Uninstall(KernelWriter& writer, const std::string& root, std::vector<std::string>& removed);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_UNINSTALL_H_
