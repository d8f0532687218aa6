// SPDX-License-Identifier: Apache-2.0
// bulkhead flows: the flow table.
#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

struct FlowsOptions {
  Output output;
  Scope scope;
  Window window;
  bool follow = false;
  std::string verdict;
  std::string service;
};

// What is no flow says so where flows have their state.
std::string StateText(const api::FlowRow& row) { return row.source == "flow" ? row.state : row.source; }

std::string PartyText(const std::string& party, const std::string& workload, const std::string& address, uint16_t port) {
  std::string text = party;
  if (!workload.empty()) text += "(" + workload.substr(workload.find('/') + 1) + ")";
  if (address.empty()) return text;
  const bool v6 = address.find(':') != std::string::npos;
  text += " " + (v6 && port != 0 ? "[" + address + "]" : address);
  return port == 0 ? text : text + ":" + std::to_string(port);
}

// Without -o wide an outside peer still shows its address: "world" alone says too little to act on.
std::string ShortParty(const std::string& party, const std::string& address) {
  const bool outside = party == "world" || party == "unknown";
  return outside && !address.empty() ? party + " " + address : party;
}

Colour ColourOfChange(const std::string& change) {
  if (change == "new") return Colour::kGreen;
  if (change == "closed") return Colour::kDim;
  return change == "would-deny" ? Colour::kYellow : Colour::kRed;
}

std::vector<Cell> MakeCells(const api::FlowRow& row, bool wide, bool follow) {
  const bool counted = row.source == "flow";
  const std::string rule = row.rule.empty() ? OrDash(row.reason) : row.rule;
  std::vector<Cell> cells;
  if (follow) cells.push_back(row.change ? Cell(*row.change, ColourOfChange(*row.change)) : Cell("-"));
  const std::vector<Cell> common = {
      wide ? PartyText(row.from, row.from_workload, row.from_address, row.from_port) : ShortParty(row.from, row.from_address),
      wide ? PartyText(row.to, row.to_workload, row.to_address, row.to_port) : ShortParty(row.to, row.to_address),
      PortText(row.port, row.protocol),
      {row.verdict, ColourOf(row.verdict)},
      {StateText(row), counted ? Colour::kNone : Colour::kDim},
      counted ? CountText(row.packets_to) + "/" + CountText(row.packets_back) : CountText(row.packets_to) + "/-",
      counted             ? SizeText(row.bytes_to) + "/" + SizeText(row.bytes_back)
      : row.bytes_to == 0 ? "-"
                          : SizeText(row.bytes_to) + "/-",
      AgeText(row.age_ms),
      AgeText(row.idle_ms),
      rule};
  cells.insert(cells.end(), common.begin(), common.end());
  if (!wide) return cells;
  cells.emplace_back(OrDash(row.egress_rule));
  cells.emplace_back(OrDash(row.ingress_rule));
  cells.emplace_back(OrDash(row.reason));
  return cells;
}

// The rows of a list that is followed are not known beforehand: columns of names begin as wide as most are.
std::vector<Column> MakeColumns(bool wide, bool follow) {
  std::vector<Column> columns;
  if (follow) columns.emplace_back("CHANGE", 10);
  for (const char* title : {"FROM", "TO"}) columns.emplace_back(title, follow ? 20 : 0);
  for (const Column& column : {Column("PORT"), Column("VERDICT", 10)}) columns.push_back(column);
  for (const char* title : {"STATE", "PKTS(>/<)", "BYTES(>/<)", "AGE", "IDLE", "RULE"}) columns.emplace_back(title);
  if (!wide) return columns;
  for (const char* title : {"EGRESS-RULE", "INGRESS-RULE", "REASON"}) columns.emplace_back(title);
  return columns;
}

int Run(const Globals& globals, const FlowsOptions& options) {
  api::ApiClient client(globals.socket);
  ListRequest request{.path = api::kFlowsPath, .follow = options.follow};
  request.sort = options.window.last == 0;
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  if (!options.verdict.empty()) request.query[api::kVerdict] = options.verdict;
  if (options.follow) request.query[api::kFollow] = "1";
  if (absl::Status status = AddToQuery(options.window, &request.query); !status.ok()) return Report(status);
  if (!options.service.empty()) {
    const absl::StatusOr<ServiceArgument> service = ParseService(options.service, options.scope.ns, "SERVICE");
    if (!service.ok()) return Report(service.status());
    request.query[api::kService] = service->ns + "/" + service->service;
  }
  const bool wide = options.output.wide(), follow = options.follow;
  return Report(PrintRows<api::FlowRow>(client, request, options.output, MakeColumns(wide, follow),
                                        [&](const api::FlowRow& row) { return MakeCells(row, wide, follow); }));
}

}  // namespace

void AddFlows(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<FlowsOptions>();
  CLI::App* verb = AddVerb(app, globals, "flows", "Show the flow table", options, Run);
  verb->add_option("SERVICE", options->service, "Only flows from or to this service (NAMESPACE/SERVICE)")->type_name("");
  AddScope(verb, &options->scope);
  verb->add_option("--verdict", options->verdict, "Only flows with this verdict")
      ->check(CLI::IsMember({"allow", "deny", "would-deny"}));
  AddWindow(verb, &options->window);
  verb->add_flag("-f,--follow", options->follow, "Go on with what changes: new, closed and revoked flows, denied packets");
  AddOutput(verb, &options->output, true);
  verb->footer(
      "FROM opened the flow. STATE: new (not answered), est, closing, closed. Denied packets leave no flow: with --verdict deny "
      "or\n"
      "would-deny the table is completed from what was added up (STATE edge: PKTS are those denied, AGE since the first, IDLE "
      "since\n"
      "the last) and from single packets (STATE event). A table of up to 2000 rows is sorted by its columns, a longer one stays as\n"
      "it comes; JSON is never sorted.\n\n"
      "-f shows the table, then every second each flow that was opened (CHANGE new), that ended by FIN, RST or its time-out\n"
      "(closed) or that policy cut off (revoked), and packets that were denied. A flow shorter than a second is shown as new\n"
      "and as closed. What can be missed: the end of a flow whose place in the table is taken within the second, and denied\n"
      "packets over the rate limit, which `bulkhead drops` counts.\n\n"
      "Examples:\n"
      "  bulkhead flows -n shop\n"
      "  bulkhead flows shop/db --since 10m -o wide\n"
      "  bulkhead flows -n shop --verdict would-deny --since 1h\n"
      "  bulkhead flows -f --last 20");
}

}  // namespace bulkhead::cli
