// SPDX-License-Identifier: Apache-2.0
// bulkhead learn status|review|accept|reject|diff
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bulkhead/api/learn.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kShortDigest = 12;  // as engines print them

struct ScopeOptions {
  Output output;
  std::string ns, target;
};

struct DecideOptions {
  Output output;
  std::string edge;
};

struct DiffOptions {
  Output output;
  std::string ns, service, from, to;
};

absl::StatusOr<std::string> ScopeOf(const ScopeOptions& options) {
  if (options.target.empty()) return options.ns;
  if (options.ns.empty()) return options.target;
  const absl::StatusOr<ServiceArgument> service = ParseService(options.target, options.ns, "SERVICE");
  if (!service.ok()) return service.status();
  return service->ns + "/" + service->service;
}

void AddTarget(CLI::App* verb, ScopeOptions* options) {
  verb->add_option("TARGET", options->target, "NAMESPACE/SERVICE or NAMESPACE; without it everything")->type_name("");
  verb->add_option("-n,--namespace", options->ns, "The namespace of SERVICE, or itself the target")->type_name("NAMESPACE");
}

std::string ReadyText(const api::ReadinessRow& row) {
  return row.ready ? "yes" : absl::StrCat("not yet: ", Printable(Join(row.missing, "; ")));
}

int RunStatus(const Globals& globals, const ScopeOptions& options) {
  const absl::StatusOr<std::string> scope = ScopeOf(options);
  if (!scope.ok()) return Report(scope.status());
  api::ApiClient client(globals.socket);
  ListRequest request{.path = api::kReadinessPath};
  if (!scope->empty()) request.query[api::kScope] = *scope;
  std::vector<Column> columns = {"SERVICE", "IMAGE", "HOURS", "EDGES", "REVIEW", "LAST-NEW", "NEW/h(95%)"};
  if (options.output.wide()) columns.insert(columns.end(), {"ONCE", "UNSEEN-HOURS"});
  columns.push_back("READY");
  const bool wide = options.output.wide();
  return Report(PrintRows<api::ReadinessRow>(
      client, request, options.output, columns, [wide](const api::ReadinessRow& row) -> std::vector<Cell> {
        std::vector<Cell> cells = {row.ns + "/" + row.service,
                                   DigestText(row.image, kShortDigest),
                                   absl::StrFormat("%.1f", row.hours),
                                   std::to_string(row.edges),
                                   std::to_string(row.review),
                                   row.last_new_unix == 0 ? std::string("-") : AgoText(row.last_new_unix),
                                   row.new_per_hour ? absl::StrFormat("%.3f", *row.new_per_hour) : std::string("-")};
        if (wide) cells.insert(cells.end(), {std::to_string(row.seen_once), absl::StrCat(row.unseen_hours.size(), "/168")});
        cells.push_back({ReadyText(row), row.ready ? Colour::kGreen : Colour::kYellow});
        return cells;
      }));
}

void PrintReview(const std::vector<api::ReviewRow>& rows) {
  bool scans = false;
  {
    Table table({"EDGE", "ANSWERED", "WOULD-DENY", "CLIENTS", "HOURS", "FIRST", "LAST", "WHY"});
    for (const api::ReviewRow& row : rows) {
      scans |= row.kind == "scan";
      if (row.kind != "edge") continue;
      table.Add({row.name, std::to_string(row.answered + row.quarantined), std::to_string(row.would_denied),
                 std::to_string(row.clients), std::to_string(row.windows), AgoText(row.first_seen_unix), AgoText(row.last_seen_unix),
                 row.why});
    }
  }
  if (!scans) return;
  std::printf("\nIn quarantine, what they did then supports nothing:\n");
  Table table({"SOURCE", "CONTACTS", "FAILED", "HOURS", "FIRST", "LAST", "WHY"});
  for (const api::ReviewRow& row : rows) {
    if (row.kind != "scan") continue;
    table.Add({row.name, std::to_string(row.contacts), std::to_string(row.failures), std::to_string(row.windows),
               AgoText(row.first_seen_unix), AgoText(row.last_seen_unix), row.why});
  }
}

int RunReview(const Globals& globals, const ScopeOptions& options) {
  const absl::StatusOr<std::string> scope = ScopeOf(options);
  if (!scope.ok()) return Report(scope.status());
  api::ApiClient client(globals.socket);
  api::ApiClient::Query query;
  if (!scope->empty()) query[api::kScope] = *scope;
  if (options.output.json()) {
    return Report(PrintRows<api::ReviewRow>(client, {.path = api::kReviewPath, .query = query}, options.output, {}, nullptr));
  }
  std::vector<api::ReviewRow> rows;
  const absl::Status status = client.GetRows<api::ReviewRow>(api::kReviewPath, query, [&rows](api::ReviewRow row) {
    rows.push_back(std::move(row));
    return true;
  });
  if (status.ok()) PrintReview(rows);
  return Report(status);
}

