// SPDX-License-Identifier: Apache-2.0
// bulkhead: the program of the user.
#include <cstdio>
#include <string>

#include "bulkhead/api/paths.h"
#include "controlplane/cli/verbs.h"

namespace bulkhead::cli {
namespace {

void AddPolicy(CLI::App& app, Globals* globals) {
  CLI::App* policy = app.add_subcommand("policy", "Check, show and change policy");
  policy->require_subcommand(1);
  AddPolicyList(*policy, globals);
  AddPolicyShow(*policy, globals);
  AddPolicyRules(*policy, globals);
  AddPolicyValidate(*policy, globals);
  AddPolicyLint(*policy, globals);
  AddPolicyTest(*policy, &globals->exit_code);
  AddPolicyDiff(*policy, globals);
  AddPolicyReplay(*policy, globals);
  AddPolicyApply(*policy, globals);
  AddPolicyStage(*policy, globals);
  AddPolicyPromote(*policy, globals);
  AddPolicyDiscard(*policy, globals);
  AddPolicyDelete(*policy, globals);
}

void AddVerbs(CLI::App& app, Globals* globals) {
  app.require_subcommand(1);
  app.fallthrough();  // options of the program may stand behind the verb
  app.add_option("--socket", globals->socket, "Where the daemon listens")
      ->envname(api::kSocketVariable)
      ->capture_default_str()
      ->type_name("PATH");
  app.footer(
      "Exit codes: 0 done, 1 the answer is no, 2 bad usage or input, 3 the daemon cannot be reached, or not by you.\n\n"
      "Examples:\n"
      "  bulkhead services\n"
      "  bulkhead explain shop/web shop/db 5432/tcp\n"
      "  bulkhead flows -n shop -f");
  AddStatus(app, globals);
  AddWorkloads(app, globals);
  AddServices(app, globals);
  AddFlows(app, globals);
  AddTop(app, globals);
  AddDrops(app, globals);
  AddCapture(app, globals);
  AddSimulate(app, globals);
  AddExplain(app, globals);
  AddPolicy(app, globals);
  AddMode(app, globals);
  AddConfirm(app, globals);
  AddBlock(app, globals);
  AddLearn(app, globals);
  AddDoctor(app, globals);
  AddUninstall(app, globals);
  AddVersion(app, globals);
  AddCompletion(app, globals);
}

}  // namespace
}  // namespace bulkhead::cli

int main(int argc, char** argv) {
  using namespace bulkhead::cli;
  CLI::App app("Bulkhead: a firewall between the containers of a host", "bulkhead");
  Globals globals;
  globals.socket = bulkhead::api::kDefaultSocket;
  AddVerbs(app, &globals);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::string help = app.help();  // of the verb that was given
    help.erase(help.find_last_not_of('\n') + 1);
    std::puts(help.c_str());
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kExitBadInput;
  }
  return globals.exit_code;
}
