// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/start_checks.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {

absl::Status CheckRights() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return absl::ErrnoToStatus(errno, "capget");
  const auto has = [&](unsigned cap) { return (data[cap / 32].effective >> (cap % 32) & 1) != 0; };
  const std::pair<unsigned, const char*> needed[] = {
      {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};
  for (const auto& [cap, name] : needed) {
    if (!has(cap)) return absl::PermissionDeniedError(absl::StrCat("needs root: ", name, " is missing"));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> LockPidFile(const std::string& folder) {
  if (absl::Status status = MakeFolder(folder, 0755); !status.ok()) return status;
  const std::string path = absl::StrCat(folder, "/bulkheadd.pid");
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.ok()) return absl::ErrnoToStatus(errno, path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, path);
    char text[32] = {};
    const ssize_t size = pread(file.get(), text, sizeof(text) - 1, 0);
    std::string_view pid(text, size > 0 ? static_cast<size_t>(size) : 0);
    pid = pid.substr(0, pid.find_first_not_of("0123456789"));
    return absl::AlreadyExistsError(absl::StrCat("another bulkheadd runs already, pid ", pid.empty() ? "unknown" : std::string(pid)));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return absl::ErrnoToStatus(errno, path);
  }
  return file;
}

absl::Status MakeFolder(const std::string& path, unsigned mode) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return absl::ErrnoToStatus(errno, part);
    if (at == std::string::npos) return absl::OkStatus();
  }
}

absl::Status CheckFolder(const std::string& path, bool sticky_is_fine) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, path);
  const bool open_to_all = (info.st_mode & S_IWOTH) != 0;
  if (!open_to_all || (sticky_is_fine && (info.st_mode & S_ISVTX) != 0)) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(path, ": everybody may write there; expected a folder of its owner or group (chmod o-w)"));
}

}  // namespace bulkhead
