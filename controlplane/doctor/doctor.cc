// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/doctor.h"

#include "controlplane/doctor/attachments.h"
#include "controlplane/doctor/clocks.h"
#include "controlplane/doctor/engines.h"
#include "controlplane/doctor/files.h"
#include "controlplane/doctor/firewalls.h"
#include "controlplane/doctor/guard.h"
#include "controlplane/doctor/kernel.h"
#include "controlplane/doctor/tables.h"

namespace bulkhead::doctor {

std::vector<Finding> Examine(const Config& config, const absl::StatusOr<api::Status>& status) {
  Findings findings;
  CheckKernel(ReadKernel(config), config, &findings);
  CheckDaemon(status, &findings);
  CheckAttachments(ReadAttachments(config), &findings);
  const FirewallFacts firewalls = ReadFirewalls();
  const bool enforces = status.ok() ? status->services_by_mode.contains("enforce") : config.default_mode == Mode::kEnforce;
  CheckGuard(firewalls.rules, config.on_unmanaged, enforces, &findings);
  CheckTables(ReadTables(config), &findings);
  CheckClocks(ReadClocks(config.state_dir), &findings);
  CheckEngines(ReadEngines(config), config, &findings);
  CheckFiles(ReadFiles(config), &findings);
  CheckFirewalls(firewalls, &findings);
  return findings.all();
}

}  // namespace bulkhead::doctor
