// SPDX-License-Identifier: Apache-2.0
// What one document says for itself: what is not supported yet, and rules that nobody asks.
#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

void CheckSupport(Linter* linter, const Policy& policy, Direction direction) {
  const std::vector<PolicyRule>& rules = policy.rules(direction);
  for (size_t i = 0; i < rules.size(); ++i) {
    for (const PolicyPeer& peer : rules[i].peers) {
      if (peer.domain_names.empty()) continue;
      const std::string rule = absl::StrCat(DirectionName(direction), "[", i, "]");
      Finding finding = Of(policy, Severity::kError, "unsupported", peer.pos,
                           absl::StrCat(PolicyRef(policy), " ", rule, " names domainNames (", ListText(peer.domain_names, 3),
                                        "), which is not supported yet: the daemon refuses the policy as a whole; write networks "
                                        "instead"));
      finding.rule = rule;
      linter->Add(policy, std::move(finding));
    }
  }
}

void CheckDirection(Linter* linter, const Policy& policy, Direction direction) {
  const std::vector<PolicyRule>& rules = policy.rules(direction);
  if (rules.empty() || policy.Judges(direction)) return;
  const char* const type = direction == Direction::kIngress ? "Ingress" : "Egress";
  Finding finding =
      Of(policy, Severity::kWarning, "unused-direction", rules[0].pos,
         absl::StrCat(PolicyRef(policy), " has ", DirectionName(direction), " rules, but its policyTypes leave ", type,
                      " out, so nobody asks them: add ", type, " to policyTypes, or remove the rules"));
  finding.rule = absl::StrCat(DirectionName(direction), "[0]");
  finding.related = policy.pos;
  linter->Add(policy, std::move(finding));
}

}  // namespace

void CheckDocuments(Linter* linter) {
  for (const Policy& policy : linter->documents.policies) {
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      CheckSupport(linter, policy, direction);
      CheckDirection(linter, policy, direction);
    }
  }
}

}  // namespace bulkhead::lint
