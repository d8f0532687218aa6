// SPDX-License-Identifier: Apache-2.0
// bulkhead status: is everything that should be enforced enforced?
#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct StatusOptions {
  Output output;
};

std::string ServicesText(const api::Status& status) {
  std::string text;
  for (const char* mode : {"enforce", "audit", "learn"}) {
    const auto at = status.services_by_mode.find(mode);
    if (at == status.services_by_mode.end()) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(at->second) + " " + mode;
  }
  return OrDash(text);
}

// "on (a service enforces): 3 managed, 1 exempt, dropped 12, put back 0 times"
std::string GuardText(const api::GuardRow& guard) {
  const Colour colour = guard.state == "on" ? Colour::kGreen : guard.state == "failed" || guard.state == "none" ? Colour::kRed : Colour::kNone;
  std::string text = Coloured(OrDash(Printable(guard.state)), colour);
  if (!guard.reason.empty()) text += " (" + Printable(guard.reason) + ")";
  if (guard.state != "on") return text;
  return text + ": " + std::to_string(guard.managed) + " managed, " + std::to_string(guard.exempt) + " exempt, dropped " +
         std::to_string(guard.dropped_from + guard.dropped_to) + ", put back " + std::to_string(guard.restored) + " times";
}

std::string SelfCheckText(const api::SelfCheckRow& check) {
  if (!check.on) return "off";
  uint64_t skipped = 0;
  for (const auto& [why, count] : check.skipped) skipped += count;
  return std::to_string(check.checked) + " checked, " + std::to_string(check.disagreements) +
         (check.disagreements == 1 ? " disagreement" : " disagreements") +
         (skipped == 0 ? "" : " (" + std::to_string(skipped) + " could not be compared)");
}

void PrintList(const char* title, const std::vector<std::string>& lines, Colour colour) {
  if (lines.empty()) return;
  std::printf("\n%s\n", title);
  for (const std::string& line : lines) std::printf("  %s\n", Coloured(Printable(line), colour).c_str());
}

std::string LoopText(const api::LoopRow& loop) {
  std::string text = std::to_string(loop.late) + " of " + std::to_string(loop.rounds) + " rounds took over 100 ms, the longest " +
                     std::to_string(loop.longest_us / 1000) + " ms:";
  for (const auto& [handler, count] : loop.late_by) text += " " + Printable(handler) + " " + std::to_string(count);
  return text;
}

std::string WhyNotOk(const api::Status& status) {
  if (status.self_check.disagreements > 0) return "the dataplane does not judge as policy says (self-check)";
  return "a service that enforces has an unprotected workload";
}

void PrintStatus(const api::Status& status) {
  const auto line = [](const char* name, const std::string& value) { std::printf("%-12s%s\n", name, value.c_str()); };
  line("daemon", "bulkheadd " + Printable(status.version) + ", pid " + std::to_string(status.pid) + ", up " +
                     AgeText(status.uptime_seconds * 1000));
  line("policy", "generation " + std::to_string(status.generation) + ", " + std::to_string(status.policies) +
                     (status.policies == 1 ? " policy" : " policies"));
  line("mode", Coloured(status.mode, ColourOf(status.mode)) + " (global); services: " + ServicesText(status));
  line("workloads", std::to_string(status.workloads) + ", protected " + std::to_string(status.protected_workloads) + "/" +
                        std::to_string(status.workloads));
  line("attach", OrDash(Printable(status.attach)) + (status.workload_hook == "xdp" ? ", XDP in front of it" : ""));
  line("guard", GuardText(status.guard));
  line("self-check", Coloured(SelfCheckText(status.self_check), status.self_check.disagreements == 0 ? Colour::kNone : Colour::kRed));
  if (!status.self_check.last.empty()) line("", Coloured("last: " + Printable(status.self_check.last), Colour::kRed));
  if (status.blocked_prefixes != 0) line("blocked", std::to_string(status.blocked_prefixes) + " prefixes (bulkhead block list)");
  if (!status.pending_confirm.empty()) line("unconfirmed", Coloured(Printable(status.pending_confirm), Colour::kYellow));
  if (status.loop.late != 0) line("late", Coloured(LoopText(status.loop), Colour::kYellow));
  if (!status.sources.empty()) {
    std::printf("\n");
    Table table({"SOURCE", "STATE", "WORKLOADS", "ERROR"});
    for (const api::SourceRow& source : status.sources) {
      const Colour colour = source.state == "synced" ? Colour::kGreen : source.state == "lost" ? Colour::kRed : Colour::kYellow;
      table.Add({source.name, {source.state, colour}, std::to_string(source.workloads), OrDash(source.error)});
    }
  }
  if (!status.uplinks.empty()) {
    std::printf("\n");
    Table table({"UPLINK", "XDP", "DROPPED", "ERROR"});
    for (const api::UplinkRow& uplink : status.uplinks) {
      const Colour colour = uplink.error.empty() ? Colour::kNone : Colour::kYellow;
      table.Add({uplink.name, {uplink.hook, colour}, std::to_string(uplink.dropped), OrDash(uplink.error)});
    }
  }
  if (!status.networks.empty()) {
    std::printf("\n");
    Table table({"BRIDGE", "NETWORK", "FAST PATH", "REASON"});
    for (const api::NetworkRow& row : status.networks) {
      table.Add({OrDash(row.bridge), OrDash(row.network), row.fast_path ? "on" : "off", OrDash(row.reason)});
    }
  }
  if (!status.unprotected.empty()) {
    std::printf("\n");
    Table table({"UNPROTECTED", "SERVICE", "MODE", "REASON"});
    for (const api::UnprotectedRow& row : status.unprotected) {
      table.Add({row.workload, row.service, {row.mode, ColourOf(row.mode)}, row.reason});
    }
  }
  PrintList("POLICY ERRORS", status.policy_errors, Colour::kRed);
  PrintList("PROBLEMS", status.problems, Colour::kYellow);
  if (!status.ok) std::printf("\n%s\n", Coloured("NOT OK: " + WhyNotOk(status), Colour::kRed).c_str());
}

int Run(const Globals& globals, const StatusOptions& options) {
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::Status> status = client.Get<api::Status>(api::kStatusPath);
  if (!status.ok()) return Report(status.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*status)).c_str());
  } else {
    PrintStatus(*status);
  }
  return status->ok ? kExitDone : kExitNo;
}

}  // namespace

void AddStatus(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* verb = AddVerb(app, globals, "status", "Show the daemon's state, and what is not protected", options, Run);
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Exit code 1: a service in mode enforce has a workload that is not protected, or the self-check found a verdict of the dataplane\n"
      "that policy does not give.\n\n"
      "Examples:\n"
      "  bulkhead status\n"
      "  bulkhead status -o json | jq .problems");
}

}  // namespace bulkhead::cli
