// SPDX-License-Identifier: Apache-2.0
// The programs at the interfaces of workloads. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_ATTACHMENTS_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_ATTACHMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct AttachedProgram {
  std::string name;
  bool ours = false;
  bool our_maps = false;  // it uses the maps that are pinned
};

// A veth whose other end is in another namespace.
struct InterfaceFacts {
  std::string name;
  bool recorded = false;                            // our records say that it has our programs
  std::vector<AttachedProgram> ingress, egress;     // in the order in which packets meet them
  std::string xdp;                                  // a foreign XDP program; empty: none
};

absl::StatusOr<std::vector<InterfaceFacts>> ReadAttachments(const Config& config);
void CheckAttachments(const absl::StatusOr<std::vector<InterfaceFacts>>& facts, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_ATTACHMENTS_H_
