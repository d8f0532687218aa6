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

// The policies in force that select the workload.
std::vector<const Policy*> PoliciesOf(const View& view, const Workload& workload);

// "NAMESPACE/NAME".
std::string PolicyNameOf(const Policy& policy);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_SELECTION_H_
