// SPDX-License-Identifier: Apache-2.0
// networking.k8s.io/v1 NetworkPolicy. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_NETWORK_POLICY_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_NETWORK_POLICY_H_

#include "bulkhead/model/policy.h"
#include "controlplane/policy/parse_parts.h"

namespace bulkhead {

// What was wrong is in context.errors; the result is of use only if nothing was added there.
Policy ParseNetworkPolicy(const ParseContext& context, const yaml::Node& node);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARSE_NETWORK_POLICY_H_
