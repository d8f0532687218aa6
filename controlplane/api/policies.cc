// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/change.h"
#include "controlplane/api/changes.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/selection.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::api {
namespace {

// Files may be told by path or by name.
bool IsManaged(const View& view, const std::string& file) {
  const auto name = [](const std::string& path) { return std::filesystem::path(path).filename(); };
  return std::any_of(view.policy_files.begin(), view.policy_files.end(), [&](const PolicyFileStatus& status) {
    return status.managed && (status.file == file || name(status.file) == name(file));
  });
}

PolicyRow MakeRow(const View& view, const Policy& policy) {
  PolicyRow row;
  row.ns = policy.ns;
  row.name = policy.name;
  row.selector = SelectorText(policy.pod_selector);
  row.ingress = policy.isolates_ingress;
  row.egress = policy.isolates_egress;
  row.ingress_rules = policy.ingress.size();
  row.egress_rules = policy.egress.size();
  for (const auto& [key, workload] : view.workloads) row.workloads += Selects(policy, workload) ? 1 : 0;
  row.file = absl::StrCat(policy.pos.file, ":", policy.pos.line);
  row.managed = IsManaged(view, policy.pos.file);
  return row;
}

}  // namespace

absl::StatusOr<Response> GetPolicies(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  const std::string ns = request.Query(kNamespace);
  PolicyList list;
  list.generation = view->generation;
  if (view->documents != nullptr) {
    for (const Policy& policy : view->documents->policies) {
      if (ns.empty() || policy.ns == ns) list.policies.push_back(MakeRow(*view, policy));
    }
  }
  std::sort(list.policies.begin(), list.policies.end(),
            [](const PolicyRow& a, const PolicyRow& b) { return std::tie(a.ns, a.name) < std::tie(b.ns, b.name); });
  for (const PolicyFileStatus& file : view->policy_files)
    list.errors.insert(list.errors.end(), file.errors.begin(), file.errors.end());
  return ObjectResponse(list);
}

absl::StatusOr<Response> GetPolicy(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  if (view->documents != nullptr) {
    for (const Policy& policy : view->documents->policies) {
      if (policy.ns != request.segments[0] || policy.name != request.segments[1]) continue;
      PolicyDetail detail;
      detail.policy = MakeRow(*view, policy);
      detail.yaml = PrintPolicy(policy);
      for (const auto& [key, workload] : view->workloads) {
        if (Selects(policy, workload)) detail.selects.push_back(WorkloadNameOf(workload));
      }
      std::sort(detail.selects.begin(), detail.selects.end());
      return ObjectResponse(detail);
    }
  }
  return absl::NotFoundError(absl::StrCat("no policy ", request.segments[0], "/", request.segments[1]));
}

absl::StatusOr<Response> PostPolicies(const Context& context, const Request& request) {
  absl::StatusOr<ApplyRequest> wanted = ParseWire<ApplyRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  const absl::StatusOr<std::optional<Mode>> mode = ParseModeField(wanted->mode);
  if (!mode.ok()) return mode.status();
  std::vector<PolicyText> files;
  for (PolicyFile& file : wanted->files) files.push_back({std::move(file.name), std::move(file.text)});
  const ApplyOptions options{wanted->dry_run, *mode, wanted->confirm_seconds};
  const absl::StatusOr<ChangeResult> result = context.service->ApplyPolicy(files, options);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> DeletePolicy(const Context& context, const Request& request) {
  const absl::StatusOr<ChangeResult> result = context.service->DeletePolicy(request.segments[0], request.segments[1]);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

}  // namespace bulkhead::api
