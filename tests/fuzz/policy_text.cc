// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/probes.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

// "file:line:column: ..." or "file: ..."; of bounded number and length, and fit for a terminal.
void CheckErrors(const std::vector<std::string>& errors) {
  Require(errors.size() <= 3 * yaml::kMaxErrors, "too many errors");
  for (const std::string& error : errors) {
    Require(error.starts_with("f:"), "an error without its file");
    Require(error.size() < 4096, "an error as long as its input");
    Require(IsPrintable(error), "an error with control bytes", error);
  }
}

void CheckRoundTrip(const PolicyDocuments& documents) {
  const std::string printed = PrintPolicies(documents);
  const PolicyFile again = ParsePolicies(printed, "f");
  // What was within the limits may be printed as more than they allow.
  if (!again.errors.empty()) return Require(printed.size() > yaml::Limits{}.bytes / 4, "what was printed does not parse");
  Require(PrintPolicies(again.documents) == printed, "printed, parsed and printed again is something else");
}

bool HasDomainNames(const PolicyDocuments& documents) {
  for (const Policy& policy : documents.policies) {
    for (const PolicyRule& rule : policy.egress) {
      for (const PolicyPeer& peer : rule.peers) {
        if (!peer.domain_names.empty()) return true;
      }
    }
  }
  return false;
}

// The first policies' subjects are there to be judged.
CompileInput InputFor(PolicyDocuments documents) {
  CompileInput input;
  for (const Policy& policy : documents.policies) {
    if (input.identities.size() >= 16) break;
    KnownIdentity known;
    known.identity.id = kFirstIdentity + static_cast<IdentityId>(input.identities.size());
    known.identity.ns = policy.ns.empty() ? "default" : policy.ns;
    known.identity.labels = policy.pod_selector.match_labels;
    known.addresses = {IpAddress::V4(198, 18, 0, 1)};
    known.named_ports = {{"http", kProtoTcp, 8080}};
    input.identities.push_back(std::move(known));
  }
  input.nodes = {{"node", {{"role", "worker"}}, {IpAddress::V4(198, 18, 0, 11)}}};
  input.documents = std::make_shared<PolicyDocuments>(std::move(documents));
  return input;
}

}  // namespace

void FuzzPolicyText(std::string_view text) {
  PolicyFile policies = ParsePolicies(text, "f");
  CheckErrors(policies.errors);
  std::vector<std::string> inventory_errors, probe_errors;
  const Inventory inventory = ParseInventory({{"f", std::string(text)}}, &inventory_errors);
  CheckErrors(inventory_errors);
  CheckErrors(inventory.warnings);
  ParseProbes(text, "f", &probe_errors);
  CheckErrors(probe_errors);
  if (!policies.errors.empty()) return;
  std::vector<PolicyFile> files = {std::move(policies)};
  RefuseDuplicates(&files);
  CheckRoundTrip(files[0].documents);

  const bool may_refuse = HasDomainNames(files[0].documents);
  const absl::Status compiled = Compile(InputFor(std::move(files[0].documents))).status();
  Require(compiled.ok() || compiled.code() == absl::StatusCode::kResourceExhausted ||
              (may_refuse && compiled.code() == absl::StatusCode::kInvalidArgument),
          "compiling fails in an unknown way");
}

}  // namespace bulkhead
