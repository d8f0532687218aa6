// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/parse.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxPolicyFiles = 10'000;

bool IsPolicyName(const std::string& name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

PolicyFile ParseOne(const std::string& path, const absl::StatusOr<std::string>& text) {
  if (text.ok()) return ParsePolicies(*text, path);
  PolicyFile broken;
  broken.file = path;
  broken.errors.emplace_back(text.status().message());
  return broken;
}

std::string Effect(bool was_good, uint64_t generation) {
  if (!was_good) return absl::StrCat("; nothing of this file is enforced, generation ", generation, " stays");
  return absl::StrCat("; nothing changed, generation ", generation, " stays");
}

}  // namespace

bool IsManagedText(std::string_view text) { return text.starts_with(kManagedLine); }

std::string ManagedFileName(const std::string& ns, const std::string& name) {
  return absl::StrCat(ns, ".networkpolicy.", name, ".yaml");
}

absl::StatusOr<FolderText> ReadPolicyFolder(const std::string& folder) {
  FolderText out;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code vanished;
    if (!IsPolicyName(name) || entry->is_directory(vanished)) continue;
    if (out.size() >= kMaxPolicyFiles) {
      return absl::ResourceExhaustedError(absl::StrCat(folder, ": more than ", kMaxPolicyFiles, " policy files"));
    }
    absl::StatusOr<std::string> text = yaml::ReadFile(entry->path().string());
    if (absl::IsNotFound(text.status())) continue;  // gone since it was listed
    out.emplace(name, std::move(text));
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  return out;
}

LoadedPolicies LoadPolicyFolder(const FolderText& text, const std::string& folder, const LoadedPolicies& before,
                                uint64_t generation) {
  LoadedPolicies out;
  if (const auto modes = text.find(kModesFileName); modes != text.end()) {
    absl::StatusOr<ModesFile> parsed =
        modes->second.ok() ? ParseModesFile(*modes->second, absl::StrCat(folder, "/", kModesFileName)) : modes->second.status();
    out.modes = parsed.ok() ? *parsed : before.modes;
    if (!parsed.ok()) out.modes_error = absl::StrCat(std::string(parsed.status().message()), "; no mode changed");
  }
  std::vector<PolicyFile> files;
  for (const auto& [name, content] : text) {
    if (name == kModesFileName) continue;
    PolicyFile file = ParseOne(absl::StrCat(folder, "/", name), content);
    const auto good = before.good.find(name);
    if (!file.errors.empty()) {
      file.documents = good == before.good.end() ? PolicyDocuments() : good->second;
      file.errors.back() += Effect(good != before.good.end(), generation);
    }
    files.push_back(std::move(file));
  }
  const auto name_of = [&](const PolicyFile& file) { return file.file.substr(folder.size() + 1); };
  // The first of two duplicates stays: a new file must not push aside what is enforced.
  std::stable_partition(files.begin(), files.end(), [&](const PolicyFile& file) { return before.good.contains(name_of(file)); });
  std::vector<size_t> errors_before;
  for (const PolicyFile& file : files) errors_before.push_back(file.errors.size());
  RefuseDuplicates(&files);
  for (size_t i = 0; i < files.size(); ++i) {
    PolicyFile& file = files[i];
    PolicyFileStatus status;
    status.file = file.file;
    for (const NetworkPolicy& policy : file.documents.network_policies) {
      status.objects.push_back(absl::StrCat(policy.ns, "/", policy.name));
    }
    const absl::StatusOr<std::string>& content = text.at(name_of(file));
    status.managed = content.ok() && IsManagedText(*content);
    if (file.errors.size() > errors_before[i]) file.errors.back() += "; the second one is not enforced";
    status.errors = file.errors;
    out.files.push_back(std::move(status));
    if (file.errors.empty() || before.good.contains(name_of(file))) out.good[name_of(file)] = file.documents;
  }
  std::sort(out.files.begin(), out.files.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  out.documents = std::make_shared<PolicyDocuments>(JoinPolicies(files));
  return out;
}

}  // namespace bulkhead
