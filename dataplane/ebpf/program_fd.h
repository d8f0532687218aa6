// SPDX-License-Identifier: Apache-2.0
// File descriptors of programs. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_PROGRAM_FD_H_
#define BULKHEAD_DATAPLANE_EBPF_PROGRAM_FD_H_

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

// One that outlives the object that the other belongs to.
inline absl::StatusOr<UniqueFd> DuplicateFd(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.ok()) return absl::ErrnoToStatus(errno, "duplicating a file descriptor");
  return copy;
}

// The kernel's number of a program.
inline absl::StatusOr<uint32_t> ProgramId(int fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return absl::ErrnoToStatus(errno, "asking for a program's number");
  return info.id;
}

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_PROGRAM_FD_H_
