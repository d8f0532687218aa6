// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/selection.h"

#include <algorithm>

#include "controlplane/policy/selectors.h"

namespace bulkhead::api {

bool Selects(const Policy& policy, const Workload& workload) {
  if (workload.host_network || !Matches(policy.pod_selector, workload.labels)) return false;
  if (policy.kind == PolicyKind::kNetworkPolicy) return policy.ns == workload.ns;
  return Matches(policy.namespace_selector, NamespaceLabels({}, workload.ns));
}

bool Closes(const Policy& policy, Direction direction) {
  if (policy.audit || !policy.Judges(direction)) return false;
  const std::vector<PolicyRule>& rules = policy.rules(direction);
  return policy.kind == PolicyKind::kNetworkPolicy ||
         std::any_of(rules.begin(), rules.end(), [](const PolicyRule& rule) { return rule.action == RuleAction::kDeny; });
}

std::vector<const Policy*> PoliciesOf(const View& view, const Workload& workload) {
  std::vector<const Policy*> out;
  if (view.documents == nullptr) return out;
  for (const Policy& policy : view.documents->policies) {
    if (Selects(policy, workload)) out.push_back(&policy);
  }
  return out;
}

}  // namespace bulkhead::api
