// SPDX-License-Identifier: Apache-2.0
// The files that a user names on the command line. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_POLICY_FILES_H_
#define BULKHEAD_CONTROLPLANE_CLI_POLICY_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/change.h"

namespace bulkhead::cli {

// The text of each file; of a folder its *.yaml, *.yml and *.json in the order of their names; "-" is stdin.
// kInvalidArgument: one cannot be read, is too large, or a folder has none.
absl::StatusOr<std::vector<api::PolicyFile>> ReadPolicyFiles(const std::vector<std::string>& paths);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_POLICY_FILES_H_
