// SPDX-License-Identifier: Apache-2.0
// One function for each verb, in a file of the verb's name. It adds the verb below its parent; when the verb was given, its
// callback does the work and sets *exit_code (exit_code outlives the parsing).
#ifndef BULKHEAD_CONTROLPLANE_CLI_VERBS_H_
#define BULKHEAD_CONTROLPLANE_CLI_VERBS_H_

#include "CLI/CLI.hpp"

namespace bulkhead::cli {

// What the program exits with.
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;           // the answer is no: an expectation fails, something differs
inline constexpr int kExitBadInput = 2;     // usage, files, names
inline constexpr int kExitUnreachable = 3;  // no daemon answers
inline constexpr int kExitInternal = 70;    // Bulkhead contradicts itself (EX_SOFTWARE of sysexits.h)

void AddPolicyTest(CLI::App& policy, int* exit_code);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_VERBS_H_
