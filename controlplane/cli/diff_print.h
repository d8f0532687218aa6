// SPDX-License-Identifier: Apache-2.0
// A diff of policies for people. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_
#define BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_

#include "absl/status/statusor.h"
#include "bulkhead/api/diff.h"
#include "controlplane/cli/verbs.h"

namespace bulkhead::cli {

// The rows as a table, those of rules behind those of verdicts, and what they come to. with_modes: services have modes, so what a
// denial does is told.
void PrintDiff(const api::Diff& diff, bool with_modes);

// Asks the daemon what files would change, and shows it: the above, flows that would be cut, recorded edges.
absl::StatusOr<api::LiveDiff> AskDiff(const Globals& globals, const api::LiveDiffRequest& request);
void PrintLiveDiff(const api::LiveDiff& diff);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_
