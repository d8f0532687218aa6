// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/files.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace bulkhead::doctor {
namespace {

std::string ModeText(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof(text), "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

// A folder above that anybody may rename things in.
std::string LooseParent(const std::string& path) {
  for (std::filesystem::path at = std::filesystem::path(path).parent_path(); !at.empty(); at = at.parent_path()) {
    struct stat info{};
    const bool sticky_or_tight = stat(at.c_str(), &info) != 0 || (info.st_mode & 02) == 0 || (info.st_mode & S_ISVTX) != 0;
    if (!sticky_or_tight) return at.string();
    if (at == at.parent_path()) break;
  }
  return "";
}

FileFacts Look(const char* what, const std::string& path, bool folder, mode_t forbidden, bool needed) {
  FileFacts out{what, path, false, folder, 0, 0, forbidden, "", needed};
  struct stat info{};
  out.exists = stat(path.c_str(), &info) == 0;
  out.owner = info.st_uid;
  out.mode = info.st_mode;
  if (out.exists) out.loose_parent = LooseParent(path);
  return out;
}

void CheckFile(const FileFacts& file, Findings* findings) {
  if (!file.exists) {
    if (file.needed) {
      findings->Warn(file.what, absl::StrCat(file.path, " is not there"), "bulkheadd makes it when it starts");
    }
    return;
  }
  const bool right_type = file.folder ? S_ISDIR(file.mode) : S_ISSOCK(file.mode);
  const mode_t loose = file.mode & file.forbidden;
  if (!right_type) {
    findings->Fail(file.what, absl::StrCat(file.path, " is no ", file.folder ? "folder" : "socket"), absl::StrCat("move it away and restart bulkheadd"));
  } else if (file.owner != 0) {
    findings->Fail(file.what, absl::StrCat(file.path, " belongs to uid ", file.owner), absl::StrCat("chown root ", file.path));
  } else if (loose != 0) {
    findings->Fail(file.what, absl::StrCat(file.path, " has mode ", ModeText(file.mode)),
                   absl::StrCat("chmod ", ModeText((file.mode & 07777) & ~file.forbidden), " ", file.path));
  } else if (!file.loose_parent.empty()) {
    findings->Fail(file.what, absl::StrCat("everybody may write to ", file.loose_parent), absl::StrCat("chmod o-w ", file.loose_parent));
  } else {
    findings->Ok(file.what, absl::StrCat(file.path, ", mode ", ModeText(file.mode)));
  }
}

}  // namespace

std::vector<FileFacts> ReadFiles(const Config& config) {
  return {Look("policy folder", config.policy_dir, true, 022, true), Look("state folder", config.state_dir, true, 077, true),
          Look("API socket", config.api_socket, false, 07, false), Look("pin folder", config.pin_root, true, 022, false)};
}

void CheckFiles(const std::vector<FileFacts>& files, Findings* findings) {
  for (const FileFacts& file : files) CheckFile(file, findings);
}

}  // namespace bulkhead::doctor
