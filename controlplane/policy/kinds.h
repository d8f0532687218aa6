// SPDX-License-Identifier: Apache-2.0
// How the API documents spell the kinds of policy and their actions. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_KINDS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_KINDS_H_

#include <cstddef>
#include <string>

#include "bulkhead/model/policy.h"

namespace bulkhead {

inline constexpr PolicyKind kPolicyKinds[] = {PolicyKind::kNetworkPolicy, PolicyKind::kClusterNetworkPolicy,
                                              PolicyKind::kAdminNetworkPolicy, PolicyKind::kBaselineAdminNetworkPolicy};

inline const char* ApiVersion(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kNetworkPolicy:
      return "networking.k8s.io/v1";
    case PolicyKind::kClusterNetworkPolicy:
      return "policy.networking.k8s.io/v1alpha2";
    case PolicyKind::kAdminNetworkPolicy:
    case PolicyKind::kBaselineAdminNetworkPolicy:
      return "policy.networking.k8s.io/v1alpha1";
  }
  return "";
}

// The word of a rule's `action`, which a NetworkPolicy does not have.
inline const char* ActionWord(PolicyKind kind, RuleAction action) {
  switch (action) {
    case RuleAction::kAccept:
      return kind == PolicyKind::kClusterNetworkPolicy ? "Accept" : "Allow";
    case RuleAction::kDeny:
      return "Deny";
    case RuleAction::kPass:
      return "Pass";
  }
  return "";
}

// How many rules a direction of the tiers' kinds may have, and how many peers and ports a rule.
inline size_t MaxItems(PolicyKind kind) { return kind == PolicyKind::kClusterNetworkPolicy ? 25 : 100; }

// "an AdminNetworkPolicy"
inline std::string WithArticle(PolicyKind kind) {
  return std::string(kind == PolicyKind::kAdminNetworkPolicy ? "an " : "a ") + PolicyKindName(kind);
}

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_KINDS_H_
