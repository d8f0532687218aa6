// SPDX-License-Identifier: Apache-2.0
// What the policy engine explains, as it travels and as people read it: the same for a live daemon and for files. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_EXPLAINED_H_
#define BULKHEAD_CONTROLPLANE_API_EXPLAINED_H_

#include "bulkhead/api/explain.h"
#include "controlplane/policy/explain.h"

namespace bulkhead::api {

// Sets what policy alone says: both sides, changes, notes; and the verdict, as if every service enforced.
void AddPolicy(const bulkhead::Explanation& policy, Explanation* out);

// Sets `text` from everything else. live: a daemon's, which has a generation and has seen traffic.
void RenderText(const bulkhead::Explanation& policy, bool live, Explanation* out);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_EXPLAINED_H_
