// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/given_policies.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"

namespace bulkhead {
namespace {

// Documents of a YAML stream as they stand there, comments included; a separator within a block of text makes pieces that do not
// parse, and then the policy is printed anew.
std::vector<std::string> SplitDocuments(const std::string& text) {
  std::vector<std::string> out(1);
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1);
    const std::string line = text.substr(at, end + 1 - at);
    if (line.starts_with("---") && (line.size() == 3 || line[3] == '\n' || line[3] == '\r' || line[3] == ' ')) {
      out.emplace_back();
    } else {
      out.back() += line;
    }
    at = end + 1;
  }
  return out;
}

// By PolicyRef, the pieces that hold one policy.
std::map<std::string, std::string> PiecesOf(const std::vector<PolicyText>& files) {
  std::map<std::string, std::string> out;
  for (const PolicyText& file : files) {
    for (const std::string& piece : SplitDocuments(file.text)) {
      const PolicyFile one = ParsePolicies(piece, file.name);
      if (!one.errors.empty() || one.documents.policies.size() != 1) continue;
      out[PolicyRef(one.documents.policies.front())] = piece.ends_with('\n') ? piece : piece + "\n";
    }
  }
  return out;
}

// The piece is taken as it stands only if it says the same by itself.
std::string TextOf(const Policy& policy, const std::map<std::string, std::string>& pieces) {
  std::string printed = PrintPolicy(policy);
  const auto piece = pieces.find(PolicyRef(policy));
  if (piece == pieces.end()) return printed;
  const PolicyFile alone = ParsePolicies(piece->second, "");
  return PrintPolicy(alone.documents.policies.front()) == printed ? piece->second : printed;
}

}  // namespace

absl::StatusOr<std::vector<GivenPolicy>> ParseGiven(const std::vector<PolicyText>& files) {
  std::vector<PolicyFile> parsed;
  for (const PolicyText& file : files) parsed.push_back(ParsePolicies(file.text, file.name));
  RefuseDuplicates(&parsed);
  std::vector<std::string> errors;
  for (const PolicyFile& file : parsed) errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  PolicyDocuments documents = JoinPolicies(parsed);
  if (errors.empty()) errors = CheckSupported(documents);
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  if (documents.policies.empty()) return absl::InvalidArgumentError("found no policy");
  const std::map<std::string, std::string> pieces = PiecesOf(files);
  std::vector<GivenPolicy> out;
  for (Policy& policy : documents.policies) {
    std::string text = TextOf(policy, pieces);
    out.push_back({std::move(policy), std::move(text)});
  }
  return out;
}

}  // namespace bulkhead
