// SPDX-License-Identifier: Apache-2.0
// The unix socket that the API listens on, and who is at its other end.
#ifndef BULKHEAD_CONTROLPLANE_API_LISTEN_H_
#define BULKHEAD_CONTROLPLANE_API_LISTEN_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead::api {

// A listening socket at `path`, mode 0660, of the group if there is one of that name. It appears at `path` whole and by one rename.
// kAlreadyExists: somebody answers there (the message names the pid); kFailedPrecondition: something that is no socket is there.
absl::StatusOr<int> ListenUnix(const std::string& path, const std::string& group);

// Removes the socket at `path` when destroyed, unless another one has taken its place since.
class SocketFile {
 public:
  explicit SocketFile(std::string path);
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The pid of who listens at `path`; 0 = nobody answers.
pid_t ListenerPid(const std::string& path);

// Whether the process at the other end of a connected unix socket may use the API: root, our own user, or a member of the group
// `gid` (-1 = no group). Credentials are those at the time of connect (unix(7), SO_PEERCRED and SO_PEERGROUPS).
absl::Status CheckPeer(int fd, gid_t gid);

// The process at the other end of a connected unix socket; 0 = it cannot be told.
pid_t PeerPid(int fd);

// The name of the user at the other end, "uid 1000" when it has none, "unknown" when it cannot be told.
std::string PeerUser(int fd);

// The id of a group; -1 when there is none of that name.
gid_t GroupId(const std::string& group);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_LISTEN_H_
