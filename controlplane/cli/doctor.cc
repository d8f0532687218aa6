// SPDX-License-Identifier: Apache-2.0
// bulkhead doctor: what of this host keeps Bulkhead from working, and what to do. Works without the daemon as well.
#include "controlplane/doctor/doctor.h"

#include <algorithm>

#include "bulkhead/api/wire.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct DoctorOptions {
  Output output;
  std::string config = kDefaultConfigFile;
};

void PrintDoctorTable(const std::vector<doctor::Finding>& findings) {
  Table table({"CHECK", "RESULT", "FOUND", "WHAT TO DO"});
  for (const doctor::Finding& finding : findings) {
    const Colour colour = finding.level == doctor::Level::kOk     ? Colour::kGreen
                          : finding.level == doctor::Level::kWarn ? Colour::kYellow
                                                                  : Colour::kRed;
    table.Add({finding.check, {doctor::LevelName(finding.level), colour}, finding.found, OrDash(finding.advice)});
  }
}

void PrintDoctorJson(const std::vector<doctor::Finding>& findings) {
  api::Json rows = api::Json::array();
  for (const doctor::Finding& finding : findings) {
    rows.push_back({{"check", finding.check}, {"result", doctor::LevelName(finding.level)}, {"found", finding.found}, {"advice", finding.advice}});
  }
  std::printf("%s\n", api::DumpJsonIndented(rows).c_str());
}

int RunDoctor(const Globals& globals, const DoctorOptions& options) {
  const absl::StatusOr<Config> config = LoadConfig(options.config, options.config != kDefaultConfigFile);
  if (!config.ok()) return Report(config.status());
  api::ApiClient client(globals.socket);
  const std::vector<doctor::Finding> findings = doctor::Examine(*config, client.Get<api::Status>(api::kStatusPath));
  if (options.output.json()) {
    PrintDoctorJson(findings);
  } else {
    PrintDoctorTable(findings);
  }
  const bool fails = std::any_of(findings.begin(), findings.end(), [](const doctor::Finding& finding) { return finding.level == doctor::Level::kFail; });
  return fails ? kExitNo : kExitDone;
}

}  // namespace

void AddDoctor(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* verb = AddVerb(app, globals, "doctor", "Look for what keeps Bulkhead from working on this host", options, RunDoctor);
  verb->add_option("--config", options->config, "The daemon's configuration")->envname("BULKHEAD_CONFIG")->capture_default_str()->type_name("FILE");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Needs root. Works without the daemon as well, and changes nothing.\n"
      "Exit code 1: something fails. Warnings alone give 0.\n\n"
      "Examples:\n"
      "  bulkhead doctor\n"
      "  bulkhead doctor -o json | jq -r '.[] | select(.result == \"fail\") | .advice'");
}

}  // namespace bulkhead::cli
