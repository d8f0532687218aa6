// SPDX-License-Identifier: Apache-2.0
// What a start of this build would make of what is in the kernel. Programs are loaded, to see that this kernel takes them, and are gone
// when the call returns; nothing else is changed, and nothing pinned or attached. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_START_REPORT_H_
#define BULKHEAD_DATAPLANE_EBPF_START_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/ebpf/layouts.h"

namespace bulkhead {

struct StartReport {
  StartKind kind = StartKind::kNew;
  uint32_t layout = 0;      // this build's
  uint32_t from = 0;        // kUpgrade, kReset: the one that judges now; 0: none
  std::string refused;      // why it would not start; the rest says nothing then
  uint32_t interfaces = 0;  // that have programs of Bulkhead
  uint32_t other_build = 0;  // of these, those whose programs have other instructions than this build's
  std::vector<std::string> wrong;    // of what is attached, in sentences; a start puts it right
  std::vector<std::string> carried;  // kUpgrade: maps that would be used on
  bool flows_carried = false;        // the flow table is among them

  // Something other than that the daemon runs again.
  bool Changes() const {
    return !refused.empty() || kind == StartKind::kUpgrade || kind == StartKind::kReset || other_build != 0 || !wrong.empty();
  }
};

// Errors: what is in the kernel cannot be read.
absl::StatusOr<StartReport> ReportStart(const EbpfOptions& options);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_START_REPORT_H_
