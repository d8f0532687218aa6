// SPDX-License-Identifier: Apache-2.0
// bulkhead policy list|show|apply|delete
#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/diff_print.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/policy_files.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct ListOptions {
  Output output;
  Scope scope;
};

struct NameOptions {
  Output output;
  std::string ns, name;
};

struct ApplyOptions {
  Output output;
  std::vector<std::string> paths;
  std::string mode, confirm;
  bool dry_run = false, force = false;
};

std::string DirectionsText(const api::PolicyRow& row) {
  if (row.ingress && row.egress) return "ingress,egress";
  return row.ingress ? "ingress" : row.egress ? "egress" : "-";
}

// "Admin 10"; the others have no priority.
std::string TierText(const api::PolicyRow& row) {
  const bool with_priority = row.kind == "ClusterNetworkPolicy" || row.kind == "AdminNetworkPolicy";
  return with_priority ? absl::StrCat(row.tier, " ", row.priority) : row.tier;
}

int RunList(const Globals& globals, const ListOptions& options) {
  api::ApiClient client(globals.socket);
  api::ApiClient::Query query;
  if (!options.scope.ns.empty()) query[api::kNamespace] = options.scope.ns;
  const absl::StatusOr<api::PolicyList> list = client.Get<api::PolicyList>(api::kPoliciesPath, query);
  if (!list.ok()) return Report(list.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*list)).c_str());
    return kExitDone;
  }
  {
    Table table({"POLICY", "TIER", "SELECTOR", "DIRECTIONS", "RULES", "WORKLOADS", "MODE", "FILE"});
    for (const api::PolicyRow& row : list->policies) {
      table.Add({row.policy, TierText(row), row.selector, DirectionsText(row), std::to_string(row.ingress_rules + row.egress_rules),
                 std::to_string(row.workloads), row.audit ? Cell("audit", ColourOf("audit")) : Cell("-"), row.file});
    }
  }
  for (const std::string& error : list->errors) std::fprintf(stderr, "%s\n", Printable(error).c_str());
  return kExitDone;
}

absl::StatusOr<std::string> PathOf(const NameOptions& options) {
  // What is in no namespace is named by its kind: cnp:guard.
  if (options.name.find(':') != std::string::npos) return absl::StrCat(api::kPoliciesPath, "/", options.name);
  const absl::StatusOr<ServiceArgument> name = ParseService(options.name, options.ns, "POLICY");
  if (!name.ok()) return name.status();
  return absl::StrCat(api::kPoliciesPath, "/", name->ns, "/", name->service);
}

int RunShow(const Globals& globals, const NameOptions& options) {
  const absl::StatusOr<std::string> path = PathOf(options);
  if (!path.ok()) return Report(path.status());
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::PolicyDetail> detail = client.Get<api::PolicyDetail>(*path);
  if (!detail.ok()) return Report(detail.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*detail)).c_str());
    return kExitDone;
  }
  // Comments, so that the output is still the policy.
  std::printf("# %s\n", Printable(detail->policy.file).c_str());
  std::printf("# selects %zu workload%s%s%s\n", detail->selects.size(), detail->selects.size() == 1 ? "" : "s",
              detail->selects.empty() ? "" : ": ", Printable(Join(detail->selects, ", ")).c_str());
  for (const api::RuleRow& rule : detail->rules) {
    std::printf("# %s: %s flows, %s denied, %s would-deny\n", Printable(rule.rule.substr(detail->policy.policy.size() + 1)).c_str(),
                CountText(rule.flows).c_str(), CountText(rule.denied).c_str(), CountText(rule.would_deny).c_str());
  }
  std::printf("%s", detail->yaml.c_str());
  return kExitDone;
}

