// SPDX-License-Identifier: Apache-2.0
// The kinds that belong to no namespace, of the group policy.networking.k8s.io: ClusterNetworkPolicy v1alpha2, AdminNetworkPolicy
// and BaselineAdminNetworkPolicy v1alpha1. Limits and patterns are those of the group's published types. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_POLICY_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_POLICY_H_

#include "bulkhead/model/policy.h"
#include "controlplane/policy/parse_parts.h"

namespace bulkhead {

// `kind`: not kNetworkPolicy. What was wrong is in context.errors; the result is of use only if nothing was added there.
Policy ParseTierPolicy(const ParseContext& context, const yaml::Node& node, PolicyKind kind);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_POLICY_H_
