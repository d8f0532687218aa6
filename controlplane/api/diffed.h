// SPDX-License-Identifier: Apache-2.0
// A diff of policies as an answer. Pure functions; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_DIFFED_H_
#define BULKHEAD_CONTROLPLANE_API_DIFFED_H_

#include "bulkhead/api/diff.h"
#include "controlplane/diff/diff.h"

namespace bulkhead::api {

Diff MakeDiff(const PolicyDiff& diff);

// What policy says, whatever the modes: allow, deny, audit. What the modes make of it: passes, recorded, reported, dropped.
const char* VerdictWord(Outcome outcome);
const char* EffectWord(Outcome outcome);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_DIFFED_H_
