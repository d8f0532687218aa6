// SPDX-License-Identifier: Apache-2.0
// bulkhead policy lint: of files, with or without an inventory, or of a daemon.
#include <cstdio>

#include "controlplane/api/lint_answer.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/offline_input.h"
#include "controlplane/cli/policy_files.h"

namespace bulkhead::cli {
namespace {

struct LintOptions {
  Output output;
  std::vector<std::string> paths, inventories;
  bool live = false;
  std::string severity = "info", fail_on = "warning";
};

// The daemon's: of what is in force, or of files beside it.
absl::StatusOr<api::LintAnswer> AskDaemon(const Globals& globals, const std::vector<std::string>& paths) {
  api::ApiClient client(globals.socket);
  if (paths.empty()) return client.Get<api::LintAnswer>(api::kLintPath);
  absl::StatusOr<std::vector<api::PolicyFile>> files = ReadPolicyFiles(paths);
  if (!files.ok()) return files.status();
  return client.Send<api::LintAnswer>("POST", api::kLintPath, api::LintRequest{*std::move(files)});
}

// nullopt: the input is bad, and what is wrong with it was printed.
std::optional<api::LintAnswer> LintFiles(const LintOptions& options) {
  std::vector<std::string> errors;
  const Inventory inventory = ReadInventory(options.inventories, &errors);
  std::vector<bulkhead::PolicyFile> files;
  const absl::StatusOr<std::vector<api::PolicyFile>> texts = ReadPolicyFiles(options.paths);
  if (!texts.ok()) {
    errors.emplace_back(texts.status().message());
  } else {
    for (const api::PolicyFile& text : *texts) files.push_back(ParsePolicies(text.text, text.name));
  }
  RefuseDuplicates(&files);
  for (const bulkhead::PolicyFile& file : files) errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  if (!ReportInput(inventory, errors)) return std::nullopt;

  const PolicyDocuments documents = JoinPolicies(files);
  const lint::LintWorld world = lint::WorldOf(inventory);
  const lint::LintWorld* const living = options.inventories.empty() ? nullptr : &world;
  return api::MakeLintAnswer(lint::Lint(documents, living), documents, living);
}

int Print(api::LintAnswer answer, const LintOptions& options) {
  api::KeepFrom(*lint::ParseSeverity(options.severity), &answer);
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(answer)).c_str());
  } else {
    for (const std::string& line : api::LintLines(answer)) std::printf("%s\n", Printable(line).c_str());
  }
  const std::optional<lint::Severity> fails = lint::ParseSeverity(options.fail_on);  // nullopt: never
  return fails && api::CountFrom(*fails, answer) > 0 ? kExitNo : kExitDone;
}

int Run(const Globals& globals, const LintOptions& options) {
  if (options.live || options.paths.empty()) {
    absl::StatusOr<api::LintAnswer> answer = AskDaemon(globals, options.paths);
    return answer.ok() ? Print(*std::move(answer), options) : Report(answer.status());
  }
  std::optional<api::LintAnswer> answer = LintFiles(options);
  return answer ? Print(*std::move(answer), options) : kExitBadInput;
}

}  // namespace

void AddPolicyLint(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<LintOptions>();
  CLI::App* verb = AddVerb(policy, globals, "lint", "Find what policies say in vain, too widely, or against each other", options, Run);
  CLI::Option* files =
      verb->add_option("FILE", options->paths, "Files, folders, or - for stdin; needs no daemon (without: the policies in force)")
          ->type_name("");
  CLI::Option* inventory =
      verb->add_option("--inventory", options->inventories, "Judge with these Namespace, Node, Pod, Deployment, ... documents")
          ->type_name("FILE");
  inventory->expected(1)->allow_extra_args(false)->take_all()->needs(files);
  verb->add_flag("--live", options->live, "Judge the files with this host's workloads, beside the policies in force")
      ->needs(files)
      ->excludes(inventory);
  verb->add_option("--severity", options->severity, "The lowest to show")
      ->check(CLI::IsMember({"error", "warning", "info"}))
      ->capture_default_str();
  verb->add_option("--fail-on", options->fail_on, "The lowest that makes exit code 1, shown or not")
      ->check(CLI::IsMember({"error", "warning", "info", "never"}))
      ->capture_default_str();
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Without workloads (--inventory or --live) only what holds whoever lives on the host is found.\n\n"
      "Exit codes: 0 nothing of --fail-on or above, 1 something, 2 bad input, 3 the daemon cannot be reached.\n\n"
      "Checks: shadowed-rule, redundant-rule, rule-matches-nobody, selects-nothing, shares-a-namespace, kubernetes-habit, allow-all,\n"
      "overridden-by-tier, conflict, equal-priority, unused-direction, unsupported, no-egress-dns.\n\n"
      "Examples:\n"
      "  bulkhead policy lint policies/\n"
      "  bulkhead policy lint policies/ --inventory inventory.yaml\n"
      "  bulkhead policy lint policies/ --severity warning --fail-on error -o json\n"
      "  bulkhead policy lint db.yaml --live\n"
      "  bulkhead policy lint");
}

}  // namespace bulkhead::cli
