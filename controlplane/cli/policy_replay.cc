// SPDX-License-Identifier: Apache-2.0
// bulkhead policy replay: a draft held against everything recorded.
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/replay.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/policy_files.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kShown = 20;  // rows of each list; JSON has more

struct ReplayArguments {
  Output output;
  std::vector<std::string> policies;
  std::string since;
};

std::string TimeText(uint64_t unix_seconds) {
  const time_t time = static_cast<time_t>(unix_seconds);
  tm utc{};
  gmtime_r(&time, &utc);
  char text[32] = {};
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &utc);
  return text;
}

std::string Share(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  char text[32] = {};
  std::snprintf(text, sizeof(text), "%.1f%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string EdgesText(uint64_t edges, uint64_t flows) {
  return edges == 0 ? "-" : absl::StrCat(edges, " (", CountText(flows), " flows)");
}

void AddCounts(const std::string& ns, const std::string& service, const api::ReplayCounts& counts, Table* table) {
  table->Add({ns, service, EdgesText(counts.permitted_edges, counts.permitted_flows),
              {EdgesText(counts.rejected_edges, counts.rejected_flows), counts.rejected_edges == 0 ? Colour::kNone : Colour::kRed},
              EdgesText(counts.apart_edges, counts.apart_flows), absl::StrCat(counts.allowed, "/", counts.possible),
              Share(counts.escaped, counts.possible)});
}

std::string WithPeers(const std::string& party, const std::string& peers) {
  const bool outside = party == "world" || party == "unknown" || party == "host";
  return outside && !peers.empty() ? party + " " + peers : party;
}

std::string RuleText(const api::ReplayEdge& edge) {
  const std::string rule = edge.policy.empty() ? edge.rule : absl::StrCat(edge.policy, " ", edge.rule);
  return edge.position.empty() ? rule : absl::StrCat(rule, " (", edge.position, ")");
}

void PrintEdges(const char* title, const std::vector<api::ReplayEdge>& edges, uint64_t count) {
  if (edges.empty()) return;
  std::printf("\n%s\n", title);
  {
    Table table({"FROM", "TO", "PORT", "ANSWERED", "LAST-SEEN", "WOULD-BE", "BECAUSE"});
    for (size_t i = 0; i < edges.size() && i < kShown; ++i) {
      const api::ReplayEdge& edge = edges[i];
      const std::string because = Join({edge.denied ? RuleText(edge) : "", edge.standing}, edge.denied && !edge.standing.empty() ? "; " : "");
      table.Add({WithPeers(edge.from, edge.peers), WithPeers(edge.to, edge.peers), PortText(edge.port, edge.protocol),
                 std::to_string(edge.answered), TimeText(edge.last_seen_unix), edge.denied ? "denied" : "allowed", because});
    }
  }
  if (count > kShown) std::printf("and %llu more\n", static_cast<unsigned long long>(count - kShown));
}

void PrintEscapes(const api::Replay& replay) {
  if (replay.escaped.empty()) return;
  std::printf("\nescaped: allowed, and never seen\n");
  {
    Table table({"FROM", "TO", "PORTS"});
    for (size_t i = 0; i < replay.escaped.size() && i < kShown; ++i) {
      const api::ReplayEscape& escape = replay.escaped[i];
      table.Add({escape.from, escape.to, escape.ports});
    }
  }
  if (replay.escaped.size() > kShown) std::printf("and other pairs: -o json\n");
}

void Print(const api::Replay& replay) {
  if (replay.first_seen_unix == 0) {
    std::printf("nothing answered is recorded of that time\n");
    return;
  }
  std::printf("recorded %s .. %s UTC\n"
              "ALLOWED and ESCAPED are of %llu services with each other and with the world, on %llu ports: those answered on, those that\n"
              "policies name (both ends of a range), and one that is unused where a rule is for all ports\n\n",
              TimeText(replay.first_seen_unix).c_str(),
              TimeText(replay.last_seen_unix).c_str(), static_cast<unsigned long long>(replay.services),
              static_cast<unsigned long long>(replay.ports));
  {
    Table table({"NAMESPACE", "SERVICE", "PERMITTED", "REJECTED", "APART", "ALLOWED", "ESCAPED"});
    for (const api::ReplayService& row : replay.by_service) AddCounts(row.ns, row.service, row.counts, &table);
    AddCounts("total", "", replay.total, &table);
  }
  PrintEdges("rejected: answered, and would be denied", replay.rejected, replay.total.rejected_edges);
  PrintEdges("apart: answered, but no evidence of use", replay.apart, replay.total.apart_edges);
  if (const uint64_t denied = replay.total.apart_denied_edges; denied > 0) {
    std::printf("note: %llu apart would be denied, too; the exit code does not count %s\n", static_cast<unsigned long long>(denied),
                denied == 1 ? "it" : "them");
  }
  PrintEscapes(replay);
}

int Run(const Globals& globals, const ReplayArguments& arguments) {
  api::ReplayRequest request;
  if (!arguments.since.empty()) {
    const absl::StatusOr<uint64_t> since = ParseDuration(arguments.since);
    if (!since.ok()) return Report(absl::InvalidArgumentError(absl::StrCat("--since: ", std::string(since.status().message()))));
    request.since = *since;
  }
  absl::StatusOr<std::vector<api::PolicyFile>> files = ReadPolicyFiles(arguments.policies);
  if (!files.ok()) return Report(files.status());
  request.files = *std::move(files);
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::Replay> replay = client.Send<api::Replay>("POST", api::kReplayPath, request);
  if (!replay.ok()) return Report(replay.status());
  if (arguments.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*replay)).c_str());
  } else {
    Print(*replay);
  }
  return replay->total.rejected_edges > 0 ? kExitNo : kExitDone;
}

}  // namespace

void AddPolicyReplay(CLI::App& policy, Globals* globals) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* verb = AddVerb(policy, globals, "replay", "Judge everything that was recorded by a draft", arguments, Run);
  verb->add_option("--policy", arguments->policies, "The draft: files, folders, or - for stdin; may be given several times")
      ->required()
      ->type_name("FILE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  verb->add_option("--since", arguments->since, "Only what was seen in the last DURATION")->type_name("DURATION");
  AddOutput(verb, &arguments->output, false);
  verb->footer(
      "Exit codes: 0 all that was answered would pass, 1 something would be denied, 2 bad input, 3 the daemon cannot be reached.\n"
      "The draft stands in place of the objects of the same kind and name that are in force, beside the others, as if every service\n"
      "enforced. REJECTED: answered, and would be denied, whether it supports a rule or waits for review. APART: no evidence of use: a\n"
      "scanner's, rejected by somebody, a client's port, or of a peer that nobody knows; it does not change the exit code. ALLOWED: pairs\n"
      "of services, and of each with the world, x ports: those on which anything was answered, those that policies name (both ends of a\n"
      "range), and one that is unused where a rule is for all ports. ESCAPED: the share that is allowed and was never seen.\n\n"
      "Examples:\n"
      "  bulkhead policy replay --policy policies\n"
      "  bulkhead policy replay --policy db.yaml --since 7d -o json");
}

}  // namespace bulkhead::cli
