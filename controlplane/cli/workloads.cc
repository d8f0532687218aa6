// SPDX-License-Identifier: Apache-2.0
// bulkhead workloads
#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kShortId = 12;

struct WorkloadsOptions {
  Output output;
  Scope scope;
};

std::string StateText(const api::WorkloadRow& row) { return row.reason.empty() ? row.state : row.state + " (" + row.reason + ")"; }

std::vector<Cell> MakeCells(const api::WorkloadRow& row, bool wide) {
  std::vector<Cell> cells = {
      row.ns,
      row.name,
      row.service,
      {row.mode, ColourOf(row.mode)},
      row.runtime,
      row.id.substr(0, kShortId),
      OrDash(Join(row.addresses, ",")),
      {StateText(row) + (row.via.empty() ? "" : " via " + row.via.substr(0, kShortId)), ColourOf(row.state)}};
  if (!wide) return cells;
  std::vector<std::string> labels;
  for (const auto& [key, value] : row.labels) labels.push_back(key + "=" + value);
  for (std::string& text :
       std::vector<std::string>{std::to_string(row.identity), OrDash(Join(row.networks, ",")), OrDash(Join(row.interfaces, ",")),
                                OrDash(Join(row.published, ",")), OrDash(Join(row.ports, ",")), OrDash(row.image),
                                DigestText(row.image_digest, kShortId), OrDash(Join(labels, ","))}) {
    cells.emplace_back(std::move(text));
  }
  return cells;
}

int Run(const Globals& globals, const WorkloadsOptions& options) {
  api::ApiClient client(globals.socket);
  ListRequest request{.path = api::kWorkloadsPath};
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  std::vector<Column> columns = {"NAMESPACE", "NAME", "SERVICE", "MODE", "RUNTIME", "ID", "ADDRESSES", "STATE"};
  if (options.output.wide()) {
    for (const char* title : {"IDENTITY", "NETWORKS", "INTERFACES", "PUBLISHED", "PORTS", "IMAGE", "DIGEST", "LABELS"})
      columns.emplace_back(title);
  }
  return Report(PrintRows<api::WorkloadRow>(client, request, options.output, columns,
                                            [&](const api::WorkloadRow& row) { return MakeCells(row, options.output.wide()); }));
}

}  // namespace

void AddWorkloads(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<WorkloadsOptions>();
  CLI::App* verb =
      AddVerb(app, globals, "workloads", "List containers and pod sandboxes, and whether they are protected", options, Run);
  AddScope(verb, &options->scope);
  AddOutput(verb, &options->output, true);
  verb->footer(
      "Examples:\n"
      "  bulkhead workloads\n"
      "  bulkhead workloads -n shop -o wide");
}

}  // namespace bulkhead::cli
