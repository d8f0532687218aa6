// SPDX-License-Identifier: Apache-2.0
// Which policies select which workloads. Pure functions; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_SELECTION_H_
#define BULKHEAD_CONTROLPLANE_API_SELECTION_H_

#include <string>
#include <vector>

#include "controlplane/api/view.h"

namespace bulkhead::api {

// Host-network workloads are the node: no policy selects them.
bool Selects(const Policy& policy, const Workload& workload);

// Whether the policy keeps anything out of that direction of those whom it is about: a NetworkPolicy that isolates it, or a rule of
// a tier that denies. One in audit keeps nothing out.
bool Closes(const Policy& policy, Direction direction);

// The policies in force that select the workload.
std::vector<const Policy*> PoliciesOf(const View& view, const Workload& workload);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_SELECTION_H_
