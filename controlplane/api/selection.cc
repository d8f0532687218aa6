// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/selection.h"

#include "controlplane/policy/selectors.h"

namespace bulkhead::api {

bool Selects(const NetworkPolicy& policy, const Workload& workload) {
  return !workload.host_network && policy.ns == workload.ns && Matches(policy.pod_selector, workload.labels);
}

std::vector<const NetworkPolicy*> PoliciesOf(const View& view, const Workload& workload) {
  std::vector<const NetworkPolicy*> out;
  if (view.documents == nullptr) return out;
  for (const NetworkPolicy& policy : view.documents->network_policies) {
    if (Selects(policy, workload)) out.push_back(&policy);
  }
  return out;
}

std::string PolicyNameOf(const NetworkPolicy& policy) { return policy.ns + "/" + policy.name; }

}  // namespace bulkhead::api
