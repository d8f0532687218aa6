// SPDX-License-Identifier: Apache-2.0
// What policy files change against others, for the workloads of an inventory. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_DIFF_OFFLINE_H_
#define BULKHEAD_CONTROLPLANE_CLI_DIFF_OFFLINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/diff.h"
#include "controlplane/diff/diff.h"

namespace bulkhead::cli {

struct OfflineDiff {
  std::vector<std::string> before, after;  // files and folders
  std::vector<std::string> inventories;
  DiffOptions options;
};

// What is wrong with the input goes to stderr, line by line; the status then says that it was bad. Everything enforces there.
absl::StatusOr<api::Diff> DiffOffline(const OfflineDiff& wanted);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_DIFF_OFFLINE_H_
