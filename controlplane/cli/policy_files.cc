// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/policy_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "controlplane/yaml/node.h"

namespace bulkhead::cli {
namespace {

absl::StatusOr<api::PolicyFile> ReadStdin() {
  const size_t limit = yaml::Limits{}.bytes;
  api::PolicyFile file{"stdin", ""};
  char block[16 * 1024];
  while (std::cin.read(block, sizeof(block)), std::cin.gcount() > 0) {
    file.text.append(block, static_cast<size_t>(std::cin.gcount()));
    if (file.text.size() > limit) return absl::InvalidArgumentError(absl::StrCat("stdin: larger than ", limit, " bytes"));
  }
  return file;
}

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (auto at = std::filesystem::directory_iterator(path, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    const std::string extension = at->path().extension().string();
    std::error_code ignored;
    const bool policy = extension == ".yaml" || extension == ".yml" || extension == ".json";
    if (policy && at->is_regular_file(ignored)) files.push_back(at->path().string());
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  if (files.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no *.yaml, *.yml or *.json in this folder"));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::vector<api::PolicyFile>> ReadPolicyFiles(const std::vector<std::string>& paths) {
  std::vector<api::PolicyFile> out;
  for (const std::string& path : paths) {
    if (path == "-") {
      absl::StatusOr<api::PolicyFile> file = ReadStdin();
      if (!file.ok()) return file.status();
      out.push_back(*std::move(file));
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> files = FilesOf(path);
    if (!files.ok()) return files.status();
    for (const std::string& file : *files) {
      absl::StatusOr<std::string> text = yaml::ReadFile(file);
      if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
      out.push_back({file, *std::move(text)});
    }
  }
  return out;
}

}  // namespace bulkhead::cli
