// SPDX-License-Identifier: Apache-2.0
// The unix socket that the API listens on, and who is at its other end.
#ifndef BULKHEAD_CONTROLPLANE_API_LISTEN_H_
#define BULKHEAD_CONTROLPLANE_API_LISTEN_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead::api {

// What somebody may do by the API.
enum class Access : uint8_t { kNone, kRead, kAll };

// Names of groups; one that does not exist has no members.
struct SocketGroups {
  std::string all = "bulkhead";        // may do everything, as root
  std::string read = "bulkhead-read";  // may read what tells nothing of packets' contents
};

// A listening socket at a path. It appears there whole and by one rename, and goes when this ends, unless another one has taken its
// place since. Its mode is 0660 root:GROUP, or 0600 where there is no such group; the members of the reading group get in by an entry
// in its access control list (acl(5)).
class ApiSocket {
 public:
  // kAlreadyExists: somebody answers there (the message names the pid); kFailedPrecondition: something that is no socket is there.
  static absl::StatusOr<std::unique_ptr<ApiSocket>> Open(const std::string& path, const SocketGroups& groups);
  ~ApiSocket();
  ApiSocket(const ApiSocket&) = delete;
  ApiSocket& operator=(const ApiSocket&) = delete;

  // The caller's to close from now on.
  int TakeFd() { return std::exchange(fd_, -1); }
  // Now, not at the end: nobody finds it any more.
  void Remove();

 private:
  ApiSocket(std::string path, int fd);

  std::string path_;
  int fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The pid of who listens at `path`; 0 = nobody answers.
pid_t ListenerPid(const std::string& path);

// The process at the other end of a connected unix socket, as it was at the time of connect (unix(7), SO_PEERCRED, SO_PEERGROUPS):
// what it has become since, or whom it hands the socket to, changes nothing.
struct Peer {
  pid_t pid = 0;  // 0: it cannot be told
  uid_t uid = static_cast<uid_t>(-1);
  Access access = Access::kNone;  // all: root, our own user, and members of `all`; read: members of `read`
};
Peer PeerOf(int fd, gid_t all, gid_t read);

// The name of the user at the other end, "uid 1000" when it has none, "unknown" when it cannot be told.
std::string PeerUser(int fd);

// The id of a group; -1 when there is none of that name.
gid_t GroupId(const std::string& group);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_LISTEN_H_
