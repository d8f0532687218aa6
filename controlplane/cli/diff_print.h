// SPDX-License-Identifier: Apache-2.0
// A diff of policies for people. Plain functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_
#define BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_

#include "bulkhead/api/diff.h"

namespace bulkhead::cli {

// The rows as a table, those of rules behind those of verdicts, and what they come to. with_modes: services have modes, so what a
// denial does is told.
void PrintDiff(const api::Diff& diff, bool with_modes);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_DIFF_PRINT_H_
