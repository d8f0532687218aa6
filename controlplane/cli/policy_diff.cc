// SPDX-License-Identifier: Apache-2.0
// bulkhead policy diff: what policy files change, against others, or against what is in force.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/cli/common.h"
#include "controlplane/cli/diff_offline.h"
#include "controlplane/cli/diff_print.h"
#include "controlplane/cli/policy_files.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kMostRows = 1'000'000;  // of --all

struct DiffArguments {
  Output output;
  std::vector<std::string> files, against, inventories;
  bool all = false, verbose = false;
};

int RunOffline(const DiffArguments& arguments) {
  OfflineDiff wanted{arguments.against, arguments.files, arguments.inventories, {}};
  wanted.options.with_host = false;
  wanted.options.rule_rows = arguments.verbose;
  if (arguments.all) wanted.options.max_rows = kMostRows;
  const absl::StatusOr<api::Diff> diff = DiffOffline(wanted);
  if (!diff.ok()) return Report(diff.status());
  if (arguments.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*diff)).c_str());
  } else {
    PrintDiff(*diff, false);
  }
  return diff->differs ? kExitNo : kExitDone;
}

int RunLive(const Globals& globals, const DiffArguments& arguments) {
  absl::StatusOr<std::vector<api::PolicyFile>> files = ReadPolicyFiles(arguments.files);
  if (!files.ok()) return Report(files.status());
  const absl::StatusOr<api::LiveDiff> diff = AskDiff(globals, {*std::move(files), arguments.all, arguments.verbose});
  if (!diff.ok()) return Report(diff.status());
  if (arguments.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*diff)).c_str());
  } else {
    PrintLiveDiff(*diff);
  }
  return diff->diff.differs ? kExitNo : kExitDone;
}

int Run(const Globals& globals, const DiffArguments& arguments) {
  return arguments.against.empty() ? RunLive(globals, arguments) : RunOffline(arguments);
}

}  // namespace

void AddPolicyDiff(CLI::App& policy, Globals* globals) {
  auto arguments = std::make_shared<DiffArguments>();
  CLI::App* verb = AddVerb(policy, globals, "diff", "Show which verdicts policy files change", arguments, Run);
  verb->add_option("FILE", arguments->files, "The new policies: files, or folders of them")->required()->type_name("");
  CLI::Option* inventory =
      verb->add_option("--inventory", arguments->inventories, "Whose connections: Namespace, Pod, Deployment, ... documents")
          ->type_name("FILE")
          ->allow_extra_args(false);
  verb->add_option("--against", arguments->against, "The old policies, for comparing without a daemon; may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->needs(inventory);
  verb->add_flag("--all", arguments->all, "Every row, not only the first 1000");
  verb->add_flag("-v,--verbose", arguments->verbose, "Also where only the rule that decides is another");
  AddOutput(verb, &arguments->output, false);
  verb->footer(
      "Exit codes: 0 no verdict changes, 1 some do, 2 bad input.\n"
      "Without --against: what applying the files would change on this host, which flows that would cut, and how much of what was\n"
      "recorded it would deny. --against and --inventory need neither a daemon nor root: every service enforces there.\n\n"
      "Examples:\n"
      "  bulkhead policy diff db.yaml\n"
      "  bulkhead policy diff --against main/policies branch/policies --inventory inventory.yaml");
}

}  // namespace bulkhead::cli
