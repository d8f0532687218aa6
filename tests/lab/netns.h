// SPDX-License-Identifier: Apache-2.0
// Private network namespaces for tests. Nothing here ever changes the namespace that the program was started in: every function
// that acts checks first where it is, and refuses elsewhere.
//
// A TestNetns belongs to the thread that made it (namespaces are a property of threads; threads started later inherit them). It has
// no uplink: lo is up, nothing else exists. /sys and a bpffs of its own are mounted in a private mount namespace, cgroups stay
// visible. Its kernel objects vanish with the last process, file descriptor or pin in it, also when a test is killed.
#ifndef BULKHEAD_TESTS_LAB_NETNS_H_
#define BULKHEAD_TESTS_LAB_NETNS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead::lab {

// Namespaces need root; tests skip with this text otherwise. Empty: can be done.
std::string WhyNoNamespaces();

// A second network namespace, made without entering it: the inside of a container. Held by its file descriptor.
class PeerNetns {
 public:
  static absl::StatusOr<PeerNetns> Create();

  int fd() const { return fd_.get(); }
  ino_t inode() const { return inode_; }
  // "/proc/PID/fd/N": opens the namespace from any process of this user.
  std::string path() const;

  // Runs `body` with the calling thread inside this namespace, and comes back.
  absl::Status Run(const std::function<absl::Status()>& body) const;
  // Runs a program inside, without a shell, and waits; kInternal with its output if it does not exit with 0.
  absl::Status Command(const std::vector<std::string>& argv) const;

 private:
  UniqueFd fd_;
  ino_t inode_ = 0;
};

class TestNetns {
 public:
  // Moves the calling thread into new network and mount namespaces.
  static absl::StatusOr<std::unique_ptr<TestNetns>> Create();
  // Moves the thread back to where it was.
  ~TestNetns();

  TestNetns(const TestNetns&) = delete;
  TestNetns& operator=(const TestNetns&) = delete;

  // kFailedPrecondition unless the calling thread is in this namespace and that is not the one that the program, or init as
  // far as it can be read, started in.
  absl::Status Check() const;
  int fd() const { return netns_.get(); }
  ino_t inode() const { return inode_; }

  // Runs a program in the namespace, after Check, without a shell, and waits; kInternal with its output if it fails.
  absl::Status Command(const std::vector<std::string>& argv) const;
  // The same; gives what it wrote to stdout and stderr.
  absl::StatusOr<std::string> Output(const std::vector<std::string>& argv) const;

 private:
  TestNetns() = default;
  absl::Status Enter();

  UniqueFd netns_, old_netns_, old_mounts_, old_directory_;
  ino_t inode_ = 0;
};

}  // namespace bulkhead::lab

#endif  // BULKHEAD_TESTS_LAB_NETNS_H_
