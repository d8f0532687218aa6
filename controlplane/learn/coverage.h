// SPDX-License-Identifier: Apache-2.0
// Coverage: what the product's own compiler says of proposals, flow by flow of the evidence. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_COVERAGE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_COVERAGE_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

struct Coverage {
  uint64_t answered = 0;  // flows of the evidence with the service on either side
  uint64_t covered = 0;   // of these, permitted
};

// Judges all evidence by `policies`, as if nothing else were in force and every service enforced.
absl::StatusOr<std::map<ServiceName, Coverage>> Cover(const Evidence& evidence, const std::vector<Policy>& policies,
                                                      const View& view);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_COVERAGE_H_
