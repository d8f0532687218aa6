// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is closed when its owner goes. Movable; not thread safe.
#ifndef BULKHEAD_DATAPLANE_KERNEL_UNIQUE_FD_H_
#define BULKHEAD_DATAPLANE_KERNEL_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace bulkhead {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    const int mine = std::exchange(fd_, other.Release());
    if (mine >= 0) close(mine);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_UNIQUE_FD_H_
