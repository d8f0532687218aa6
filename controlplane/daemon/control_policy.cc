// SPDX-License-Identifier: Apache-2.0
// Control's dealings with the policy folder and the configuration.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/daemon/config_change.h"
#include "controlplane/daemon/control.h"
#include "spdlog/spdlog.h"

namespace bulkhead {

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
  if (same && folder_read_) return;
  folder_read_ = true;
  policies_ = LoadPolicyFolder(text, parts_.config.policy_dir, policies_, generation());
  text_ = std::move(text);
  input_ = InputOf(policies_);
  dirty_ = true;
  Note("state", parts_.store->Set(GoodKey(), EncodeGood(policies_)));
}

std::string Control::GoodKey() const { return absl::StrCat("good_policies ", parts_.config.policy_dir); }

// A file that was broken before the daemon ended is still broken, and still means what it last meant.
void Control::RecallPolicies() {
  const absl::StatusOr<std::optional<std::string>> stored = parts_.store->Get(GoodKey());
  if (!stored.ok() || !stored->has_value()) return;
  absl::StatusOr<LoadedPolicies> good = DecodeGood(**stored, parts_.config.policy_dir);
  Note("state", good.status());
  if (!good.ok()) return;
  policies_ = *std::move(good);
  input_ = InputOf(policies_);
}

void Control::ReadFolderIfSettled() {
  if (!watch_->Settled(Now())) return;
  absl::StatusOr<FolderText> text = ReadPolicyFolder(parts_.config.policy_dir);
  Note("policies", text.status());
  if (text.ok()) TakeFolder(*std::move(text));
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
