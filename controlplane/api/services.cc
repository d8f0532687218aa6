// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "bulkhead/api/wire.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/protection.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/selection.h"

namespace bulkhead::api {
namespace {

struct Sets {
  std::set<std::string> policies, images, image_names, new_images;
};

void AddWorkload(const View& view, const Workload& workload, const Protection& protection, ServiceRow* row, Sets* sets) {
  ++row->workloads;
  if (protection.holds()) {
    ++row->protected_workloads;
  } else {
    row->unprotected.push_back(workload.name + ": " + protection.reason);
  }
  for (const Policy* policy : PoliciesOf(view, workload)) {
    row->ingress_isolated = row->ingress_isolated || Closes(*policy, Direction::kIngress);
    row->egress_isolated = row->egress_isolated || Closes(*policy, Direction::kEgress);
    sets->policies.insert(PolicyRef(*policy));
  }
  if (!workload.image_digest.empty()) sets->images.insert(workload.image_digest);
  if (const auto newcomer = view.newcomers.find(workload.identity); newcomer != view.newcomers.end()) {
    sets->new_images.insert(workload.image_digest);
    row->new_until_unix = std::max(row->new_until_unix, newcomer->second.until);
  }
  if (!workload.image.empty()) sets->image_names.insert(workload.image);
}

}  // namespace

absl::StatusOr<Response> GetServices(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  const std::string ns = request.Query(kNamespace);
  const std::map<std::string, Protection> protection = ProtectionOf(*view);
  std::map<ServiceName, std::pair<ServiceRow, Sets>> services;
  for (const auto& [key, workload] : view->workloads) {
    if (!ns.empty() && workload.ns != ns) continue;
    auto& [row, sets] = services[{workload.ns, workload.service}];
    AddWorkload(*view, workload, protection.at(key), &row, &sets);
  }
  std::map<std::string, uint64_t> denied;  // by party
  const uint64_t now = context.activity->Refresh(context.service);
  for (const EdgeActivity& edge : context.activity->Sum(now)) {
    denied[edge.from] += edge.denied;
    if (edge.to != edge.from) denied[edge.to] += edge.denied;
  }
  std::vector<ServiceRow> rows;
  for (auto& [name, service] : services) {
    auto& [row, sets] = service;
    row.ns = name.first;
    row.service = name.second;
    row.mode = ModeName(view->modes.Of(name.first, name.second));
    row.policies.assign(sets.policies.begin(), sets.policies.end());
    row.images.assign(sets.images.begin(), sets.images.end());
    row.new_images.assign(sets.new_images.begin(), sets.new_images.end());
    row.image_names.assign(sets.image_names.begin(), sets.image_names.end());
    if (const auto at = denied.find(PartyName(name.first, name.second)); at != denied.end()) row.denied = at->second;
    rows.push_back(std::move(row));
  }
  return LinesResponse(std::move(rows));
}

}  // namespace bulkhead::api
