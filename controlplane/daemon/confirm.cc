// SPDX-License-Identifier: Apache-2.0
// Changes that are taken back unless they are confirmed; they wait in the store, so that a restart forgets none.
#include <charconv>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/changer.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

constexpr char kPendingKey[] = "pending_change";

std::string TimeText(uint64_t unix_seconds) {
  const auto time = static_cast<time_t>(unix_seconds);
  tm parts{};
  char text[32] = {};
  gmtime_r(&time, &parts);
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

}  // namespace

Changer::Changer(ChangerOptions options, PolicyHost* host, Store* store) : options_(std::move(options)), host_(host), store_(store) {
  LoadPending();
}

// Stored as "DEADLINE WHAT\n" and the encoded changes.
absl::Status Changer::SavePending(const Pending& pending) {
  const absl::Status status =
      store_->Set(kPendingKey, absl::StrCat(pending.deadline, " ", pending.what, "\n", EncodeChanges(pending.undo)));
  if (status.ok()) pending_ = pending;
  return status;
}

void Changer::LoadPending() {
  const absl::StatusOr<std::optional<std::string>> stored = store_->Get(kPendingKey);
  if (!stored.ok() || !stored->has_value()) return;
  const std::string& text = **stored;
  const size_t line = text.find('\n');
  const size_t space = text.find(' ');
  Pending pending;
  if (line == std::string::npos || space > line) return ClearPending();
  std::from_chars(text.data(), text.data() + space, pending.deadline);
  pending.what = text.substr(space + 1, line - space - 1);
  absl::StatusOr<std::vector<FileChange>> undo = DecodeChanges(std::string_view(text).substr(line + 1));
  if (!undo.ok()) {
    problem_ = absl::StrCat("a change that waited for its confirmation stays for good: ", std::string(undo.status().message()));
    return ClearPending();
  }
  pending.undo = *std::move(undo);
  pending_ = std::move(pending);
}

void Changer::ClearPending() {
  pending_.reset();
  if (const absl::Status status = store_->Erase(kPendingKey); !status.ok()) {
    problem_ = absl::StrCat("state: ", std::string(status.message()));
  }
}

absl::Status Changer::RefuseWhilePending() const {
  if (!pending_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("a change waits for `bulkhead confirm`: ", pending()));
}

std::string Changer::pending() const {
  if (!pending_) return "";
  return absl::StrCat(pending_->what, " (reverts at ", TimeText(pending_->deadline), " unless confirmed)");
}

absl::StatusOr<ChangeResult> Changer::Confirm() {
  if (!pending_) return absl::FailedPreconditionError("no change waits for a confirmation");
  ChangeResult result;
  result.generation = host_->generation();
  result.changes.push_back(absl::StrCat("confirmed: ", pending_->what));
  ClearPending();
  return result;
}

void Changer::Tick(uint64_t unix_now) {
  if (!pending_ || unix_now < pending_->deadline) return;
  const absl::StatusOr<std::vector<FileChange>> done = CommitFiles(options_.folder, pending_->undo);
  if (!done.ok()) {
    problem_ = absl::StrCat("cannot take back \"", pending_->what, "\": ", std::string(done.status().message()));
    spdlog::error("{}", problem_);
    return;
  }
  spdlog::warn("not confirmed in time, taken back: {}", pending_->what);
  problem_.clear();
  ClearPending();
  if (const absl::Status status = host_->Reload(); !status.ok()) spdlog::error("{}", std::string(status.message()));
}

}  // namespace bulkhead