int RunDelete(const Globals& globals, const NameOptions& options) {
  const absl::StatusOr<std::string> path = PathOf(options);
  if (!path.ok()) return Report(path.status());
  api::ApiClient client(globals.socket);
  const absl::StatusOr<std::string> answer = client.Call("DELETE", *path, {}, "");
  if (!answer.ok()) return Report(answer.status());
  const absl::StatusOr<api::Change> change = api::ParseWire<api::Change>(*answer);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, 0, false);
  return kExitDone;
}

int RunApply(const Globals& globals, const ApplyOptions& options) {
  absl::StatusOr<std::vector<api::PolicyFile>> files = ReadPolicyFiles(options.paths);
  if (!files.ok()) return Report(files.status());
  const absl::StatusOr<uint32_t> confirm = ConfirmSeconds(options.confirm);
  if (!confirm.ok()) return Report(confirm.status());
  api::ApplyRequest request{*std::move(files), options.dry_run, std::nullopt, *confirm, options.force};
  if (!options.mode.empty()) request.mode = options.mode;
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::Change> change = client.Send<api::Change>("POST", api::kPoliciesPath, request);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, options.dry_run ? 0 : *confirm, options.dry_run);
  if (!options.dry_run || options.output.json()) return kExitDone;
  const absl::StatusOr<api::LiveDiff> diff = AskDiff(globals, {std::move(request.files), false, false});
  if (!diff.ok()) return Report(diff.status());
  PrintLiveDiff(*diff);
  return kExitDone;
}

void AddName(CLI::App* verb, NameOptions* options) {
  verb->add_option("POLICY", options->name, "NAMESPACE/NAME, or NAME with -n; cnp:NAME, anp:NAME, banp:default")->required()->type_name("");
  verb->add_option("-n,--namespace", options->ns, "The policy's namespace")->type_name("NAMESPACE");
  AddOutput(verb, &options->output, false);
}

}  // namespace

void AddPolicyList(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = AddVerb(policy, globals, "list", "List the policies in force", options, RunList);
  AddScope(verb, &options->scope);
  AddOutput(verb, &options->output, false);
  verb->footer("Errors of files that are not in force as they stand go to stderr. MODE audit: what the policy denies passes, and is reported\n(annotation bulkhead.dev/mode: audit).\n\nExample:\n  bulkhead policy list -n shop");
}

void AddPolicyShow(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<NameOptions>();
  CLI::App* verb = AddVerb(policy, globals, "show", "Print a policy as it is in force", options, RunShow);
  AddName(verb, options.get());
  verb->alias("get");
  verb->footer("Examples:\n  bulkhead policy show shop/db\n  bulkhead policy get cnp:guard\n  bulkhead policy show -n shop db > db.yaml");
}

void AddPolicyApply(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<ApplyOptions>();
  CLI::App* verb = AddVerb(policy, globals, "apply", "Put policies into force, all of them or none", options, RunApply);
  verb->add_option("FILE", options->paths, "Files, folders, or - for stdin")->required()->type_name("");
  verb->add_option("--mode", options->mode, "Set this mode on the services that the policies select")
      ->check(CLI::IsMember({"learn", "audit", "enforce"}));
  verb->add_option("--confirm", options->confirm, "Take it back unless `bulkhead confirm` comes within DURATION")
      ->type_name("DURATION");
  verb->add_flag("--force", options->force, "With --mode enforce: also services that learning does not know well enough yet");
  verb->add_flag("--dry-run", options->dry_run, "Only say what would change, as `policy diff` does");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Examples:\n"
      "  bulkhead policy apply db.yaml\n"
      "  bulkhead policy apply policies --mode audit\n"
      "  bulkhead policy apply policies --mode enforce --confirm 60s\n"
      "  bulkhead learn propose shop | bulkhead policy apply -");
}

void AddPolicyDelete(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<NameOptions>();
  CLI::App* verb = AddVerb(policy, globals, "delete", "Delete a policy that `policy apply` wrote", options, RunDelete);
  AddName(verb, options.get());
  verb->footer("Examples:\n  bulkhead policy delete shop/db\n  bulkhead policy delete cnp:guard");
}

}  // namespace bulkhead::cli
