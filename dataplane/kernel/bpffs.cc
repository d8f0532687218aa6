// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/bpffs.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

constexpr char kMountSource[] = "bulkhead";

bool InBpffs(const fs::path& path) {
  struct statfs info {};
  return statfs(path.c_str(), &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

}  // namespace

absl::Status EnsureBpffs(KernelWriter& writer, const std::string& root) {
  const fs::path above = fs::path(root).parent_path();
  if (root.empty() || root[0] != '/' || above == fs::path(root).root_path()) {
    return absl::InvalidArgumentError(absl::StrCat("pin root \"", root, "\": expected an absolute path of at least two parts"));
  }
  if (!InBpffs(above)) {
    if (auto status = writer.MountBpffs(kMountSource, above); !status.ok()) return status;
  }
  if (auto status = writer.MakeDirectory(root); !status.ok()) return status;
  if (!InBpffs(root)) return absl::FailedPreconditionError(absl::StrCat(root, ": is not in a bpffs"));
  return absl::OkStatus();
}

std::vector<std::string> ListTree(const std::string& root) {
  std::vector<std::string> out;
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(root, error))) return out;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (fs::is_directory(it->symlink_status(error))) {
      const auto below = ListTree(it->path());
      out.insert(out.end(), below.begin(), below.end());
    } else {
      out.push_back(it->path());
    }
  }
  out.push_back(root);
  return out;
}

// Fields of /proc/self/mountinfo: proc(5). The source is the second field behind the separating "-".
std::string OwnMountOf(const std::string& root) {
  const std::string above = fs::path(root).parent_path();
  std::ifstream file("/proc/self/mountinfo");
  std::string line, found;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string skip, point, word, type, source;
    words >> skip >> skip >> skip >> skip >> point;
    while (words >> word && word != "-") {
    }
    words >> type >> source;
    if (point == above) found = type == "bpf" && source == kMountSource ? point : "";  // the last mount on a point is on top
  }
  return found;
}

}  // namespace bulkhead
