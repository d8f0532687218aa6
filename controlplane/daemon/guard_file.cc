// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/guard_file.h"

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

constexpr char kFormat[] = "bulkhead-guard 1";
constexpr size_t kMostBytes = 1 << 20;

std::set<std::string>* ListOf(std::string_view word, KeptGuard& guard) {
  if (word == "container-bridge") return &guard.container_bridges;
  if (word == "exempt-bridge") return &guard.exempt_bridges;
  if (word == "exempt") return &guard.exempt_names;
  return nullptr;
}

bool TakeLine(std::string_view line, KeptGuard& guard) {
  if (line == "on") return guard.on = true;
  if (line == "routed") return guard.routed = true;
  if (line == "off") return true;
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  std::set<std::string>* list = ListOf(line.substr(0, space), guard);
  const std::string_view name = line.substr(space + 1);
  if (list == nullptr || name.empty() || name.size() > 15) return false;
  list->emplace(name);
  return true;
}

}  // namespace

std::string EncodeGuard(const KeptGuard& guard) {
  std::string out = absl::StrCat(kFormat, "\n", guard.on ? "on\n" : "off\n", guard.routed ? "routed\n" : "");
  for (const std::string& name : guard.container_bridges) absl::StrAppend(&out, "container-bridge ", name, "\n");
  for (const std::string& name : guard.exempt_bridges) absl::StrAppend(&out, "exempt-bridge ", name, "\n");
  for (const std::string& name : guard.exempt_names) absl::StrAppend(&out, "exempt ", name, "\n");
  return out + "end\n";
}

absl::StatusOr<KeptGuard> DecodeGuard(std::string_view text) {
  const auto wrong = [](size_t line, std::string_view expected) {
    return absl::DataLossError(absl::StrCat("guard:", line, ": expected ", std::string(expected)));
  };
  KeptGuard guard;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    ++number;
    if (number == 1) {
      if (line != kFormat) return wrong(1, kFormat);
    } else if (line == "end") {
      return guard;
    } else if (!TakeLine(line, guard)) {
      return wrong(number, "on, off, routed, or a name behind container-bridge, exempt-bridge or exempt");
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return wrong(number + 1, "end");
}

absl::StatusOr<KeptGuard> LoadGuard(const std::string& state_dir) {
  const std::string path = absl::StrCat(state_dir, "/", kGuardFile);
  const absl::StatusOr<std::string> text = yaml::ReadFile(path, kMostBytes);
  if (absl::IsNotFound(text.status())) return text.status();
  if (!text.ok()) return absl::DataLossError(std::string(text.status().message()));
  return DecodeGuard(*text);
}

absl::Status SaveGuard(const std::string& state_dir, const KeptGuard& guard) {
  return CommitFiles(state_dir, {{kGuardFile, EncodeGuard(guard)}}).status();
}

}  // namespace bulkhead
