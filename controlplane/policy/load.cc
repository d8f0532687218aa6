// SPDX-License-Identifier: Apache-2.0
// Policies from files and folders.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

bool IsPolicyName(const std::string& name) {
  return name[0] != '.' && (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

PolicyFile LoadFile(const std::string& path) {
  const auto text = yaml::ReadFile(path);
  if (text.ok()) return ParsePolicies(*text, path);
  PolicyFile broken;
  broken.file = path;
  broken.errors.emplace_back(text.status().message());
  return broken;
}

}  // namespace

absl::StatusOr<std::vector<PolicyFile>> LoadPolicies(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return absl::NotFoundError(absl::StrCat(path, ": no such file or folder"));
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  if (!fs::is_directory(status)) return std::vector<PolicyFile>{LoadFile(path)};

  std::vector<std::string> names;
  auto entry = fs::directory_iterator(path, error);
  while (!error && entry != fs::directory_iterator()) {
    std::error_code ignored;  // a file that vanishes meanwhile is no file
    const bool folder = entry->is_directory(ignored);
    if (!folder && IsPolicyName(entry->path().filename().string())) names.push_back(entry->path().string());
    entry.increment(error);
  }
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  std::sort(names.begin(), names.end());
  std::vector<PolicyFile> files;
  for (const std::string& name : names) files.push_back(LoadFile(name));
  return files;
}

}  // namespace bulkhead
