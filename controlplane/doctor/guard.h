// SPDX-License-Identifier: Apache-2.0
// The guard's tables. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_GUARD_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_GUARD_H_

#include "absl/status/statusor.h"
#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"
#include "dataplane/fast_path/facts.h"

namespace bulkhead::doctor {

// enforces: some service is in mode enforce; false also when nobody can say.
void CheckGuard(const absl::StatusOr<fast_path::Facts>& facts, OnUnmanaged on_unmanaged, bool enforces, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_GUARD_H_
