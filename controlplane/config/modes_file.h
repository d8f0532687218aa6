// SPDX-License-Identifier: Apache-2.0
// modes.yaml, beside the policies: who is in which mode.
//
//   global: learn
//   namespaces: {shop: audit}
//   services: {shop/db: enforce}
//
// Thread safety: values and pure functions. Errors: kInvalidArgument, one line "file:line:column: ..." for each mistake.
#ifndef BULKHEAD_CONTROLPLANE_CONFIG_MODES_FILE_H_
#define BULKHEAD_CONTROLPLANE_CONFIG_MODES_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bulkhead/model/common.h"
#include "controlplane/api/view.h"

namespace bulkhead {

inline constexpr char kModesFileName[] = "modes.yaml";

struct ModesFile {
  std::optional<Mode> global;  // absent: the daemon's default
  std::map<std::string, Mode> namespaces;
  std::map<ServiceName, Mode> services;

  Modes Over(Mode default_mode) const { return {global.value_or(default_mode), namespaces, services}; }
  bool operator==(const ModesFile&) const = default;
};

absl::StatusOr<ModesFile> ParseModesFile(std::string_view text, const std::string& file);

// An absent file is an empty one.
absl::StatusOr<ModesFile> LoadModesFile(const std::string& path);

// ParseModesFile of it gives `modes` again.
std::string FormatModesFile(const ModesFile& modes);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_CONFIG_MODES_FILE_H_
