// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/selection.h"

#include "controlplane/policy/selectors.h"

namespace bulkhead::api {

bool Selects(const Policy& policy, const Workload& workload) {
  return !workload.host_network && policy.ns == workload.ns && Matches(policy.pod_selector, workload.labels);
}

std::vector<const Policy*> PoliciesOf(const View& view, const Workload& workload) {
  std::vector<const Policy*> out;
  if (view.documents == nullptr) return out;
  for (const Policy& policy : view.documents->policies) {
    if (Selects(policy, workload)) out.push_back(&policy);
  }
  return out;
}

std::string PolicyNameOf(const Policy& policy) { return policy.ns + "/" + policy.name; }

}  // namespace bulkhead::api