int Decide(const Globals& globals, const DecideOptions& options, bool accept) {
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::DecisionAnswer> answer =
      client.Send<api::DecisionAnswer>("POST", api::kDecisionsPath, api::DecisionRequest{options.edge, accept});
  if (!answer.ok()) return Report(answer.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*answer)).c_str());
  } else {
    std::printf("%s: %s by %s\n", Printable(answer->edge).c_str(), answer->accepted ? "accepted" : "rejected",
                Printable(answer->who).c_str());
  }
  return kExitDone;
}

int RunAccept(const Globals& globals, const DecideOptions& options) { return Decide(globals, options, true); }
int RunReject(const Globals& globals, const DecideOptions& options) { return Decide(globals, options, false); }

int RunDiff(const Globals& globals, const DiffOptions& options) {
  const absl::StatusOr<ServiceArgument> service = ParseService(options.service, options.ns, "SERVICE");
  if (!service.ok()) return Report(service.status());
  if (options.from.empty() != options.to.empty())
    return Report(absl::InvalidArgumentError("found one image, expected both OLD and NEW, or neither"));
  api::ApiClient client(globals.socket);
  api::ApiClient::Query query = {{api::kService, service->ns + "/" + service->service}};
  if (!options.from.empty()) query.insert({{api::kFrom, options.from}, {api::kTo, options.to}});
  const absl::StatusOr<api::VersionDiffAnswer> answer = client.Get<api::VersionDiffAnswer>(api::kVersionsPath, query);
  if (!answer.ok()) return Report(answer.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*answer)).c_str());
    return kExitDone;
  }
  std::printf("%s/%s: %s -> %s\n", Printable(service->ns).c_str(), Printable(service->service).c_str(),
              DigestText(answer->old_image, kShortDigest).c_str(), DigestText(answer->new_image, kShortDigest).c_str());
  if (answer->edges.empty()) {
    std::printf("no edge differs\n");
    return kExitDone;
  }
  Table table({"CHANGE", "EDGE", "WAS", "ANSWERED", "FIRST", "LAST"});
  for (const api::VersionEdgeRow& row : answer->edges) {
    table.Add({row.change, row.edge, OrDash(row.was), std::to_string(row.answered), AgoText(row.first_seen_unix),
               AgoText(row.last_seen_unix)});
  }
  return kExitDone;
}

CLI::App* AddDecision(CLI::App& learn, Globals* globals, const char* name, const char* description,
                      int (*run)(const Globals&, const DecideOptions&)) {
  auto options = std::make_shared<DecideOptions>();
  CLI::App* verb = AddVerb(learn, globals, name, description, options, run);
  verb->add_option("EDGE", options->edge, "As `bulkhead learn review` prints it")->required()->type_name("");
  AddOutput(verb, &options->output, false);
  return verb;
}

}  // namespace

void AddLearnStatus(CLI::App& learn, Globals* globals) {
  auto options = std::make_shared<ScopeOptions>();
  CLI::App* verb = AddVerb(learn, globals, "status", "Show how well each version of a service is known", options, RunStatus);
  AddTarget(verb, options.get());
  AddOutput(verb, &options->output, true);
  verb->footer(
      "HOURS are workload-hours observed. NEW/h is the chance that the next one shows a new edge, at most, with 95% confidence.\n\n"
      "Examples:\n  bulkhead learn status shop\n  bulkhead learn status shop/db -o wide");
}

void AddLearnReview(CLI::App& learn, Globals* globals) {
  auto options = std::make_shared<ScopeOptions>();
  CLI::App* verb = AddVerb(learn, globals, "review", "List edges that wait for a decision, and who scanned", options, RunReview);
  AddTarget(verb, options.get());
  AddOutput(verb, &options->output, false);
  verb->footer(
      "What audit would deny although it looks legitimate comes first: of many clients, answered often.\n\n"
      "Examples:\n  bulkhead learn review shop\n  bulkhead learn review shop/db -o json");
}

void AddLearnAccept(CLI::App& learn, Globals* globals) {
  AddDecision(learn, globals, "accept", "Let an edge support a rule", RunAccept)
      ->footer("Example:\n  bulkhead learn accept 'shop/web->shop/db:5432/tcp'");
}

void AddLearnReject(CLI::App& learn, Globals* globals) {
  AddDecision(learn, globals, "reject", "Never propose a rule for an edge", RunReject)
      ->footer("Example:\n  bulkhead learn reject 'shop/web->shop/db:22/tcp'");
}

void AddLearnDiff(CLI::App& learn, Globals* globals) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* verb = AddVerb(learn, globals, "diff", "Compare what two versions of a service do", options, RunDiff);
  verb->add_option("SERVICE", options->service, "NAMESPACE/SERVICE, or SERVICE with -n")->required()->type_name("");
  verb->add_option("OLD", options->from, "Image digest, or its first digits")->type_name("");
  verb->add_option("NEW", options->to, "Image digest; without both: the two latest")->type_name("");
  verb->add_option("-n,--namespace", options->ns, "The namespace of SERVICE")->type_name("NAMESPACE");
  AddOutput(verb, &options->output, false);
  verb->footer("Examples:\n  bulkhead learn diff shop/web\n  bulkhead learn diff shop/web 9f1c0a52 4be07d11");
}

}  // namespace bulkhead::cli
