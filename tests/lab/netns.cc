// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bulkhead::lab {
namespace {

constexpr char kThreadNetns[] = "/proc/thread-self/ns/net";

absl::Status Errno(const std::string& what) { return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno))); }

absl::StatusOr<UniqueFd> Open(const char* path) {
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return Errno(path);
  return fd;
}

absl::StatusOr<ino_t> InodeOf(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Errno("fstat of a namespace");
  return info.st_ino;
}

absl::StatusOr<ino_t> CurrentInode() {
  const auto fd = Open(kThreadNetns);
  if (!fd.ok()) return fd.status();
  return InodeOf(fd->get());
}

// The namespace of the program's first thread when it started: this initialiser runs before main.
const ino_t kStartInode = CurrentInode().value_or(0);

// That a change may be made by this thread: it is in `wanted`, which is nobody's home.
absl::Status CheckIn(ino_t wanted) {
  const auto now = CurrentInode();
  if (!now.ok()) return now.status();
  struct stat init {};  // may be unreadable, for an init with more capabilities than ours
  if (stat("/proc/1/ns/net", &init) != 0) init.st_ino = kStartInode;
  if (*now != wanted) return absl::FailedPreconditionError("this thread is not in the test's network namespace");
  if (*now == kStartInode || *now == init.st_ino) {
    return absl::FailedPreconditionError("refusing to act in the network namespace that the test was started in");
  }
  return absl::OkStatus();
}

absl::Status BringLoopbackUp() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
  if (fd.get() < 0 || ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return Errno("bringing lo up");
  return absl::OkStatus();
}

absl::Status Mount(const char* source, const char* target, const char* type, unsigned long flags) {
  if (mount(source, target, type, flags, nullptr) != 0) return Errno(absl::StrCat("mount on ", target));
  return absl::OkStatus();
}

// A sysfs of the new network namespace hides what was mounted below the old one: cgroups are carried over.
absl::Status MountPrivately() {
  if (auto status = Mount("none", "/", nullptr, MS_REC | MS_PRIVATE); !status.ok()) return status;
  char aside[] = "/tmp/bulkhead-lab-XXXXXX";
  if (mkdtemp(aside) == nullptr) return Errno("mkdtemp");
  const absl::Cleanup remove = [&] { rmdir(aside); };
  if (auto status = Mount("/sys/fs/cgroup", aside, nullptr, MS_BIND | MS_REC); !status.ok()) return status;
  if (auto status = Mount("sysfs", "/sys", "sysfs", 0); !status.ok()) return status;
  if (auto status = Mount(aside, "/sys/fs/cgroup", nullptr, MS_MOVE); !status.ok()) return status;
  return Mount("bpf", "/sys/fs/bpf", "bpf", 0);
}

absl::StatusOr<std::string> Spawn(const std::vector<std::string>& argv) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return Errno("pipe");
  const UniqueFd reader(pipe_fds[0]);
  UniqueFd writer(pipe_fds[1]);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::InternalError(absl::StrCat(argv[0], ": ", std::strerror(error)));
  writer = UniqueFd();
  std::string output;
  char buffer[4096];
  for (ssize_t got; (got = read(reader.get(), buffer, sizeof(buffer))) > 0;) output.append(buffer, static_cast<size_t>(got));
  int status = 0;
  if (waitpid(child, &status, 0) != child) return Errno("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(absl::StrJoin(argv, " "), ": ", output));
  }
  return output;
}

}  // namespace

std::string WhyNoNamespaces() { return geteuid() == 0 ? "" : "needs root, for a network namespace of its own"; }

absl::StatusOr<PeerNetns> PeerNetns::Create() {
  absl::StatusOr<UniqueFd> opened = absl::InternalError("not made");
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      opened = Errno("unshare");
      return;
    }
    opened = Open(kThreadNetns);
    if (!opened.ok()) return;
    const auto inode = InodeOf(opened->get());
    absl::Status status = inode.ok() ? CheckIn(*inode) : inode.status();
    if (status.ok()) status = BringLoopbackUp();
    if (!status.ok()) opened = status;
  }).join();
  if (!opened.ok()) return opened.status();
  PeerNetns out;
  out.fd_ = *std::move(opened);
  const auto inode = InodeOf(out.fd_.get());
  if (!inode.ok()) return inode.status();
  out.inode_ = *inode;
  return out;
}

std::string PeerNetns::path() const { return absl::StrCat("/proc/", getpid(), "/fd/", fd_.get()); }

absl::Status PeerNetns::Run(const std::function<absl::Status()>& body) const {
  const auto home = Open(kThreadNetns);
  if (!home.ok()) return home.status();
  if (setns(fd_.get(), CLONE_NEWNET) != 0) return Errno("setns");
  absl::Status status = CheckIn(inode_);
  if (status.ok()) status = body();
  if (setns(home->get(), CLONE_NEWNET) != 0) return Errno("setns back");
  return status;
}

absl::Status PeerNetns::Command(const std::vector<std::string>& argv) const {
  return Run([&] { return Spawn(argv).status(); });
}

absl::StatusOr<std::unique_ptr<TestNetns>> TestNetns::Create() {
  if (const std::string why = WhyNoNamespaces(); !why.empty()) return absl::FailedPreconditionError(why);
  std::unique_ptr<TestNetns> out(new TestNetns);
  if (auto status = out->Enter(); !status.ok()) return status;
  return out;
}

absl::Status TestNetns::Enter() {
  auto netns = Open(kThreadNetns);
  auto mounts = Open("/proc/thread-self/ns/mnt");
  auto directory = Open(".");
  if (!netns.ok()) return netns.status();
  if (!mounts.ok()) return mounts.status();
  if (!directory.ok()) return directory.status();
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return Errno("unshare");
  old_netns_ = *std::move(netns);  // from here on the destructor goes back
  old_mounts_ = *std::move(mounts);
  old_directory_ = *std::move(directory);
  auto inside = Open(kThreadNetns);
  if (!inside.ok()) return inside.status();
  netns_ = *std::move(inside);
  const auto inode = InodeOf(netns_.get());
  if (!inode.ok()) return inode.status();
  inode_ = *inode;
  if (auto status = Check(); !status.ok()) return status;
  if (auto status = MountPrivately(); !status.ok()) return status;
  return BringLoopbackUp();
}

TestNetns::~TestNetns() {
  if (old_netns_.get() < 0) return;
  // A test that went on in the wrong namespace would be worse than one that ends here.
  if (setns(old_netns_.get(), CLONE_NEWNET) != 0 || setns(old_mounts_.get(), CLONE_NEWNS) != 0) std::abort();
  if (fchdir(old_directory_.get()) != 0) std::abort();
}

absl::Status TestNetns::Check() const { return CheckIn(inode_); }

absl::Status TestNetns::Command(const std::vector<std::string>& argv) const { return Output(argv).status(); }

absl::StatusOr<std::string> TestNetns::Output(const std::vector<std::string>& argv) const {
  if (auto status = Check(); !status.ok()) return status;
  return Spawn(argv);
}

}  // namespace bulkhead::lab
