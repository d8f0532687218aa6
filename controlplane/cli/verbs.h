// SPDX-License-Identifier: Apache-2.0
// One function for each verb, in a file of the verb's name. It adds the verb below its parent; when the verb was given, its
// callback does the work and sets the exit code (which outlives the parsing).
#ifndef BULKHEAD_CONTROLPLANE_CLI_VERBS_H_
#define BULKHEAD_CONTROLPLANE_CLI_VERBS_H_

#include <string>

#include "CLI/CLI.hpp"

namespace bulkhead::cli {

// What the program exits with.
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;           // the answer is no: an expectation fails, something differs, the daemon refuses
inline constexpr int kExitBadInput = 2;     // usage, files, names
inline constexpr int kExitUnreachable = 3;  // no daemon answers
inline constexpr int kExitInternal = 70;    // Bulkhead contradicts itself (EX_SOFTWARE of sysexits.h)

// What all verbs share.
struct Globals {
  std::string socket;
  int exit_code = kExitDone;
};

void AddStatus(CLI::App& app, Globals* globals);
void AddWorkloads(CLI::App& app, Globals* globals);
void AddServices(CLI::App& app, Globals* globals);
void AddFlows(CLI::App& app, Globals* globals);
void AddTop(CLI::App& app, Globals* globals);
void AddSimulate(CLI::App& app, Globals* globals);
void AddCapture(CLI::App& app, Globals* globals);
void AddDrops(CLI::App& app, Globals* globals);
void AddExplain(CLI::App& app, Globals* globals);
void AddMode(CLI::App& app, Globals* globals);
void AddConfirm(CLI::App& app, Globals* globals);
void AddBlock(CLI::App& app, Globals* globals);
void AddLearn(CLI::App& app, Globals* globals);
void AddDoctor(CLI::App& app, Globals* globals);
void AddUninstall(CLI::App& app, Globals* globals);
void AddVersion(CLI::App& app, Globals* globals);
void AddCompletion(CLI::App& app, Globals* globals);

void AddLearnStatus(CLI::App& learn, Globals* globals);
void AddLearnReview(CLI::App& learn, Globals* globals);
void AddLearnAccept(CLI::App& learn, Globals* globals);
void AddLearnReject(CLI::App& learn, Globals* globals);
void AddLearnDiff(CLI::App& learn, Globals* globals);

void AddPolicyTest(CLI::App& policy, int* exit_code);
void AddPolicyDiff(CLI::App& policy, Globals* globals);
void AddPolicyReplay(CLI::App& policy, Globals* globals);
void AddPolicyValidate(CLI::App& policy, Globals* globals);
void AddPolicyLint(CLI::App& policy, Globals* globals);
void AddPolicyList(CLI::App& policy, Globals* globals);
void AddPolicyShow(CLI::App& policy, Globals* globals);
void AddPolicyRules(CLI::App& policy, Globals* globals);
void AddPolicyApply(CLI::App& policy, Globals* globals);
void AddPolicyStage(CLI::App& policy, Globals* globals);
void AddPolicyPromote(CLI::App& policy, Globals* globals);
void AddPolicyDiscard(CLI::App& policy, Globals* globals);
void AddPolicyDelete(CLI::App& policy, Globals* globals);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_VERBS_H_
