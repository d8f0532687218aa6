// SPDX-License-Identifier: Apache-2.0
// bulkhead learn edges|propose; the other verbs of `learn` are in learn_review.cc
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

struct EdgesOptions {
  Output output;
  Scope scope;
  std::string verdict, since;
};

struct ProposeOptions {
  Output output;
  std::string ns, target, dir, kind = "networkpolicy";
};

std::string WithPeer(const std::string& party, const std::string& peer) {
  const bool outside = party == "world" || party == "unknown" || party == "host";
  return outside && !peer.empty() ? party + " " + peer : party;
}

int RunEdges(const Globals& globals, const EdgesOptions& options) {
  api::ApiClient client(globals.socket);
  ListRequest request{.path = api::kEdgesPath};
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  if (!options.verdict.empty()) request.query[api::kVerdict] = options.verdict;
  if (absl::Status status = AddToQuery(Window{.since = options.since}, &request.query); !status.ok()) return Report(status);
  const std::vector<Column> columns = {"FROM", "TO", "PORT", {"VERDICT", 10}, "FLOWS", "ANSWERED", "DENIED", "FIRST", "LAST"};
  return Report(PrintRows<api::EdgeRow>(client, request, options.output, columns, [](const api::EdgeRow& row) -> std::vector<Cell> {
    return {WithPeer(row.from, row.peer),         WithPeer(row.to, row.peer),   PortText(row.port, row.protocol),
            {row.verdict, ColourOf(row.verdict)}, std::to_string(row.flows),    std::to_string(row.answered),
            std::to_string(row.denied),           AgoText(row.first_seen_unix), AgoText(row.last_seen_unix)};
  }));
}

// Names come from labels: only what cannot leave the folder stays in a file's name.
std::string FileName(const api::ProposalRow& row) {
  std::string name = absl::StrCat(row.ns, ".networkpolicy.", row.service, ".yaml");
  for (char& c : name) {
    const bool safe =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!safe) c = '_';
  }
  return name.front() == '.' ? "_" + name : name;
}

absl::Status WriteFile(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path made = path.string() + ".new";
  {
    std::ofstream file(made, std::ios::binary | std::ios::trunc);
    file << text;
    file.flush();
    if (!file) return absl::PermissionDeniedError(absl::StrCat("cannot write ", made.string()));
  }
  std::error_code error;
  std::filesystem::rename(made, path, error);
  return error ? absl::PermissionDeniedError(absl::StrCat("cannot write ", path.string(), ": ", error.message()))
               : absl::OkStatus();
}

std::string CoverageText(const std::vector<api::ProposalRow>& rows) {
  uint64_t answered = 0, covered = 0, set_aside = 0;
  for (const api::ProposalRow& row : rows) {
    answered += row.answered_flows;
    covered += row.covered_flows;
    set_aside += row.set_aside;
  }
  return absl::StrCat("covers ", covered, "/", answered, " answered flows; ", set_aside, " set aside");
}

absl::Status WriteProposals(const std::string& dir, const std::vector<api::ProposalRow>& rows) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return absl::PermissionDeniedError(absl::StrCat("cannot make ", dir, ": ", error.message()));
  for (const api::ProposalRow& row : rows) {
    const std::filesystem::path path = std::filesystem::path(dir) / FileName(row);
    if (absl::Status status = WriteFile(path, row.yaml); !status.ok()) return status;
    std::printf("%s\n", Printable(path.string()).c_str());
  }
  return absl::OkStatus();
}

int RunPropose(const Globals& globals, const ProposeOptions& options) {
  std::string scope = options.target.empty() ? options.ns : options.target;
  if (!options.target.empty() && !options.ns.empty()) {
    const absl::StatusOr<ServiceArgument> service = ParseService(options.target, options.ns, "SERVICE");
    if (!service.ok()) return Report(service.status());
    scope = service->ns + "/" + service->service;
  }
  api::ApiClient client(globals.socket);
  api::ApiClient::Query query;
  if (!scope.empty()) query[api::kScope] = scope;
  std::vector<api::ProposalRow> rows;  // one for each service
  const absl::Status status = client.GetRows<api::ProposalRow>(api::kProposalsPath, query, [&rows](api::ProposalRow row) {
    rows.push_back(std::move(row));
    return true;
  });
  if (!status.ok()) return Report(status);
  if (!options.dir.empty()) {
    if (absl::Status written = WriteProposals(options.dir, rows); !written.ok()) return Report(written);
    std::printf("%s\n", CoverageText(rows).c_str());
    return kExitDone;
  }
  if (options.output.json()) {
    JsonList list(false);
    for (const api::ProposalRow& row : rows) list.Add(api::ToJson(row));
    list.Finish();
    return kExitDone;
  }
  for (const api::ProposalRow& row : rows) std::printf("%s%s", &row == &rows.front() ? "" : "---\n", row.yaml.c_str());
  std::printf("# %s\n", CoverageText(rows).c_str());
  return kExitDone;
}

void AddEdges(CLI::App* learn, Globals* globals) {
  auto options = std::make_shared<EdgesOptions>();
  CLI::App* verb = AddVerb(*learn, globals, "edges", "List who talked to whom, added up over all recorded time", options, RunEdges);
  AddScope(verb, &options->scope);
  verb->add_option("--verdict", options->verdict, "Only edges with this verdict")
      ->check(CLI::IsMember({"allow", "deny", "would-deny"}));
  verb->add_option("--since", options->since, "Only what was seen in the last DURATION")->type_name("DURATION");
  AddOutput(verb, &options->output, false);
  verb->footer("Examples:\n  bulkhead learn edges -n shop\n  bulkhead learn edges --verdict deny --since 1d");
}

}  // namespace

void AddLearn(CLI::App& app, Globals* globals) {
  CLI::App* learn = app.add_subcommand("learn", "Show what was learned, and propose policy from it");
  learn->require_subcommand(1);
  AddEdges(learn, globals);
  AddLearnStatus(*learn, globals);
  AddLearnReview(*learn, globals);
  AddLearnAccept(*learn, globals);
  AddLearnReject(*learn, globals);
  AddLearnDiff(*learn, globals);
  auto options = std::make_shared<ProposeOptions>();
  CLI::App* verb = AddVerb(*learn, globals, "propose", "Write NetworkPolicies that permit what was answered", options, RunPropose);
  verb->add_option("TARGET", options->target, "NAMESPACE, NAMESPACE/SERVICE or SERVICE; without it everything")->type_name("");
  verb->add_option("-n,--namespace", options->ns, "The namespace of SERVICE, or itself the target")->type_name("NAMESPACE");
  verb->add_option("--dir", options->dir, "Write one file for each service into this folder")->type_name("DIR");
  verb->add_option("--kind", options->kind, "Of the documents")
      ->check(CLI::IsMember({"networkpolicy"}, CLI::ignore_case))
      ->capture_default_str();
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Without --dir the documents go to stdout, with the coverage as a comment at the end.\n\n"
      "Examples:\n"
      "  bulkhead learn propose shop --dir policies\n"
      "  bulkhead learn propose shop/db");
}

}  // namespace bulkhead::cli
