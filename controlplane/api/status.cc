// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "bulkhead/api/wire.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/protection.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

absl::Status AddUplinks(const Context& context, const View& view, Status* status) {
  status->workload_hook = view.workload_hook;
  status->uplink_hook = view.uplink_hook;
  status->blocked_prefixes = view.blocks == nullptr ? 0 : view.blocks->size();
  if (view.uplinks.empty()) return absl::OkStatus();
  absl::StatusOr<std::map<uint32_t, uint64_t>> drops = context.service->ReadUplinkDrops();
  if (!drops.ok()) return drops.status();
  for (const UplinkView& uplink : view.uplinks) {
    status->uplinks.push_back({uplink.name, uplink.ifindex, uplink.hook, (*drops)[uplink.ifindex], uplink.error});
  }
  return absl::OkStatus();
}

LoopRow LoopOf(const LoopLatency& latency) {
  return {latency.count, latency.late, latency.QuantileNs(0.99) / 1000, latency.longest_ns / 1000, latency.late_by};
}

}  // namespace

absl::StatusOr<Response> GetStatus(const Context& context, const Request& /*request*/) {
  const std::shared_ptr<const View> view = context.service->GetView();
  Status status;
  status.version = context.version;
  status.pid = getpid();
  const uint64_t now = Moment::Now().unix_ms / 1000;
  status.uptime_seconds = now > view->started_at ? now - view->started_at : 0;
  status.generation = view->generation;
  status.attach = view->attach;
  if (absl::Status added = AddUplinks(context, *view, &status); !added.ok()) return added;
  const GuardView& guard = view->guard;
  status.guard = {guard.state, guard.reason, guard.managed, guard.exempt, guard.dropped_from, guard.dropped_to, guard.restored};
  status.mode = ModeName(view->modes.global);
  status.workloads = view->workloads.size();
  std::set<ServiceName> services;
  const std::map<std::string, Protection> protection = ProtectionOf(*view);
  for (const auto& [key, workload] : view->workloads) {
    const Mode mode = view->modes.Of(workload.ns, workload.service);
    if (services.insert({workload.ns, workload.service}).second) ++status.services_by_mode[ModeName(mode)];
    const Protection& has = protection.at(key);
    if (has.holds()) {
      ++status.protected_workloads;
      continue;
    }
    status.ok = status.ok && mode != Mode::kEnforce;
    status.unprotected.push_back({WorkloadNameOf(workload), PartyName(workload.ns, workload.service), ModeName(mode),
                                  has.state == "attaching" ? "attaching: " + has.reason : has.reason});
  }
  for (const NetworkView& network : view->networks) {
    status.networks.push_back({network.bridge, network.network, network.fast_path, network.reason});
  }
  for (const SourceStatus& source : view->sources)
    status.sources.push_back({source.name, source.state, source.error, source.workloads});
  if (view->documents != nullptr) status.policies = view->documents->policies.size();
  for (const PolicyFileStatus& file : view->policy_files) {
    status.policy_errors.insert(status.policy_errors.end(), file.errors.begin(), file.errors.end());
  }
  // Policy errors stand in both lists of the view.
  std::copy_if(view->problems.begin(), view->problems.end(), std::back_inserter(status.problems),
               [&status](const std::string& problem) {
                 return std::find(status.policy_errors.begin(), status.policy_errors.end(), problem) == status.policy_errors.end();
               });
  const SelfCheckView& check = view->self_check;
  status.self_check = {check.on, check.checked, check.disagreements, check.skipped, check.last, check.last_at};
  status.ok = status.ok && check.disagreements == 0;
  status.pending_confirm = view->pending_confirm;
  status.loop = LoopOf(context.service->ReadLoopLatency());
  return ObjectResponse(status);
}

}  // namespace bulkhead::api
