// SPDX-License-Identifier: Apache-2.0
// Which programs are at the interfaces that records name, and whether they are the ones that ought to be there. Reads only, in the
// network namespace of the calling thread. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_ATTACHED_PROGRAMS_H_
#define BULKHEAD_DATAPLANE_EBPF_ATTACHED_PROGRAMS_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/attach.h"

namespace bulkhead {

struct ProgramFacts {
  std::string tag;  // of its instructions, 16 hexadecimal digits
  std::vector<uint32_t> maps;  // the kernel's numbers
};
absl::StatusOr<ProgramFacts> ReadProgram(int program);

// What programs should be like.
struct ProgramsWanted {
  std::string base;         // of the layout whose record it is
  std::set<uint32_t> maps;  // the kernel's numbers of the pinned maps
  std::string tags[2];      // of ingress and egress
};

struct ProgramsFound {
  uint32_t interfaces = 0;   // of the records, those that exist
  uint32_t other_build = 0;  // of these, those with a program that is ours but has other instructions
  // Sentences: no program of ours, or one that uses other maps than the pinned ones.
  std::vector<std::string> wrong;
};

using AttachmentRecords = std::vector<std::pair<uint32_t, AttachmentRecord>>;

// That some program is at both hooks, where the record says. base: of its layout.
absl::StatusOr<bool> HasPrograms(NetlinkSocket& socket, uint32_t ifindex, const AttachmentRecord& record, const std::string& base);

absl::StatusOr<ProgramsFound> FindPrograms(const AttachmentRecords& records, const ProgramsWanted& wanted);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ATTACHED_PROGRAMS_H_
