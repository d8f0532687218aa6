// SPDX-License-Identifier: Apache-2.0
// bulkhead policy validate: offline, by the daemon's own parser.
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/policy_files.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::cli {
namespace {

struct ValidateOptions {
  Output output;
  std::vector<std::string> paths;
};

std::vector<std::string> ObjectsOf(const bulkhead::PolicyFile& file) {
  std::vector<std::string> names;
  for (const Policy& policy : file.documents.policies) names.push_back(PolicyRef(policy));
  return names;
}

// A daemon refuses these, though they are as the API has them.
void WarnOfUnsupported(const bulkhead::PolicyFile& file) {
  for (const Policy& policy : file.documents.policies) {
    for (const PolicyRule& rule : policy.egress) {
      for (const PolicyPeer& peer : rule.peers) {
        if (peer.domain_names.empty()) continue;
        std::fprintf(stderr, "%s: warning: domainNames are not supported yet: the policy cannot be applied\n",
                     Printable(peer.pos.ToString()).c_str());
      }
    }
  }
}

void PrintJson(const std::vector<bulkhead::PolicyFile>& files, bool valid) {
  api::Json out = {{"valid", valid}, {"files", api::Json::array()}};
  for (const bulkhead::PolicyFile& file : files) {
    out["files"].push_back({{"file", file.file}, {"policies", ObjectsOf(file)}, {"errors", file.errors}});
  }
  std::printf("%s\n", api::DumpJsonIndented(out).c_str());
}

int Run(const Globals& /*globals*/, const ValidateOptions& options) {
  const absl::StatusOr<std::vector<api::PolicyFile>> texts = ReadPolicyFiles(options.paths);
  if (!texts.ok()) return Report(texts.status());
  std::vector<bulkhead::PolicyFile> files;
  for (const api::PolicyFile& text : *texts) files.push_back(ParsePolicies(text.text, text.name));
  RefuseDuplicates(&files);
  bool valid = true;
  for (const bulkhead::PolicyFile& file : files) {
    valid = valid && file.errors.empty();
    for (const std::string& error : file.errors) std::fprintf(stderr, "%s\n", Printable(error).c_str());
    if (file.errors.empty()) WarnOfUnsupported(file);
    if (file.errors.empty() && !options.output.json()) {
      std::printf("%s: valid: %s\n", Printable(file.file).c_str(), Printable(OrDash(Join(ObjectsOf(file), ", "))).c_str());
    }
  }
  if (options.output.json()) PrintJson(files, valid);
  return valid ? kExitDone : kExitBadInput;
}

}  // namespace

void AddPolicyValidate(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* verb = AddVerb(policy, globals, "validate", "Check policy files; needs no daemon", options, Run);
  verb->add_option("FILE", options->paths, "Files, folders, or - for stdin")->required()->type_name("");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Exit code 2: an error; stderr has one line for each: file:line:column: what was found, what was expected.\n\n"
      "Examples:\n"
      "  bulkhead policy validate db.yaml\n"
      "  bulkhead policy validate policies/");
}

}  // namespace bulkhead::cli
