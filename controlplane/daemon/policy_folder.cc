// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxPolicyFiles = 10'000;
constexpr size_t kMaxPolicyBytes = size_t{64} << 20;  // of all together

bool IsPolicyName(const std::string& name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

PolicyFile ParseOne(const std::string& path, const absl::StatusOr<std::string>& text) {
  if (text.ok()) {
    PolicyFile file = ParsePolicies(*text, path);
    // What no compiler takes yet must not keep the other files from being enforced.
    if (file.errors.empty()) file.errors = CheckSupported(file.documents);
    return file;
  }
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

std::string ManagedFileName(const Policy& policy) {
  if (policy.kind == PolicyKind::kNetworkPolicy) return absl::StrCat(policy.ns, ".networkpolicy.", policy.name, ".yaml");
  std::string name = PolicyRef(policy);
  std::replace(name.begin(), name.end(), ':', '.');
  return name + ".yaml";
}

absl::StatusOr<FolderText> ReadPolicyFolder(const std::string& folder) {
  FolderText out;
  size_t bytes = 0;
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
    bytes += text.ok() ? text->size() : 0;
    if (bytes > kMaxPolicyBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(folder, ": more than ", kMaxPolicyBytes >> 20, " MiB of policy files"));
    }
    out.emplace(name, std::move(text));
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  return out;
}

namespace {

void LoadModes(const FolderText& text, const std::string& folder, const LoadedPolicies& before, LoadedPolicies* out) {
  const auto modes = text.find(kModesFileName);
  if (modes == text.end()) return;
  absl::StatusOr<ModesFile> parsed =
      modes->second.ok() ? ParseModesFile(*modes->second, absl::StrCat(folder, "/", kModesFileName)) : modes->second.status();
  if (parsed.ok()) {
    out->modes = *std::move(parsed);
    out->good[kModesFileName] = *modes->second;
    return;
  }
  out->modes = before.modes;
  out->modes_error = absl::StrCat(std::string(parsed.status().message()), "; no mode changed");
  if (const auto good = before.good.find(kModesFileName); good != before.good.end()) out->good.insert(*good);
}

// Of two objects with one name the one that is enforced stays: no file may push aside another's by coming first in the alphabet.
void KeepOwners(const PolicyDocuments& before, std::vector<PolicyFile>* files) {
  std::map<std::string, std::string> owners;  // by PolicyRef
  for (const Policy& policy : before.policies) owners[PolicyRef(policy)] = policy.pos.file;
  std::map<std::string, SourcePos> kept;
  for (const PolicyFile& file : *files) {
    for (const Policy& policy : file.documents.policies) {
      const auto owner = owners.find(PolicyRef(policy));
      if (owner != owners.end() && owner->second == file.file) kept[owner->first] = policy.pos;
    }
  }
  for (PolicyFile& file : *files) {
    std::erase_if(file.documents.policies, [&](const Policy& policy) {
      const auto at = kept.find(PolicyRef(policy));
      if (at == kept.end() || at->second.file == file.file) return false;
      const std::string name = policy.ns.empty() ? policy.name : absl::StrCat(policy.ns, "/", policy.name);
      file.errors.push_back(absl::StrCat(policy.pos.ToString(), ": found a second ", PolicyKindName(policy.kind), " ", name,
                                         ", the first is at ", at->second.ToString()));
      return true;
    });
  }
}

PolicyFileStatus StatusOf(const PolicyFile& file, const absl::StatusOr<std::string>& text) {
  PolicyFileStatus status;
  status.file = file.file;
  status.errors = file.errors;
  status.managed = text.ok() && IsManagedText(*text);
  for (const Policy& policy : file.documents.policies) {
    status.objects.push_back(PolicyRef(policy));
  }
  return status;
}

// By file, of those that have any.
std::map<std::string, std::vector<std::string>> ObjectsOf(const std::vector<PolicyFileStatus>& files) {
  std::map<std::string, std::vector<std::string>> out;
  for (const PolicyFileStatus& file : files) {
    if (!file.objects.empty()) out[file.file] = file.objects;
  }
  return out;
}

// Of the policy files.
bool SameTexts(std::map<std::string, std::string> a, std::map<std::string, std::string> b) {
  a.erase(kModesFileName);
  b.erase(kModesFileName);
  return a == b;
}

}  // namespace

namespace {

// One file: parsed, unless it says what it said when it was last good. A broken one means what it meant then.
PolicyFile LoadOne(const std::string& name, const std::string& path, const absl::StatusOr<std::string>& content,
                   const LoadedPolicies& before, uint64_t generation, LoadedPolicies* out) {
  const auto good = before.good.find(name);
  const auto parsed = before.parsed.find(name);
  const bool was_good = good != before.good.end() && parsed != before.parsed.end();
  const bool unchanged = was_good && content.ok() && *content == good->second;
  PolicyFile file;
  if (unchanged) {
    file.file = path;
  } else {
    file = ParseOne(path, content);
  }
  if (!unchanged && file.errors.empty()) {
    out->good[name] = *content;
    out->parsed[name] = std::make_shared<const PolicyDocuments>(file.documents);
    return file;
  }
  file.documents = was_good ? *parsed->second : PolicyDocuments();
  if (was_good) {
    out->good.insert(*good);
    out->parsed.insert(*parsed);
  }
  if (!unchanged) file.errors.back() += Effect(was_good, generation);
  return file;
}

}  // namespace

LoadedPolicies LoadPolicyFolder(const FolderText& text, const std::string& folder, const LoadedPolicies& before,
                                uint64_t generation) {
  LoadedPolicies out;
  LoadModes(text, folder, before, &out);
  std::vector<PolicyFile> files;
  for (const auto& [name, content] : text) {
    if (name == kModesFileName) continue;
    files.push_back(LoadOne(name, absl::StrCat(folder, "/", name), content, before, generation, &out));
  }
  std::vector<size_t> errors_before;
  for (const PolicyFile& file : files) errors_before.push_back(file.errors.size());
  KeepOwners(*before.documents, &files);
  RefuseDuplicates(&files);
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].errors.size() > errors_before[i]) files[i].errors.back() += "; the second one is not enforced";
    out.files.push_back(StatusOf(files[i], text.at(files[i].file.substr(folder.size() + 1))));
  }
  const bool same = SameTexts(before.good, out.good) && ObjectsOf(before.files) == ObjectsOf(out.files);
  out.documents = same ? before.documents : std::make_shared<PolicyDocuments>(JoinPolicies(files));
  return out;
}

std::string EncodeGood(const LoadedPolicies& policies) {
  std::vector<FileChange> files;
  for (const auto& [name, text] : policies.good) files.push_back({name, text});
  return EncodeChanges(files);
}

absl::StatusOr<LoadedPolicies> DecodeGood(std::string_view bytes, const std::string& folder) {
  absl::StatusOr<std::vector<FileChange>> files = DecodeChanges(bytes);
  if (!files.ok()) return files.status();
  FolderText text;
  for (FileChange& file : *files) text.emplace(file.name, std::move(file.text).value_or(""));
  return LoadPolicyFolder(text, folder, {}, 0);
}

}  // namespace bulkhead
