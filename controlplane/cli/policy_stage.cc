// SPDX-License-Identifier: Apache-2.0
// bulkhead policy stage|promote|discard: a candidate that is judged beside the policy in force.
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/stage.h"
#include "controlplane/api/lines.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/policy_files.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct StageOptions {
  Output output;
  std::vector<std::string> paths;
  const CLI::App* status = nullptr;  // `policy stage status`, which has run by then
};

struct StageStatusOptions {
  Output output;
  bool watch = false;
};

struct StagedChangeOptions {
  Output output;
};

int RunStage(const Globals& globals, const StageOptions& options) {
  if (options.status->parsed()) return globals.exit_code;
  if (options.paths.empty()) return Report(absl::InvalidArgumentError("FILE: found nothing, expected policy files, or the word status"));
  absl::StatusOr<std::vector<api::PolicyFile>> files = ReadPolicyFiles(options.paths);
  if (!files.ok()) return Report(files.status());
  api::ApplyRequest request;
  request.files = *std::move(files);
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::Change> change = client.Send<api::Change>("POST", api::kStagePath, request);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, 0, false);
  return kExitDone;
}

std::string WithPeer(const std::string& party, const api::StagedRow& row) {
  const bool outside = party == "world" || party == "unknown";
  return outside && !row.peer.empty() ? absl::StrCat(party, " ", row.peer) : party;
}

void PrintStage(const api::StageStatus& status) {
  if (status.since_unix == 0) {
    std::printf("nothing is staged\n");
    return;
  }
  const uint64_t now = api::Moment::Now().unix_ms / 1000;
  const auto age = [now](uint64_t then) { return AgeText((now > then ? now - then : 0) * 1000); };
  std::printf("staged %s ago beside generation %llu: %s\n", age(status.since_unix).c_str(),
              static_cast<unsigned long long>(status.generation), Printable(Join(status.policies, ", ")).c_str());
  if (!status.changes.empty()) {
    Table table({"FROM", "TO", "PORT", "NOW", "STAGED", "RULE", "FLOWS", "DENIED", "LAST"});
    for (const api::StagedRow& row : status.changes) {
      table.Add({WithPeer(row.from, row), WithPeer(row.to, row), PortText(row.port, row.protocol), {row.now, ColourOf(row.now)},
                 {row.staged, ColourOf(row.staged)}, row.rule, CountText(row.flows), CountText(row.denied), age(row.last_seen_unix)});
    }
  }
  std::printf("%zu %s get another verdict; %s flows were judged alike\n", status.changes.size(),
              status.changes.size() == 1 ? "connection would" : "connections would", CountText(status.same_flows).c_str());
}

int RunStageStatus(const Globals& globals, const StageStatusOptions& options) {
  api::ApiClient client(globals.socket);
  for (;;) {
    const absl::StatusOr<api::StageStatus> status = client.Get<api::StageStatus>(api::kStagePath);
    if (!status.ok()) return Report(status.status());
    if (options.output.json()) {
      std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*status)).c_str());
    } else {
      PrintStage(*status);
    }
    if (!options.watch) return status->changes.empty() ? kExitDone : kExitNo;
    std::fflush(stdout);
    sleep(2);
    if (!options.output.json()) std::printf("\n");
  }
}

template <const char* method, const char* path>
int RunChange(const Globals& globals, const StagedChangeOptions& options) {
  api::ApiClient client(globals.socket);
  const absl::StatusOr<std::string> answer = client.Call(method, path, {}, "");
  if (!answer.ok()) return Report(answer.status());
  const absl::StatusOr<api::Change> change = api::ParseWire<api::Change>(*answer);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, 0, false);
  return kExitDone;
}

constexpr char kPost[] = "POST";
constexpr char kDelete[] = "DELETE";

}  // namespace

void AddPolicyStage(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<StageOptions>();
  CLI::App* verb = AddVerb(policy, globals, "stage", "Judge by a candidate beside the policy in force; it decides nothing", options,
                           RunStage);
  verb->add_option("FILE", options->paths, "Files, folders, or - for stdin: in place of objects of the same kind and name")->type_name("");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "What was staged before gives way. Flows that exist are judged again on their next packet.\n\n"
      "Examples:\n"
      "  bulkhead policy stage db.yaml\n"
      "  bulkhead policy stage status\n"
      "  bulkhead policy promote");
  auto shown = std::make_shared<StageStatusOptions>();
  CLI::App* status = AddVerb(*verb, globals, "status", "Show the connections that would get another verdict", shown, RunStageStatus);
  status->add_flag("-w,--watch", shown->watch, "Again every two seconds, until it is ended");
  AddOutput(status, &shown->output, false);
  status->footer(
      "FLOWS were judged by both policies since the candidate was staged; DENIED counts packets that the policy in force denied.\n"
      "Exit codes: 0 nothing would change, 1 something would.\n\n"
      "Example:\n"
      "  bulkhead policy stage status -o json");
  options->status = status;
}

void AddPolicyPromote(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<StagedChangeOptions>();
  CLI::App* verb = AddVerb(policy, globals, "promote", "Put what is staged into force, all of it or nothing", options,
                           RunChange<kPost, api::kPromotePath>);
  AddOutput(verb, &options->output, false);
  verb->footer("Example:\n  bulkhead policy promote");
}

void AddPolicyDiscard(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<StagedChangeOptions>();
  CLI::App* verb =
      AddVerb(policy, globals, "discard", "Drop what is staged", options, RunChange<kDelete, api::kStagePath>);
  AddOutput(verb, &options->output, false);
  verb->footer("Example:\n  bulkhead policy discard");
}

}  // namespace bulkhead::cli
