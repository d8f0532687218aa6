// SPDX-License-Identifier: Apache-2.0
// The container engines, and the daemon itself. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_ENGINES_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_ENGINES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/api/wire.h"
#include "absl/status/statusor.h"
#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct EngineFacts {
  std::string socket;
  absl::Status reached;     // kPermissionDenied, kNotFound, kUnavailable, kDeadlineExceeded
  std::string version;      // of the engine
  std::string api_version;  // the newest that it speaks
};

std::vector<EngineFacts> ReadEngines(const Config& config);
void CheckEngines(const std::vector<EngineFacts>& engines, const Config& config, Findings* findings);

// status: the daemon's own; an error: nobody answers.
void CheckDaemon(const absl::StatusOr<api::Status>& status, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_ENGINES_H_
