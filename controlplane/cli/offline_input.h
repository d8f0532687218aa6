// SPDX-License-Identifier: Apache-2.0
// What verbs that need no daemon read: inventories and policies from files. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_OFFLINE_INPUT_H_
#define BULKHEAD_CONTROLPLANE_CLI_OFFLINE_INPUT_H_

#include <string>
#include <vector>

#include "controlplane/policy/inventory.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::cli {

// One inventory of all files. Every workload gets the label bulkhead.dev/service, as live ones have it, so that policy which
// selects by it can be judged. errors: "file:line:column: ..."; with any the result must not be used.
Inventory ReadInventory(const std::vector<std::string>& paths, std::vector<std::string>* errors);

// The documents of files and folders, as LoadPolicies finds them. errors likewise.
PolicyDocuments ReadPolicies(const std::vector<std::string>& paths, std::vector<std::string>* errors);

// Warnings of the inventory and the errors, to stderr. Whether there was no error.
bool ReportInput(const Inventory& inventory, const std::vector<std::string>& errors);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_OFFLINE_INPUT_H_
