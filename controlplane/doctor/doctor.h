// SPDX-License-Identifier: Apache-2.0
// All checks, one after the other. Reads only; needs no daemon. Thread safety: any thread.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_DOCTOR_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_DOCTOR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/wire.h"
#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

// Of this host, in the network namespace of the caller. status: what the daemon says of itself.
std::vector<Finding> Examine(const Config& config, const absl::StatusOr<api::Status>& status);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_DOCTOR_H_
