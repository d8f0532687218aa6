// SPDX-License-Identifier: Apache-2.0
// Control's dealings with the policy folder and the configuration.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/daemon/config_change.h"
#include "controlplane/daemon/control.h"
#include "controlplane/daemon/start_checks.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

std::string FolderKey(const std::string& folder) { return absl::StrCat("policy_folder ", folder); }

// Other than every other folder's, also of one that stood at the same path; empty: there is none. The time of birth, where the file
// system knows it, because numbers of inodes are used again.
std::string FolderId(const std::string& folder) {
  struct statx about {};
  if (statx(AT_FDCWD, folder.c_str(), 0, STATX_INO | STATX_BTIME, &about) != 0) return "";
  return absl::StrCat(about.stx_dev_major, ":", about.stx_dev_minor, ":", about.stx_ino, ":", about.stx_btime.tv_sec, ".",
                      about.stx_btime.tv_nsec);
}

}  // namespace

PolicyInput Control::InputOf(const LoadedPolicies& policies) const {
  PolicyInput input;
  input.documents = policies.documents;
  input.modes = policies.modes.Over(parts_.config.default_mode);
  input.host_addresses = input_.host_addresses;
  input.node = input_.node;
  input.newcomers = input_.newcomers;
  return input;
}

void Control::FindNewImages() {
  const auto now = static_cast<uint64_t>(parts_.clock->UnixSeconds());
  Note("image digests", new_images_->Sync(inventory_->state().identities, input_.modes, now));
  input_.newcomers.clear();
  for (const auto& [id, newcomer] : new_images_->newcomers()) input_.newcomers[id] = newcomer.kind;
}

absl::Status Control::Check(const LoadedPolicies& policies) const {
  return reconciler_->Compile(InputOf(policies), inventory_->state(), generation() + 1).status();
}

// Takes the texts in if they differ from what was read last.
void Control::TakeFolder(FolderText text) {
  const bool same = text.size() == text_.size() && std::equal(text.begin(), text.end(), text_.begin(), [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.status() == b.second.status() && (!a.second.ok() || *a.second == *b.second);
  });
  const std::string id = FolderId(parts_.config.policy_dir);
  policies_unsaved_ |= id != folder_id_;
  folder_id_ = id;
  if (same && folder_read_) return;
  folder_read_ = true;
  policies_ = LoadPolicyFolder(text, parts_.config.policy_dir, policies_, generation());
  text_ = std::move(text);
  input_ = InputOf(policies_);
  dirty_ = true;
  policies_unsaved_ = true;
  SavePolicies();
}

void Control::SavePolicies() {
  if (!policies_unsaved_) return;
  absl::Status status = parts_.store->Set(GoodKey(), EncodeGood(policies_));
  if (status.ok()) status = parts_.store->Set(FolderKey(parts_.config.policy_dir), folder_id_);
  policies_unsaved_ = !status.ok();
  Note("state, policies", status);
}

std::string Control::GoodKey() const { return absl::StrCat("good_policies ", parts_.config.policy_dir); }

// A file that was broken before the daemon ended is still broken, and still means what it last meant. The folder is made only where
// nothing is remembered of one: one that is gone must not come back empty.
absl::Status Control::RecallPolicies() {
  const std::string& folder = parts_.config.policy_dir;
  const absl::StatusOr<std::optional<std::string>> stored = parts_.store->Get(GoodKey());
  Note("state, policies", stored.status());
  if (stored.ok() && stored->has_value()) {
    absl::StatusOr<LoadedPolicies> good = DecodeGood(**stored, folder);
    Note("state, policies", good.status());
    if (good.ok()) policies_ = *std::move(good);
    input_ = InputOf(policies_);
  }
  if (policies_.good.empty()) return MakeFolder(folder, 0755);
  const absl::StatusOr<std::optional<std::string>> id = parts_.store->Get(FolderKey(folder));
  if (id.ok() && id->has_value()) folder_id_ = **id;
  return absl::OkStatus();
}

// A folder that was swapped for an empty one (a mount that is gone leaves such a one, for instance) says nothing about policy. One of
// which the last file was deleted does.
absl::Status Control::CheckFolder(const FolderText& text) const {
  const std::string& folder = parts_.config.policy_dir;
  if (!text.empty() || policies_.good.empty() || folder_id_.empty() || FolderId(folder) == folder_id_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder, ": is empty, and another folder than the one that was read before; on SIGHUP it counts all the same"));
}

void Control::ReadFolderIfSettled() {
  if (!watch_->Settled(Now())) return;
  absl::StatusOr<FolderText> text = ReadPolicyFolder(parts_.config.policy_dir);
  const absl::Status status = text.ok() ? CheckFolder(*text) : text.status();
  if (status.ok()) {
    Note("policies", status);
    TakeFolder(*std::move(text));
  } else {
    Note("policies", absl::Status(status.code(), absl::StrCat(status.message(), "; what was read last stays in force")));
  }
}

absl::Status Control::Reload() {
  absl::StatusOr<FolderText> text = ReadPolicyFolder(parts_.config.policy_dir);
  if (!text.ok()) return text.status();
  TakeFolder(*std::move(text));
  ShowNow();
  return reconciler_->policy_status();
}

void Control::TakeConfig(const absl::StatusOr<Config>& config) {
  if (!config.ok()) {
    Note("configuration", absl::InvalidArgumentError(absl::StrCat(std::string(config.status().message()), "; nothing of it is taken up")));
    return;
  }
  const ConfigChange change = TakeUp(*config, &parts_.config);
  spdlog::set_level(spdlog::level::from_str(parts_.config.log_level));
  spdlog::info("configuration: taken up: {}", change.taken.empty() ? "nothing new" : absl::StrJoin(change.taken, ", "));
  Note("configuration", change.later.empty() ? absl::OkStatus()
                                             : absl::FailedPreconditionError(absl::StrCat(absl::StrJoin(change.later, ", "),
                                                                                         ": changed, and taken up by the next start")));
  changer_->set_default_mode(parts_.config.default_mode);
  Note("dataplane options", SetOptions());
  TakeHostAddresses();
  input_ = InputOf(policies_);
  dirty_ = true;
}

}  // namespace bulkhead
