// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/listen.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace bulkhead::api {
namespace {

constexpr int kBacklog = 128;

absl::Status SocketError(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("API socket ", path, ": ", std::string(what)));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("API socket \"", path, "\": the path must have 1 to ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::Status CheckFree(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT ? absl::OkStatus() : SocketError("stat", path);
  if (!S_ISSOCK(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat("API socket ", path, ": a file that is no socket is there"));
  if (const pid_t pid = ListenerPid(path); pid != 0) {
    return absl::AlreadyExistsError(absl::StrCat("API socket ", path, ": process ", pid, " serves it already"));
  }
  return absl::OkStatus();
}

}  // namespace

pid_t ListenerPid(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = AddressOf(path);
  const int fd = address.ok() ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) return 0;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  return connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0 ? PeerPid(fd) : 0;
}

pid_t PeerPid(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

std::string PeerUser(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  std::vector<char> buffer(16 * 1024);
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (getpwuid_r(peer.uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return absl::StrCat("uid ", peer.uid);
  return entry.pw_name;
}

gid_t GroupId(const std::string& group) {
  std::vector<char> buffer(16 * 1024);
  struct group entry {};
  struct group* found = nullptr;
  if (group.empty() || getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return static_cast<gid_t>(-1);
  }
  return entry.gr_gid;
}

absl::StatusOr<int> ListenUnix(const std::string& path, const std::string& group) {
  // Made beside its place and then renamed: nobody sees it before its rights are set, and a stale one is replaced in one step.
  const std::string made = absl::StrCat(path, ".", getpid());
  const absl::StatusOr<sockaddr_un> address = AddressOf(made);
  if (!address.ok()) return address.status();
  std::error_code ignored;  // a missing folder shows in bind
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, ignored);
  if (absl::Status status = CheckFree(path); !status.ok()) return status;

  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SocketError("socket", path);
  absl::Cleanup undo = [fd, &made] {
    close(fd);
    unlink(made.c_str());
  };
  unlink(made.c_str());
  // Nobody can connect before listen(), so that the rights are in place in time whatever the umask.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) return SocketError("bind", path);
  if (const gid_t gid = GroupId(group); gid != static_cast<gid_t>(-1) && chown(made.c_str(), static_cast<uid_t>(-1), gid) != 0) {
    return SocketError("chown", path);
  }
  if (chmod(made.c_str(), 0660) != 0) return SocketError("chmod", path);
  if (listen(fd, kBacklog) != 0) return SocketError("listen", path);
  if (rename(made.c_str(), path.c_str()) != 0) return SocketError("rename", path);
  std::move(undo).Cancel();
  return fd;
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat info {};
  if (lstat(path_.c_str(), &info) != 0) return;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

SocketFile::~SocketFile() {
  struct stat info {};
  if (lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

absl::Status CheckPeer(int fd, gid_t gid) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return absl::PermissionDeniedError("the caller cannot be told");
  if (peer.uid == 0 || peer.uid == geteuid()) return absl::OkStatus();
  if (gid != static_cast<gid_t>(-1)) {
    if (peer.gid == gid) return absl::OkStatus();
    std::vector<gid_t> groups(65536);  // NGROUPS_MAX
    size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      if (std::find(groups.begin(), groups.end(), gid) != groups.end()) return absl::OkStatus();
    }
  }
  return absl::PermissionDeniedError(
      absl::StrCat("user ", peer.uid, " may not use the API: only root and members of the group of its socket may"));
}

}  // namespace bulkhead::api
