// SPDX-License-Identifier: Apache-2.0
// CommitFiles: several files of one folder changed together.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/yaml/node.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {
namespace {

// Hidden from every reader of the folder, and the same each time, so that one left behind by a crash is overwritten.
std::string TemporaryName(const std::string& name) { return absl::StrCat(".", name, ".new"); }

absl::Status WriteSynced(const std::string& path, std::string_view text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.ok()) return absl::ErrnoToStatus(errno, path);
  while (!text.empty()) {
    const ssize_t written = write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(file.get()) != 0) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || fsync(fd.get()) != 0) return absl::ErrnoToStatus(errno, folder);
  return absl::OkStatus();
}

absl::Status PutInPlace(const std::string& folder, const FileChange& change) {
  const std::string path = absl::StrCat(folder, "/", change.name);
  if (change.text) {
    const std::string temporary = absl::StrCat(folder, "/", TemporaryName(change.name));
    if (rename(temporary.c_str(), path.c_str()) != 0) return absl::ErrnoToStatus(errno, path);
  } else if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, path);
  }
  return absl::OkStatus();
}

absl::Status Prepare(const std::string& folder, const std::vector<FileChange>& changes) {
  for (const FileChange& change : changes) {
    if (!change.text) continue;
    const absl::Status status = WriteSynced(absl::StrCat(folder, "/", TemporaryName(change.name)), *change.text);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void DropTemporaries(const std::string& folder, const std::vector<FileChange>& changes) {
  for (const FileChange& change : changes) unlink(absl::StrCat(folder, "/", TemporaryName(change.name)).c_str());
}

// Length first, as a decimal number and a colon.
void AppendField(std::string* out, std::string_view field) { absl::StrAppend(out, field.size(), ":", std::string(field)); }

bool TakeField(std::string_view* bytes, std::string* out) {
  size_t size = 0, at = 0;
  for (; at < bytes->size() && (*bytes)[at] >= '0' && (*bytes)[at] <= '9' && at < 12; ++at) {
    size = size * 10 + static_cast<size_t>((*bytes)[at] - '0');
  }
  if (at == 0 || at >= bytes->size() || (*bytes)[at] != ':' || bytes->size() - at - 1 < size) return false;
  *out = std::string(bytes->substr(at + 1, size));
  bytes->remove_prefix(at + 1 + size);
  return true;
}

}  // namespace

absl::StatusOr<std::vector<FileChange>> CommitFiles(const std::string& folder, const std::vector<FileChange>& changes) {
  std::vector<FileChange> undo;
  for (const FileChange& change : changes) {
    absl::StatusOr<std::string> text = yaml::ReadFile(absl::StrCat(folder, "/", change.name));
    if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
    undo.push_back({change.name, text.ok() ? std::optional<std::string>(*std::move(text)) : std::nullopt});
  }
  if (absl::Status status = Prepare(folder, changes); !status.ok()) {
    DropTemporaries(folder, changes);
    return status;
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    const absl::Status status = PutInPlace(folder, changes[i]);
    if (status.ok()) continue;
    DropTemporaries(folder, changes);
    const std::vector<FileChange> done(undo.begin(), undo.begin() + static_cast<std::ptrdiff_t>(i));
    if (Prepare(folder, done).ok()) {
      for (const FileChange& change : done) (void)PutInPlace(folder, change);
    }
    return status;
  }
  if (absl::Status status = SyncFolder(folder); !status.ok()) return status;
  return undo;
}

std::string EncodeChanges(const std::vector<FileChange>& changes) {
  std::string out;
  for (const FileChange& change : changes) {
    AppendField(&out, change.name);
    out += change.text ? '+' : '-';
    if (change.text) AppendField(&out, *change.text);
  }
  return out;
}

absl::StatusOr<std::vector<FileChange>> DecodeChanges(std::string_view bytes) {
  const absl::Status bad = absl::DataLossError("the remembered changes are damaged");
  std::vector<FileChange> out;
  while (!bytes.empty()) {
    FileChange& change = out.emplace_back();
    if (!TakeField(&bytes, &change.name) || bytes.empty()) return bad;
    const bool with_text = bytes.front() == '+';
    if (!with_text && bytes.front() != '-') return bad;
    bytes.remove_prefix(1);
    if (!with_text) continue;
    change.text.emplace();
    if (!TakeField(&bytes, &*change.text)) return bad;
  }
  return out;
}

}  // namespace bulkhead
