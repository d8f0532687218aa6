// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/listen.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/acl.h>
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
#include "spdlog/spdlog.h"

namespace bulkhead::api {
namespace {

constexpr int kBacklog = 128;
constexpr size_t kMostGroups = 65536;  // NGROUPS_MAX
constexpr gid_t kNoGroup = static_cast<gid_t>(-1);

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

namespace {

// One more group at the socket. Where the file system knows no access control lists its members stay outside.
absl::Status AdmitGroup(const std::string& made, gid_t gid, bool group_in) {
  const std::string text = absl::StrCat("u::rw-,g::", group_in ? "rw-" : "---", ",g:", gid, ":rw-,m::rw-,o::---");
  const std::unique_ptr<void, int (*)(void*)> acl(acl_from_text(text.c_str()), acl_free);
  if (acl == nullptr) return SocketError("access control list", made);
  if (acl_set_file(made.c_str(), ACL_TYPE_ACCESS, static_cast<acl_t>(acl.get())) == 0) return absl::OkStatus();
  if (errno != EOPNOTSUPP) return SocketError("access control list", made);
  spdlog::warn("API socket: its file system knows no access control lists; only root and the group that owns it get in");
  return absl::OkStatus();
}

// Nobody can connect before listen(), so that the rights are in place in time whatever the umask.
absl::Status SetRights(const std::string& made, const SocketGroups& groups) {
  const gid_t all = GroupId(groups.all), read = GroupId(groups.read);
  const bool group_in = all != kNoGroup;
  if (group_in && chown(made.c_str(), static_cast<uid_t>(-1), all) != 0) return SocketError("chown", made);
  if (chmod(made.c_str(), group_in ? 0660 : 0600) != 0) return SocketError("chmod", made);
  return read == kNoGroup ? absl::OkStatus() : AdmitGroup(made, read, group_in);
}

}  // namespace

pid_t ListenerPid(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = AddressOf(path);
  const int fd = address.ok() ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) return 0;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  return connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0 ? PeerOf(fd, kNoGroup, kNoGroup).pid : 0;
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
    return kNoGroup;
  }
  return entry.gr_gid;
}

absl::StatusOr<std::unique_ptr<ApiSocket>> ApiSocket::Open(const std::string& path, const SocketGroups& groups) {
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
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) return SocketError("bind", path);
  if (absl::Status status = SetRights(made, groups); !status.ok()) return status;
  if (listen(fd, kBacklog) != 0) return SocketError("listen", path);
  if (rename(made.c_str(), path.c_str()) != 0) return SocketError("rename", path);
  std::move(undo).Cancel();
  return std::unique_ptr<ApiSocket>(new ApiSocket(path, fd));
}

ApiSocket::ApiSocket(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
  struct stat info {};
  if (lstat(path_.c_str(), &info) != 0) return;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

void ApiSocket::Remove() {
  struct stat info {};
  if (lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

ApiSocket::~ApiSocket() {
  Remove();
  if (fd_ >= 0) close(fd_);
}

Peer PeerOf(int fd, gid_t all, gid_t read) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  Peer peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return peer;
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;
  if (peer.uid == 0 || peer.uid == geteuid()) {
    peer.access = Access::kAll;
    return peer;
  }
  std::vector<gid_t> groups(kMostGroups);
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  groups.resize(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0 ? size / sizeof(gid_t) : 0);
  groups.push_back(credentials.gid);
  const auto is_in = [&](gid_t gid) { return gid != kNoGroup && std::find(groups.begin(), groups.end(), gid) != groups.end(); };
  peer.access = is_in(all) ? Access::kAll : is_in(read) ? Access::kRead : Access::kNone;
  return peer;
}

}  // namespace bulkhead::api
