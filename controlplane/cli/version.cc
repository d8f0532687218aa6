// SPDX-License-Identifier: Apache-2.0
// bulkhead version
#include "controlplane/cli/common.h"

namespace bulkhead::cli {
namespace {

struct VersionOptions {
  Output output;
};

int Run(const Globals& /*globals*/, const VersionOptions& options) {
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJson({{"version", BULKHEAD_VERSION}}).c_str());
  } else {
    std::printf("bulkhead %s\n", BULKHEAD_VERSION);
  }
  return kExitDone;
}

}  // namespace

void AddVersion(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<VersionOptions>();
  CLI::App* verb = AddVerb(app, globals, "version", "Show this program's version (`status` shows the daemon's)", options, Run);
  AddOutput(verb, &options->output, false);
  verb->footer("Example:\n  bulkhead version");
}

}  // namespace bulkhead::cli
