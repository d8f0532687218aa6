// SPDX-License-Identifier: Apache-2.0
// Network namespaces: opening, telling apart, and their numbers (nsid) in ours. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_KERNEL_NETNS_H_
#define BULKHEAD_DATAPLANE_KERNEL_NETNS_H_

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/netlink.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

// Tells living namespaces apart. Reused after a namespace is gone: hold its file descriptor as long as this is compared.
struct NetnsId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const NetnsId&) const = default;
};

std::string NetnsPathOfPid(pid_t pid);
// Opens the file of a network namespace (/proc/PID/ns/net, /run/netns/NAME). kInvalidArgument if it is something else: a path that
// somebody configured is not opened before it is known to be a namespace, so that no device or pipe can block or act.
absl::StatusOr<UniqueFd> OpenNetns(const std::string& path);
absl::StatusOr<NetnsId> IdentifyNetns(int netns_fd);
// Of the calling thread.
absl::StatusOr<NetnsId> CurrentNetns();

// The number that the socket's namespace has for another one; nullopt: none yet.
absl::StatusOr<std::optional<int32_t>> FindNsid(NetlinkSocket& socket, int netns_fd);
// The same; allocates one if there is none.
absl::StatusOr<int32_t> EnsureNsid(NetlinkSocket& socket, KernelWriter& writer, int netns_fd);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_NETNS_H_
