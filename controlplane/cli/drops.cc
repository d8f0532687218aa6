// SPDX-License-Identifier: Apache-2.0
// bulkhead drops: what was denied, by reason, and the newest packets.
#include "absl/strings/str_cat.h"
#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

constexpr unsigned kRecent = 20;

struct DropsOptions {
  Output output;
  Scope scope;
  Window window;
  bool follow = false;
  std::string reason;
  std::string verdict;
};

std::string SideText(const std::string& party, const std::string& address, uint16_t port, bool wide) {
  if (address.empty() || (!wide && party != "world" && party != "unknown")) return party;
  return party + " " + address + (wide && port != 0 ? " port " + std::to_string(port) : "");
}

std::string PacketText(const api::EventRow& row) {
  if (!row.protocol.empty()) return PortText(row.to_port, row.protocol);
  char text[16];
  std::snprintf(text, sizeof(text), "0x%04x", row.ethertype);
  return text;
}

std::vector<Cell> MakeCells(const api::EventRow& row, bool wide) {
  std::vector<Cell> cells = {AgeText(row.age_ms),
                             SideText(row.from, row.from_address, row.from_port, wide),
                             SideText(row.to, row.to_address, row.to_port, wide),
                             PacketText(row),
                             {row.verdict, ColourOf(row.verdict)},
                             row.reason,
                             OrDash(row.rule)};
  if (!wide) return cells;
  cells.emplace_back(OrDash(row.from_workload));
  cells.emplace_back(OrDash(row.to_workload));
  cells.emplace_back(row.hook);
  cells.emplace_back(std::to_string(row.ifindex));
  cells.emplace_back(SizeText(row.length));
  return cells;
}

absl::StatusOr<ListRequest> MakeRequest(const DropsOptions& options) {
  ListRequest request{.path = api::kEventsPath, .follow = options.follow};
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  if (!options.reason.empty()) request.query[api::kReason] = options.reason;
  if (!options.verdict.empty()) request.query[api::kVerdict] = options.verdict;
  if (options.follow) request.query[api::kFollow] = "1";
  Window window = options.window;
  if (window.last == 0 && window.since.empty()) window.last = kRecent;
  if (absl::Status status = AddToQuery(window, &request.query); !status.ok()) return status;
  return request;
}

int PrintJson(api::ApiClient& client, const ListRequest& request) {
  const absl::StatusOr<api::Counters> counters = client.Get<api::Counters>(api::kCountersPath);
  if (!counters.ok()) return Report(counters.status());
  api::Json out = api::ToJson(*counters);
  out["events"] = api::Json::array();  // at most what the daemon keeps
  const absl::Status status = client.GetLines(request.path, request.query, [&out](const api::Json& row) {
    out["events"].push_back(row);
    return true;
  });
  if (status.ok()) std::printf("%s\n", api::DumpJsonIndented(out).c_str());
  return Report(status);
}

absl::Status PrintCounters(api::ApiClient& client, const std::string& only, bool wide) {
  const absl::StatusOr<api::Counters> counters = client.Get<api::Counters>(api::kCountersPath);
  if (!counters.ok()) return counters.status();
  {
    std::vector<Column> columns = {"REASON", "DENIED", "WOULD-DENY"};
    if (wide) columns.emplace_back("MEANING");
    Table table(columns);
    for (const api::ReasonCounter& row : counters->reasons) {
      if (!only.empty() && row.reason != only) continue;
      std::vector<Cell> cells = {row.reason, std::to_string(row.denied), std::to_string(row.would_deny)};
      if (wide) cells.emplace_back(row.text);
      table.Add(std::move(cells));
    }
  }
  for (const char* name : {"events_lost", "events_limited"}) {
    const auto at = counters->totals.find(name);
    if (at != counters->totals.end() && at->second > 0) {
      std::printf("not listed below: %llu packets (%s)\n", static_cast<unsigned long long>(at->second), name);
    }
  }
  std::printf("\n");
  return absl::OkStatus();
}

int Run(const Globals& globals, const DropsOptions& options) {
  api::ApiClient client(globals.socket);
  const absl::StatusOr<ListRequest> request = MakeRequest(options);
  if (!request.ok()) return Report(request.status());
  if (options.output.json() && !options.follow) return PrintJson(client, *request);
  if (!options.output.json() && !options.follow) {
    if (absl::Status status = PrintCounters(client, options.reason, options.output.wide()); !status.ok()) return Report(status);
  }
  std::vector<Column> columns = {"AGE", "FROM", "TO", "PORT", {"VERDICT", 10}, "REASON", "RULE"};
  if (options.output.wide()) {
    for (const char* title : {"FROM-WORKLOAD", "TO-WORKLOAD", "HOOK", "IFINDEX", "LENGTH"}) columns.emplace_back(title);
  }
  return Report(PrintRows<api::EventRow>(client, *request, options.output, columns,
                                         [&](const api::EventRow& row) { return MakeCells(row, options.output.wide()); }));
}

}  // namespace

void AddDrops(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<DropsOptions>();
  CLI::App* verb = AddVerb(app, globals, "drops", "Show denied packets by reason, and the newest of them", options, Run);
  AddScope(verb, &options->scope);
  verb->add_option("--reason", options->reason, "Only this reason (policy, spoofed-ip, wrong-port, ...)")->type_name("REASON");
  verb->add_option("--verdict", options->verdict, "Only packets with this verdict")->check(CLI::IsMember({"deny", "would-deny"}));
  AddWindow(verb, &options->window);
  verb->add_flag("-f,--follow", options->follow, "Only packets, and go on with new ones");
  AddOutput(verb, &options->output, true);
  verb->footer(
      "The counters are exact, and count since the dataplane was loaded; they know nothing of -n. Packets are a sample: their "
      "rate\n"
      "is limited. Without --since and --last the newest 20 are shown.\n\n"
      "Examples:\n"
      "  bulkhead drops\n"
      "  bulkhead drops -n shop --reason policy --since 1h\n"
      "  bulkhead drops -f");
}

}  // namespace bulkhead::cli
