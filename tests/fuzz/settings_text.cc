// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "controlplane/config/config.h"
#include "controlplane/config/modes_file.h"
#include "controlplane/runtime/static_source.h"
#include "controlplane/yaml/node.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

// A line for each mistake: "file:line:column: ..." or "file: ...".
void CheckMistakes(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status), "a file that is refused for something else than what it says", status.ToString());
  const std::vector<std::string> lines = absl::StrSplit(std::string(status.message()), '\n');
  Require(lines.size() <= 3 * yaml::kMaxErrors, "too many mistakes");
  for (const std::string& line : lines) {
    Require(line.starts_with("f:"), "a mistake without its file", line);
    Require(line.size() < 4096, "a mistake as long as its input");
    Require(IsPrintable(line), "a mistake with control bytes", line);
  }
}

void CheckConfig(std::string_view text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "f");
  if (!config.ok()) return CheckMistakes(config.status());
  Require(IsAttachName(config->attach) && IsLogLevel(config->log_level), "a choice that there is not");
  for (const std::string* path : {&config->policy_dir, &config->state_dir, &config->api_socket, &config->pin_root}) {
    Require(path->starts_with('/') && path->find('\0') == std::string::npos, "a path that is none", *path);
  }
  Require(config->new_image_grace <= 30 * 86400, "a grace without an end");
  Require(config->flow_table_entries <= 16 << 20 && config->dataplane.flow_quota_divisor >= 1, "a table without bounds");
  Require(config->learn.window_seconds >= 1 && config->learn.edges >= 1 && config->learn.windows >= 1, "learning without bounds");
}

void CheckModes(std::string_view text) {
  const absl::StatusOr<ModesFile> modes = ParseModesFile(text, "f");
  if (!modes.ok()) return CheckMistakes(modes.status());
  const std::string printed = FormatModesFile(*modes);
  const absl::StatusOr<ModesFile> again = ParseModesFile(printed, "f");
  Require(again.ok() && *again == *modes, "modes that are printed and read again are others", printed);
}

void CheckWorkload(std::string_view text) {
  const absl::StatusOr<WorkloadReport> report = ParseWorkloadFile(text, "f", "id");
  if (!report.ok()) return CheckMistakes(report.status());
  Require(report->id == "id" && !report->name.empty(), "a workload without a name");
  Require(report->named_ports.size() <= kMaxNamedPorts, "too many named ports");
  std::set<std::pair<std::string, uint8_t>> names;
  for (const NamedPort& port : report->named_ports) {
    Require(port.port != 0 && HasPorts(port.protocol), "a named port that is none", port.name);
    Require(names.insert({port.name, port.protocol}).second, "a port's name that stands for two", port.name);
  }
  for (const NetworkAttachment& network : report->networks) {
    for (const IpAddress& address : network.addresses)
      Require(IpAddress::Parse(address.ToString()) == address, "an address that is none");
  }
}

}  // namespace

void FuzzSettingsText(std::string_view text) {
  CheckConfig(text);
  CheckModes(text);
  CheckWorkload(text);
}

void FuzzYaml(std::string_view text) {
  FuzzPolicyText(text);
  FuzzSettingsText(text);
}

}  // namespace bulkhead
