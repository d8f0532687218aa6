// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>

namespace bulkhead {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kQuiet = 40 * kMillisecond;
constexpr uint64_t kAtMost = 400 * kMillisecond;
constexpr uint64_t kAlways = 5000 * kMillisecond;

}  // namespace

absl::StatusOr<FolderWatch> FolderWatch::Open(const std::string& folder) {
  UniqueFd fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "inotify_init1");
  FolderWatch watch(folder, std::move(fd));
  watch.Watch();
  return watch;
}

// A folder that is not there (any more) is found by the next regular look. Watching the same one again changes nothing.
void FolderWatch::Watch() {
  (void)inotify_add_watch(fd_.get(), folder_.c_str(),
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

void FolderWatch::OnReadable(uint64_t now_ns) {
  char events[4096];
  while (read(fd_.get(), events, sizeof(events)) > 0) {
  }
  if (first_ == 0) first_ = now_ns;
  last_ = now_ns;
}

bool FolderWatch::Settled(uint64_t now_ns) {
  const bool settled = first_ != 0 && (now_ns - last_ >= kQuiet || now_ns - first_ >= kAtMost);
  if (!settled && read_ != 0 && now_ns - read_ < kAlways) return false;
  Watch();
  first_ = 0;
  read_ = now_ns;
  return true;
}

}  // namespace bulkhead
