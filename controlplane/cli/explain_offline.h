// SPDX-License-Identifier: Apache-2.0
// Explains a connection by policy files and an inventory, without a daemon. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_EXPLAIN_OFFLINE_H_
#define BULKHEAD_CONTROLPLANE_CLI_EXPLAIN_OFFLINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/explain.h"
#include "controlplane/cli/format.h"

namespace bulkhead::cli {

struct OfflineQuestion {
  std::vector<std::string> policies, inventories;  // paths
  std::string ns;                                  // of names without a namespace; may be empty
  std::string from, to;                            // "shop/web", "web", an address, "world"
  PortArgument port;
};

// kInvalidArgument: a file that cannot be read or has errors (one line for each), or a name that the inventory does not have.
// Warnings go to stderr.
absl::StatusOr<api::Explanation> ExplainOffline(const OfflineQuestion& question);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_EXPLAIN_OFFLINE_H_
