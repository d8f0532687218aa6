// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/stager.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/given_policies.h"
#include "controlplane/policy/parse.h"

namespace bulkhead {
namespace {

constexpr char kStagedKey[] = "staged_policy";

}  // namespace

Stager::Stager(const PolicyHost* host, Changer* changer, Store* store, std::function<absl::Status()> publish)
    : host_(host), changer_(changer), store_(store), publish_(std::move(publish)) {
  Load();
}

absl::StatusOr<std::vector<Policy>> Stager::Parse(const std::vector<PolicyText>& files) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const PolicyText& file : files) texts.emplace_back(file.name, file.text);
  absl::StatusOr<std::vector<Policy>> policies = ParseCandidate(texts);
  if (policies.ok()) return policies;
  return absl::Status(policies.status().code(), absl::StrCat(std::string(policies.status().message()), "; nothing was staged"));
}

std::vector<std::string> Stager::policies() const {
  std::vector<std::string> out;
  if (!staged_) return out;
  for (const Policy& policy : staged_->policies) out.push_back(PolicyRef(policy));
  return out;
}

std::shared_ptr<const PolicyDocuments> Stager::Candidate(const std::shared_ptr<const PolicyDocuments>& active) {
  if (!staged_ || active == nullptr) return nullptr;
  if (candidate_ != nullptr && active == active_) return candidate_;
  candidate_ = std::make_shared<const PolicyDocuments>(OverlayPolicies(*active, staged_->policies));
  active_ = active;
  return candidate_;
}

void Stager::Take(std::optional<Staged> staged) {
  staged_ = std::move(staged);
  active_ = candidate_ = nullptr;
}

absl::StatusOr<ChangeResult> Stager::Stage(const std::vector<PolicyText>& files, uint64_t unix_now) {
  absl::StatusOr<std::vector<Policy>> policies = Parse(files);
  if (!policies.ok()) return policies.status();
  const std::optional<Staged> before = staged_;
  const Staged staged{unix_now, files, *std::move(policies)};
  if (absl::Status status = Save(staged); !status.ok()) return status;
  Take(staged);
  if (const absl::Status status = publish_(); !status.ok()) {
    Take(before);
    if (absl::Status saved = Save(before); !saved.ok()) return saved;
    (void)publish_();
    return absl::Status(status.code(), absl::StrCat(std::string(status.message()), "; nothing was staged"));
  }
  problem_.clear();
  ChangeResult result;
  result.generation = host_->generation();
  for (const std::string& policy : this->policies()) result.changes.push_back(absl::StrCat("policy ", policy, " staged"));
  result.notes.push_back("it decides nothing: see `bulkhead policy stage status`, then promote or discard it");
  return result;
}

absl::StatusOr<ChangeResult> Stager::Promote(uint64_t unix_now) {
  if (!staged_) return absl::FailedPreconditionError("nothing is staged");
  const absl::StatusOr<std::vector<GivenPolicy>> given = ParseGiven(staged_->files);
  if (!given.ok()) return given.status();
  absl::StatusOr<ChangeResult> result = changer_->ApplyPolicy(*given, {}, unix_now);
  if (!result.ok()) return result.status();
  // From here on it is in force; what is staged means nothing any more.
  Take(std::nullopt);
  absl::Status status = Save(staged_);
  if (status.ok()) status = publish_();
  if (!status.ok()) problem_ = absl::StrCat("staged policy: ", std::string(status.message()));
  return result;
}

absl::StatusOr<ChangeResult> Stager::Discard() {
  if (!staged_) return absl::FailedPreconditionError("nothing is staged");
  if (absl::Status status = Save(std::nullopt); !status.ok()) return status;
  ChangeResult result;
  result.generation = host_->generation();
  for (const std::string& policy : policies()) result.changes.push_back(absl::StrCat("policy ", policy, " no longer staged"));
  Take(std::nullopt);
  if (absl::Status status = publish_(); !status.ok()) return status;
  problem_.clear();
  return result;
}

// Stored as "SINCE\n" and the encoded files.
absl::Status Stager::Save(const std::optional<Staged>& staged) {
  if (!staged) return store_->Erase(kStagedKey);
  std::vector<FileChange> files;
  for (const PolicyText& file : staged->files) files.push_back({file.name, file.text});
  return store_->Set(kStagedKey, absl::StrCat(staged->since, "\n", EncodeChanges(files)));
}

void Stager::Load() {
  const absl::StatusOr<std::optional<std::string>> stored = store_->Get(kStagedKey);
  if (!stored.ok() || !stored->has_value()) return;
  const std::string& text = **stored;
  const size_t line = std::min(text.find('\n'), text.size() - 1);
  Staged staged;
  std::from_chars(text.data(), text.data() + line, staged.since);
  absl::StatusOr<std::vector<FileChange>> files = DecodeChanges(std::string_view(text).substr(line + 1));
  absl::Status status = files.status();
  if (status.ok()) {
    for (FileChange& file : *files) staged.files.push_back({file.name, std::move(file.text).value_or("")});
    absl::StatusOr<std::vector<Policy>> policies = Parse(staged.files);
    status = policies.status();
    if (status.ok()) staged.policies = *std::move(policies);
  }
  if (!status.ok()) {
    problem_ = absl::StrCat("what was staged is lost: ", std::string(status.message()));
    return;
  }
  Take(std::move(staged));
}

}  // namespace bulkhead
