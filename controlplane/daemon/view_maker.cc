// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/view_maker.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead {

std::shared_ptr<const View> MakeView(const ViewParts& parts) {
  auto view = std::make_shared<View>();
  view->generation = parts.reconciler->generation();
  view->made_at_ns = parts.now_ns;
  view->started_at = parts.started_at;
  view->modes = parts.input->modes;
  for (const auto& [name, source] : parts.inventory->sources) {
    view->sources.push_back({name, source.state, source.error, source.workloads});
  }
  view->workloads = parts.inventory->workloads;
  for (const auto& [slot, endpoint] : parts.inventory->endpoints) {
    const auto owner = parts.inventory->owners.find(slot);
    view->endpoints.push_back({slot, endpoint.zone, endpoint.ifindex, endpoint.bound, parts.attached(endpoint.ifindex),
                               owner == parts.inventory->owners.end() ? "" : owner->second});
  }
  view->networks = parts.networks;
  view->identities = parts.identities->all();
  view->rules = parts.rules->all();
  view->documents = parts.reconciler->documents();
  view->nodes = {parts.input->node};
  view->policy_options = parts.reconciler->policy_options();
  for (const auto& [key, workload] : view->workloads) view->namespaces[workload.ns] = NamespaceLabels({}, workload.ns);
  if (view->documents != nullptr) {
    for (const Policy& policy : view->documents->policies) {
      view->namespaces[policy.ns] = NamespaceLabels({}, policy.ns);
    }
  }
  view->policy_files = parts.policies->files;
  for (const PolicyFileStatus& file : parts.policies->files) {
    view->problems.insert(view->problems.end(), file.errors.begin(), file.errors.end());
  }
  if (!parts.policies->modes_error.empty()) view->problems.push_back(parts.policies->modes_error);
  for (const auto& more : {parts.problems, parts.reconciler->problems(), parts.inventory->problems}) {
    view->problems.insert(view->problems.end(), more.begin(), more.end());
  }
  for (const IpAddress& address : parts.input->host_addresses) view->host_addresses.push_back(address.ToString());
  if (parts.staged_since != 0) {
    view->staged = StagedView{parts.staged_since, parts.staged_policies, parts.reconciler->staged_rules().all()};
  }
  view->newcomers = *parts.newcomers;
  view->resolvers = parts.resolvers;
  view->resolver_hints = parts.resolver_hints;
  view->attach = parts.attach;
  view->workload_hook = parts.workload_hook;
  view->uplink_hook = parts.uplink_hook;
  view->uplinks = parts.uplinks;
  view->guard = parts.guard;
  view->blocks = parts.blocks;
  view->self_check = parts.self_check;
  view->epoch = parts.epoch;
  view->durations = {parts.reconciler->compile_durations(), parts.source_event};
  if (const auto policy = parts.reconciler->policy(); policy != nullptr) {
    view->policy_size = {policy->subjects.size(), policy->classes, policy->rows, policy->rulesets.size(), policy->rules.size()};
  }
  view->pending_confirm = parts.pending_confirm;
  return view;
}

}  // namespace bulkhead
