// SPDX-License-Identifier: Apache-2.0
// The policy folder: the only truth about policy and modes. Reading it, working out what it means, and changing it.
//
// Thread safety: plain functions and values; one thread at a time for one folder.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_POLICY_FOLDER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_POLICY_FOLDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"
#include "controlplane/config/modes_file.h"

namespace bulkhead {

// First line of the files that `apply` writes.
inline constexpr char kManagedLine[] = "# Written by `bulkhead policy apply`, which may replace it. Remove this line to keep it by hand.";

// The texts of the policy files and of modes.yaml, by name; or why one could not be read.
using FolderText = std::map<std::string, absl::StatusOr<std::string>>;

absl::StatusOr<FolderText> ReadPolicyFolder(const std::string& folder);

// What a folder means. A file that is broken means what it meant when it was last good, over restarts too (EncodeGood).
struct LoadedPolicies {
  std::shared_ptr<const PolicyDocuments> documents = std::make_shared<PolicyDocuments>();
  std::vector<PolicyFileStatus> files;
  ModesFile modes;
  std::string modes_error;                       // of modes.yaml; the last good modes are in force
  std::map<std::string, std::string> good;       // last good texts, by file name; modes.yaml is one of them
  // What the policy files among them mean, so that no text is parsed twice.
  std::map<std::string, std::shared_ptr<const PolicyDocuments>> parsed;
};

// Pure. `generation`: the active one, for messages. Of two objects with one name the one that was there before stays. When no policy
// changed, `documents` is the object of before.
LoadedPolicies LoadPolicyFolder(const FolderText& text, const std::string& folder, const LoadedPolicies& before, uint64_t generation);

// One file to write or, without text, to delete.
struct FileChange {
  std::string name;
  std::optional<std::string> text;

  bool operator==(const FileChange&) const = default;
};

// Carries out all changes or none, each file atomically (written aside, synced, renamed). Returns the changes that undo it.
absl::StatusOr<std::vector<FileChange>> CommitFiles(const std::string& folder, const std::vector<FileChange>& changes);

// Changes as bytes to be remembered, and back (kDataLoss).
std::string EncodeChanges(const std::vector<FileChange>& changes);
absl::StatusOr<std::vector<FileChange>> DecodeChanges(std::string_view bytes);

// The last good texts as bytes to be remembered; and what they mean, to begin with after a restart (kDataLoss).
std::string EncodeGood(const LoadedPolicies& policies);
absl::StatusOr<LoadedPolicies> DecodeGood(std::string_view bytes, const std::string& folder);

bool IsManagedText(std::string_view text);
// "shop.networkpolicy.db.yaml", "cnp.guard.yaml", "anp.guard.yaml", "banp.default.yaml"
std::string ManagedFileName(const Policy& policy);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_POLICY_FOLDER_H_
