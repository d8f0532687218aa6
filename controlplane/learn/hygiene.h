// SPDX-License-Identifier: Apache-2.0
// Hygiene: which of the relations that would support a rule look like an episode of one workload, and not like the service. The
// reasons are in sift.h, 5 and 6. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_HYGIENE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_HYGIENE_H_

#include <vector>

#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

// An edge in less than one of so many windows is seldom.
inline constexpr uint64_t kSeldomShare = 8;
// One that was seen in so many windows is no episode.
inline constexpr uint64_t kSettledWindows = 8;
// Rare edges of one workload in the same window from which on it is a burst, and of one workload alone from which on it is deviant.
inline constexpr size_t kCompany = 3;
// A chance below this is none.
inline constexpr double kChance = 0.01;

// Sets aside, of those that support a rule and were not accepted.
void ApplyHygiene(const Evidence& evidence, std::vector<Relation>* relations);

// The chance that n uniform points in [0,1] lie within a stretch of x.
double RangeChance(uint64_t n, double x);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_HYGIENE_H_
