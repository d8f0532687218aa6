// SPDX-License-Identifier: Apache-2.0
// bulkhead services
#include <algorithm>

#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kShortDigest = 4;
constexpr size_t kWideDigest = 12;

struct ServicesOptions {
  Output output;
  Scope scope;
};

// A new one has a star.
std::string ImagesText(const api::ServiceRow& row, size_t length) {
  std::vector<std::string> texts;
  for (const std::string& digest : row.images) {
    const bool fresh = std::find(row.new_images.begin(), row.new_images.end(), digest) != row.new_images.end();
    texts.push_back(DigestText(digest, length) + (fresh ? "*" : ""));
  }
  return OrDash(Join(texts, ","));
}

std::vector<Cell> MakeCells(const api::ServiceRow& row, bool wide) {
  const bool whole = row.protected_workloads == row.workloads;
  std::vector<Cell> cells = {
      row.ns,
      row.service,
      {row.mode, ColourOf(row.mode)},
      {std::to_string(row.protected_workloads) + "/" + std::to_string(row.workloads), whole                   ? Colour::kNone
                                                                                      : row.mode == "enforce" ? Colour::kRed
                                                                                                              : Colour::kYellow},
      row.ingress_isolated ? "isolated" : "open",
      row.egress_isolated ? "isolated" : "open",
      std::to_string(row.policies.size()),
      CountText(row.denied),
      ImagesText(row, wide ? kWideDigest : kShortDigest)};
  if (!wide) return cells;
  cells.emplace_back(OrDash(Join(row.image_names, ",")));
  cells.emplace_back(OrDash(Join(row.policies, ",")));
  cells.emplace_back(OrDash(Join(row.unprotected, "; ")));
  return cells;
}

int Run(const Globals& globals, const ServicesOptions& options) {
  api::ApiClient client(globals.socket);
  ListRequest request{.path = api::kServicesPath};
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  std::vector<Column> columns = {"NAMESPACE", "SERVICE",  "MODE",      "PROTECTED", "INGRESS",
                                 "EGRESS",    "POLICIES", "DENIED/1h", "IMAGE"};
  if (options.output.wide()) {
    for (const char* title : {"IMAGE-NAMES", "POLICY-NAMES", "UNPROTECTED"}) columns.emplace_back(title);
  }
  return Report(PrintRows<api::ServiceRow>(client, request, options.output, columns,
                                           [&](const api::ServiceRow& row) { return MakeCells(row, options.output.wide()); }));
}

}  // namespace

void AddServices(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<ServicesOptions>();
  CLI::App* verb = AddVerb(app, globals, "services", "List services: mode, protection, isolation, denied packets", options, Run);
  AddScope(verb, &options->scope);
  AddOutput(verb, &options->output, true);
  verb->footer(
      "PROTECTED counts workloads. INGRESS and EGRESS are isolated when a policy selects the service for that direction.\n"
      "DENIED/1h counts packets that were denied, to or from the service, in the last hour.\n"
      "IMAGE: a star marks a digest that is new to a service that enforces; what no rule permits of it passes for a time.\n\n"
      "Examples:\n"
      "  bulkhead services\n"
      "  bulkhead services -n shop -o wide");
}

}  // namespace bulkhead::cli
