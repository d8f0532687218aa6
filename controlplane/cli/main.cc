// SPDX-License-Identifier: Apache-2.0
// bulkhead: the program of the user.
#include "controlplane/cli/verbs.h"

int main(int argc, char** argv) {
  using namespace bulkhead::cli;
  CLI::App app("Bulkhead: a firewall between the containers of a host", "bulkhead");
  app.require_subcommand(1);
  int exit_code = kExitDone;

  CLI::App* policy = app.add_subcommand("policy", "Check, show and change policy");
  policy->require_subcommand(1);
  AddPolicyTest(*policy, &exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kExitBadInput;
  }
  return exit_code;
}
