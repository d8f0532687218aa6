// SPDX-License-Identifier: Apache-2.0
// Readiness: how much of what a version of a service does has been seen. Pure; any thread.
//
// Good-Turing over incidences: a workload-hour is a sample, and shows a set of edges. Of n samples, Q1 edges were in exactly one;
// then the next sample shows about Q1 / n edges that no earlier one showed (Good, Biometrika 40, 1953; for incidences Chao and
// Colwell, Ecology 98, 2017). Q1 is a count of rare things, taken as Poisson: the bound is that mean at which Q1 or fewer would
// come up with 5% (Garwood, Biometrika 28, 1936), over n. With Q1 = 0 it is 3 / n.
//
// A service is ready when enough workload-hours of the image were observed, the bound is low, no edge was new of late, and no edge
// waits for a decision.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_READINESS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_READINESS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/api/learned.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// One for each (service, image digest) in scope, the versions of a service in the order in which they were seen first. scope: "" =
// all, "NAMESPACE", or "NAMESPACE/SERVICE". kNotFound: nothing was seen of that scope.
absl::StatusOr<std::vector<Readiness>> MakeReadiness(const Evidence& evidence, const ReadyLimits& limits, std::string_view scope);

// The mean of a Poisson count at which `count` or fewer come up with a chance of 5%.
double PoissonUpper95(uint64_t count);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_READINESS_H_
