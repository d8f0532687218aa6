// SPDX-License-Identifier: Apache-2.0
// bulkhead uninstall: takes everything out of the kernel that was ever put there. Works without the daemon, and only without it: it
// would put things back.
#include "dataplane/ebpf/uninstall.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "controlplane/api/listen.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "dataplane/nft/guard.h"

namespace bulkhead::cli {
namespace {

struct UninstallOptions {
  Output output;
  std::string pin_root = "/sys/fs/bpf/bulkhead";
  std::string state_dir = "/var/lib/bulkhead";
  bool yes = false;
  bool dry_run = false;
};

// The daemon that serves the socket, or holds the lock of its folder. "" = none.
std::string RunningDaemon(const std::string& socket) {
  if (const pid_t pid = api::ListenerPid(socket); pid != 0) return absl::StrCat("pid ", pid);
  const std::string path = (std::filesystem::path(socket).parent_path() / "bulkheadd.pid").string();
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.ok() || flock(file.get(), LOCK_SH | LOCK_NB) == 0) return "";
  char text[32] = {};
  const ssize_t size = pread(file.get(), text, sizeof(text) - 1, 0);
  std::string_view pid(text, size > 0 ? static_cast<size_t>(size) : 0);
  pid = pid.substr(0, pid.find_first_not_of("0123456789"));
  return pid.empty() ? "pid unknown" : absl::StrCat("pid ", std::string(pid));
}

bool Asked(size_t count) {
  std::printf("Remove these %zu things? Containers are then no longer protected. [y/N] ", count);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

void PrintJson(const std::vector<std::string>& installed, const std::vector<std::string>& removed) {
  std::printf("%s\n", api::DumpJsonIndented({{"installed", installed}, {"removed", removed}}).c_str());
}

// What would put the guard up again when the host starts (`bulkheadd --guard-only`).
std::string GuardFileOf(const UninstallOptions& options) { return absl::StrCat(options.state_dir, "/guard"); }

std::string GuardFileText(const UninstallOptions& options) {
  return absl::StrCat("guard for the next start ", GuardFileOf(options));
}

absl::StatusOr<std::vector<std::string>> ListAll(const UninstallOptions& options) {
  const absl::StatusOr<std::vector<nft::InstalledTable>> tables = nft::FindTables();
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<std::vector<std::string>> installed = ListInstalled(options.pin_root);
  if (!installed.ok()) return installed.status();
  std::vector<std::string> out;
  for (const nft::InstalledTable& table : *tables) out.push_back(table.text);
  out.insert(out.end(), installed->begin(), installed->end());
  std::error_code error;
  if (std::filesystem::exists(GuardFileOf(options), error)) out.push_back(GuardFileText(options));
  return out;
}

// Tries all of it, however one of them ends.
absl::Status RemoveGuard(KernelWriter& writer, const UninstallOptions& options, std::vector<std::string>& removed) {
  const absl::StatusOr<std::vector<nft::InstalledTable>> tables = nft::FindTables();
  if (!tables.ok()) return tables.status();
  absl::Status first;
  for (const nft::InstalledTable& table : *tables) {
    const absl::Status status = nft::RemoveTable(writer, table.family);
    if (status.ok()) removed.push_back(table.text);
    if (first.ok()) first = status;
  }
  if (unlink(GuardFileOf(options).c_str()) == 0) {
    removed.push_back(GuardFileText(options));
  } else if (errno != ENOENT && first.ok()) {
    first = absl::ErrnoToStatus(errno, GuardFileOf(options));
  }
  return first;
}

int Remove(const UninstallOptions& options, const std::vector<std::string>& installed) {
  KernelWriter writer;
  std::vector<std::string> removed;
  // The guard first: all that is no longer judged would be cut off by it.
  absl::Status status = RemoveGuard(writer, options, removed);
  if (const absl::Status rest = Uninstall(writer, options.pin_root, removed); status.ok()) status = rest;
  if (options.output.json()) {
    PrintJson(installed, removed);
  } else {
    std::printf("%zu of %zu removed\n", removed.size(), installed.size());
  }
  return Report(status);
}

int Run(const Globals& globals, const UninstallOptions& options) {
  const bool only_list = options.dry_run || (options.output.json() && !options.yes);
  if (const std::string daemon = RunningDaemon(globals.socket); !daemon.empty() && !only_list) {
    return Report(
        absl::FailedPreconditionError(absl::StrCat("bulkheadd is running (", daemon, "): stop it first; nothing was removed")));
  }
  const absl::StatusOr<std::vector<std::string>> installed = ListAll(options);
  if (!installed.ok()) return Report(installed.status());
  if (!options.output.json()) {
    for (const std::string& line : *installed) std::printf("%s\n", Printable(line).c_str());
    if (installed->empty()) std::printf("nothing of Bulkhead is in the kernel\n");
  }
  if (installed->empty() || only_list) {
    if (options.output.json()) PrintJson(*installed, {});
    return kExitDone;
  }
  if (!options.yes && !Asked(installed->size())) {
    std::printf("nothing was removed\n");
    return kExitNo;
  }
  return Remove(options, *installed);
}

}  // namespace

void AddUninstall(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<UninstallOptions>();
  CLI::App* verb = AddVerb(app, globals, "uninstall", "Remove everything that Bulkhead ever put into the kernel", options, Run);
  verb->add_flag("-y,--yes", options->yes, "Do not ask");
  verb->add_flag("--dry-run", options->dry_run, "Only list");
  verb->add_option("--pin-root", options->pin_root, "Folder of the pinned maps and programs")
      ->capture_default_str()
      ->type_name("DIR");
  verb->add_option("--state-dir", options->state_dir, "The daemon's; what brings the guard back at the host's start is removed from it")
      ->capture_default_str()
      ->type_name("DIR");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Needs root, and that the daemon is stopped. Other files (policies, state) stay. With -o json it only lists, unless --yes is "
      "given.\n\n"
      "Examples:\n"
      "  bulkhead uninstall\n"
      "  bulkhead uninstall --yes");
}

}  // namespace bulkhead::cli
