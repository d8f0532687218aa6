// SPDX-License-Identifier: Apache-2.0
// What the policies in force would be with some files on top.
#include <set>

#include "absl/strings/str_join.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"

namespace bulkhead {

absl::StatusOr<std::vector<Policy>> ParseCandidate(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<PolicyFile> parsed;
  for (const auto& [name, text] : texts) parsed.push_back(ParsePolicies(text, name));
  RefuseDuplicates(&parsed);
  std::vector<std::string> errors;
  for (const PolicyFile& file : parsed) {
    errors.insert(errors.end(), file.errors.begin(), file.errors.end());
    const std::vector<std::string> unsupported = CheckSupported(file.documents);
    errors.insert(errors.end(), unsupported.begin(), unsupported.end());
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  std::vector<Policy> policies = JoinPolicies(parsed).policies;
  if (policies.empty()) return absl::InvalidArgumentError("found no policy");
  return policies;
}

PolicyDocuments OverlayPolicies(const PolicyDocuments& base, const std::vector<Policy>& on_top) {
  std::set<std::string> replaced;
  for (const Policy& policy : on_top) replaced.insert(PolicyRef(policy));
  PolicyDocuments out;
  for (const Policy& policy : base.policies) {
    if (!replaced.contains(PolicyRef(policy))) out.policies.push_back(policy);
  }
  out.policies.insert(out.policies.end(), on_top.begin(), on_top.end());
  return out;
}

}  // namespace bulkhead
