// SPDX-License-Identifier: Apache-2.0
// The file system that holds pins. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_KERNEL_BPFFS_H_
#define BULKHEAD_DATAPLANE_KERNEL_BPFFS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// Makes `root` a directory of a bpffs: mounts one on the folder above it if that is not in one already.
absl::Status EnsureBpffs(KernelWriter& writer, const std::string& root);

// Everything below `root`, files before the directory that holds them, `root` itself last. Empty if there is no `root`.
std::vector<std::string> ListTree(const std::string& root);

// That the bpffs which holds `root` was mounted by EnsureBpffs: the mount point, else "".
std::string OwnMountOf(const std::string& root);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_BPFFS_H_
