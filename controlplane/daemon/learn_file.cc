// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/learn_file.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controlplane/store/database.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::Status CarryOver(const std::string& from, const std::string& to) {
  if (Exists(to) || !Exists(from)) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Database>> old = Database::Open(from);
  if (!old.ok()) return old.status();
  absl::StatusOr<Statement> find = (*old)->Prepare("SELECT 1 FROM sqlite_master WHERE name = 'learn_edges'");
  if (!find.ok()) return find.status();
  absl::StatusOr<bool> found = find->Step();
  if (!found.ok() || !*found) return found.status();
  find->Reset();
  return (*old)->Exec(absl::StrCat("VACUUM INTO '", absl::StrReplaceAll(to, {{"'", "''"}}), "'"));
}

// What was moved aside earlier stays: it may hold the only record of what people decided.
std::string FreeName(const std::string& path) {
  std::string name = absl::StrCat(path, ".bad");
  for (int i = 2; Exists(name); ++i) name = absl::StrCat(path, ".bad.", i);
  return name;
}

// The log and its index belong to the old file; left behind they would be replayed into the new one.
void MoveLearnFileAside(const std::string& path, const std::string& aside) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code missing;
    std::filesystem::rename(absl::StrCat(path, suffix), absl::StrCat(aside, suffix), missing);
  }
}

}  // namespace

std::string LearnFile(const std::string& store_file) {
  return store_file.empty() ? ":memory:" : (std::filesystem::path(store_file).parent_path() / "learn.db").string();
}

std::unique_ptr<Learner> OpenLearner(const std::string& store_file, const LearnLimits& limits, std::string* problem) {
  const std::string path = LearnFile(store_file);
  if (absl::Status status = store_file.empty() ? absl::OkStatus() : CarryOver(store_file, path); !status.ok()) {
    spdlog::warn("learning: what was recorded before is left behind: {}", std::string(status.message()));
  }
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Open(path, limits);
  if (absl::IsDataLoss(learner.status())) {
    const std::string aside = FreeName(path);
    spdlog::error("learning: {}; moved to {} and begun anew", std::string(learner.status().message()), aside);
    MoveLearnFileAside(path, aside);
    learner = Learner::Open(path, limits);
  }
  if (learner.ok()) return *std::move(learner);
  *problem = absl::StrCat("learning: nothing is recorded: ", std::string(learner.status().message()));
  if (absl::IsFailedPrecondition(learner.status())) {
    absl::StrAppend(problem, "; run that version again, or move the file away and lose what was learned and decided");
  }
  spdlog::error("{}", *problem);
  return nullptr;
}

}  // namespace bulkhead
