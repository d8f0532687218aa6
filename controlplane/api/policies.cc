// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bulkhead/api/change.h"
#include "controlplane/api/changes.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/promotion.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/rules.h"
#include "controlplane/api/selection.h"
#include "controlplane/policy/parse.h"
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

std::string SubjectText(const Policy& policy) {
  const std::string pods = SelectorText(policy.pod_selector);
  if (policy.kind == PolicyKind::kNetworkPolicy) return pods;
  return absl::StrCat(pods, " in namespaces ", SelectorText(policy.namespace_selector));
}

PolicyRow MakeRow(const View& view, const Policy& policy) {
  PolicyRow row;
  row.policy = PolicyRef(policy);
  row.ns = policy.ns;
  row.name = policy.name;
  row.kind = PolicyKindName(policy.kind);
  row.tier = TierName(policy.tier);
  row.priority = policy.priority == kLastPriority ? 0 : static_cast<uint32_t>(policy.priority);
  row.audit = policy.audit;
  row.selector = SubjectText(policy);
  row.ingress = policy.Judges(Direction::kIngress);
  row.egress = policy.Judges(Direction::kEgress);
  row.ingress_rules = policy.ingress.size();
  row.egress_rules = policy.egress.size();
  for (const auto& [key, workload] : view.workloads) row.workloads += Selects(policy, workload) ? 1 : 0;
  row.file = absl::StrCat(policy.pos.file, ":", policy.pos.line);
  row.managed = IsManaged(view, policy.pos.file);
  return row;
}

// Audit drops nothing; what goes straight into enforce must be known well enough. Files with errors are the change's own to refuse.
absl::Status CheckPromotionOf(DaemonService* service, const std::vector<PolicyText>& files) {
  std::vector<Policy> policies;
  for (const PolicyText& file : files) {
    bulkhead::PolicyFile parsed = ParsePolicies(file.text, file.name);
    std::move(parsed.documents.policies.begin(), parsed.documents.policies.end(), std::back_inserter(policies));
  }
  return CheckPromotion(service, policies, Mode::kEnforce);
}

// Of the path: NAMESPACE/NAME, or KIND:NAME.
std::string RefOf(const Request& request) { return absl::StrJoin(request.segments, "/"); }

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
            [](const PolicyRow& a, const PolicyRow& b) { return std::tie(a.ns, a.policy) < std::tie(b.ns, b.policy); });
  for (const PolicyFileStatus& file : view->policy_files)
    list.errors.insert(list.errors.end(), file.errors.begin(), file.errors.end());
  return ObjectResponse(list);
}

absl::StatusOr<Response> GetPolicy(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  if (view->documents != nullptr) {
    for (const Policy& policy : view->documents->policies) {
      if (PolicyRef(policy) != RefOf(request)) continue;
      PolicyDetail detail;
      detail.policy = MakeRow(*view, policy);
      detail.yaml = PrintPolicy(policy);
      for (const auto& [key, workload] : view->workloads) {
        if (Selects(policy, workload)) detail.selects.push_back(WorkloadNameOf(workload));
      }
      std::sort(detail.selects.begin(), detail.selects.end());
      absl::StatusOr<std::vector<RuleRow>> rules = RulesInForce(*view, context.service);
      if (!rules.ok()) return rules.status();
      std::erase_if(*rules, [&](const RuleRow& row) { return row.policy != detail.policy.policy; });
      detail.rules = *std::move(rules);
      return ObjectResponse(detail);
    }
  }
  return absl::NotFoundError(absl::StrCat("no policy ", RefOf(request)));
}

absl::StatusOr<Response> PostPolicies(const Context& context, const Request& request) {
  absl::StatusOr<ApplyRequest> wanted = ParseWire<ApplyRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  const absl::StatusOr<std::optional<Mode>> mode = ParseModeField(wanted->mode);
  if (!mode.ok()) return mode.status();
  std::vector<PolicyText> files;
  for (PolicyFile& file : wanted->files) files.push_back({std::move(file.name), std::move(file.text)});
  if (*mode == Mode::kEnforce && !wanted->dry_run && !wanted->force) {
    if (absl::Status ready = CheckPromotionOf(context.service, files); !ready.ok()) return ready;
  }
  const ApplyOptions options{wanted->dry_run, *mode, wanted->confirm_seconds};
  const absl::StatusOr<ChangeResult> result = context.service->ApplyPolicy(files, options);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> DeletePolicy(const Context& context, const Request& request) {
  const absl::StatusOr<ChangeResult> result = context.service->DeletePolicy(RefOf(request));
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

}  // namespace bulkhead::api
