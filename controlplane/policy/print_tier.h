// SPDX-License-Identifier: Apache-2.0
// The spec of the kinds that belong to no namespace, as YAML.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PRINT_TIER_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PRINT_TIER_H_

#include "bulkhead/model/policy.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/print_writer.h"

namespace bulkhead {

// What stands below `spec:`. `policy` is not a NetworkPolicy.
void PrintTierSpec(const Policy& policy, const PolicyComments& comments, YamlWriter* out);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PRINT_TIER_H_
