// SPDX-License-Identifier: Apache-2.0
// FolderWatch: notices that files of a folder may have changed, once they have settled: editors write aside and rename.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_FOLDER_WATCH_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_FOLDER_WATCH_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

class FolderWatch {
 public:
  static absl::StatusOr<FolderWatch> Open(const std::string& folder);

  int fd() const { return fd_.get(); }  // readable: call OnReadable
  void OnReadable(uint64_t now_ns);

  // true, once: something changed, and nothing has since for 40 ms (or for 400 ms it never stopped). Also after every `kAlways`, since a
  // folder that is replaced, or lies on a network, tells nothing. Call it every few milliseconds.
  bool Settled(uint64_t now_ns);

 private:
  FolderWatch(std::string folder, UniqueFd fd) : folder_(std::move(folder)), fd_(std::move(fd)) {}
  void Watch();

  std::string folder_;
  UniqueFd fd_;
  uint64_t first_ = 0;  // 0 = nothing changed
  uint64_t last_ = 0;
  uint64_t read_ = 0;  // when Settled last gave true
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_FOLDER_WATCH_H_
