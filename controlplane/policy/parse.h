// SPDX-License-Identifier: Apache-2.0
// Policy text (YAML or JSON; several documents; List) -> documents, checked field by field as the API reference says.
// Pure but for LoadPolicies, which reads files; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/policy.h"

namespace bulkhead {

// One file. errors: "file:line:column: what is wrong", in the file's order; with any of them `documents` must not be used.
struct PolicyFile {
  std::string file;
  PolicyDocuments documents;
  std::vector<std::string> errors;
};

PolicyFile ParsePolicies(std::string_view text, const std::string& file);

// The files at `path`: itself, or if it is a folder its *.yaml, *.yml and *.json in the order of their names, not those below it. A
// file that cannot be read is one with an error. Fails only when `path` itself cannot be read.
absl::StatusOr<std::vector<PolicyFile>> LoadPolicies(const std::string& path);

// Two objects of one kind and name: an error in the file that has the second, which loses that object.
void RefuseDuplicates(std::vector<PolicyFile>* files);

// The documents of all files.
PolicyDocuments JoinPolicies(const std::vector<PolicyFile>& files);

// Parses texts (name, text) as one set, for judging and no more. kInvalidArgument: every error, a line each; domainNames are one.
absl::StatusOr<std::vector<Policy>> ParseCandidate(const std::vector<std::pair<std::string, std::string>>& texts);

// `base` with these in place of objects of the same kind and name.
PolicyDocuments OverlayPolicies(const PolicyDocuments& base, const std::vector<Policy>& on_top);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARSE_H_
