// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "bulkhead/api/change.h"
#include "controlplane/api/changes.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/promotion.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

const char* SetAt(const Modes& modes, const ServiceName& service) {
  if (modes.services.contains(service)) return "service";
  return modes.namespaces.contains(service.first) ? "namespace" : "global";
}

}  // namespace

Response ChangeResponse(const ChangeResult& result) {
  return ObjectResponse(Change{result.generation, result.changes, result.notes});
}

absl::StatusOr<Response> GetModes(const Context& context, const Request& /*request*/) {
  const std::shared_ptr<const View> view = context.service->GetView();
  ModeList list;
  list.pending_confirm = view->pending_confirm;
  list.modes.push_back({"global", "", "", ModeName(view->modes.global), "global"});
  for (const auto& [ns, mode] : view->modes.namespaces) list.modes.push_back({"namespace", ns, "", ModeName(mode), "namespace"});
  std::set<ServiceName> services;
  for (const auto& [service, mode] : view->modes.services) services.insert(service);
  for (const auto& [key, workload] : view->workloads) services.insert({workload.ns, workload.service});
  for (const ServiceName& service : services) {
    const Mode mode = view->modes.Of(service.first, service.second);
    list.modes.push_back({"service", service.first, service.second, ModeName(mode), SetAt(view->modes, service)});
  }
  return ObjectResponse(list);
}

absl::StatusOr<Response> PutModes(const Context& context, const Request& request) {
  const absl::StatusOr<ModeRequest> wanted = ParseWire<ModeRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  const absl::StatusOr<std::optional<Mode>> mode = ParseModeField(wanted->mode);
  if (!mode.ok()) return mode.status();
  if (wanted->ns.empty() && !wanted->service.empty()) return absl::InvalidArgumentError("a service without its namespace");
  if (!wanted->force) {
    if (absl::Status ready = CheckPromotion(context.service, wanted->ns, wanted->service, *mode); !ready.ok()) return ready;
  }
  const absl::StatusOr<ChangeResult> result = context.service->SetMode(wanted->ns, wanted->service, *mode, wanted->confirm_seconds);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> PostConfirm(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<ChangeResult> result = context.service->Confirm();
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

}  // namespace bulkhead::api
