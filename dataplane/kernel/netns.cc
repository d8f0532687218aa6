// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace bulkhead {

std::string NetnsPathOfPid(pid_t pid) { return absl::StrCat("/proc/", pid, "/ns/net"); }

absl::StatusOr<UniqueFd> OpenNetns(const std::string& path) {
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.ok()) return absl::ErrnoToStatus(errno, path);
  struct statfs info {};
  if (fstatfs(place.get(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  const absl::Status wrong = absl::InvalidArgumentError(absl::StrCat(path, ": is not a network namespace"));
  if (info.f_type != NSFS_MAGIC) return wrong;
  UniqueFd netns(open(absl::StrCat("/proc/self/fd/", place.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns.ok()) return absl::ErrnoToStatus(errno, path);
  if (ioctl(netns.get(), NS_GET_NSTYPE) != CLONE_NEWNET) return wrong;
  return netns;
}

absl::StatusOr<NetnsId> IdentifyNetns(int netns_fd) {
  struct stat info {};
  if (fstat(netns_fd, &info) != 0) return absl::ErrnoToStatus(errno, "fstat of a network namespace");
  return NetnsId{info.st_dev, info.st_ino};
}

absl::StatusOr<NetnsId> CurrentNetns() {
  const auto netns = OpenNetns("/proc/thread-self/ns/net");
  if (!netns.ok()) return netns.status();
  return IdentifyNetns(netns->get());
}

absl::StatusOr<std::optional<int32_t>> FindNsid(NetlinkSocket& socket, int netns_fd) {
  NetlinkRequest request(RTM_GETNSID, 0);
  request.AddHeader(rtgenmsg{});
  request.AddU32(NETNSA_FD, static_cast<uint32_t>(netns_fd));
  int32_t nsid = NETNSA_NSID_NOT_ASSIGNED;
  const absl::Status status = socket.Talk(request, [&](const nlmsghdr& message) {
    const auto attributes = AttributesOf<NETNSA_NSID>(message, sizeof(rtgenmsg));
    nsid = static_cast<int32_t>(U32Or(attributes[NETNSA_NSID], static_cast<uint32_t>(NETNSA_NSID_NOT_ASSIGNED)));
  });
  if (!status.ok()) return status;
  if (nsid == NETNSA_NSID_NOT_ASSIGNED) return std::nullopt;
  return nsid;
}

absl::StatusOr<int32_t> EnsureNsid(NetlinkSocket& socket, KernelWriter& writer, int netns_fd) {
  auto found = FindNsid(socket, netns_fd);
  if (!found.ok()) return found.status();
  if (found->has_value()) return **found;
  // Somebody else may have been faster; that is as good.
  const absl::Status status = writer.AllocateNsid(netns_fd);
  if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  found = FindNsid(socket, netns_fd);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return absl::InternalError("the kernel gave the namespace no number");
  return **found;
}

}  // namespace bulkhead
