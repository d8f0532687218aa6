// SPDX-License-Identifier: Apache-2.0
// What the daemon can no longer do, in processes that become like it.
#include "controlplane/daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

namespace bulkhead {
namespace {

// What a child process writes.
std::string InChild(const std::function<void(std::ostream&)>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    std::ostringstream out;
    body(out);
    const std::string text = out.str();
    (void)!write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char piece[512];
  for (ssize_t got; (got = read(ends[0], piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? text : text + " and ended by signal " + std::to_string(WTERMSIG(status));
}

std::string Outcome(long result) { return result >= 0 ? "done" : errno == EPERM ? "refused" : "errno " + std::to_string(errno); }

uint64_t MaskOf(const std::string& status, const std::string& field) {
  const size_t at = status.find(field + ":\t");
  return at == std::string::npos ? 0 : std::stoull(status.substr(at + field.size() + 2, 16), nullptr, 16);
}

std::string StatusOfThread() {
  std::ifstream file("/proc/thread-self/status");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class ConfineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to have something to give up";
  }
};

TEST_F(ConfineTest, KeepsSixCapabilitiesAndNoWayToOthers) {
  EXPECT_THAT(KeptCapabilities(),
              testing::UnorderedElementsAre("net_admin", "bpf", "perfmon", "sys_admin", "sys_ptrace", "dac_override"));
  constexpr uint64_t kMask = 1ull << 12 | 1ull << 39 | 1ull << 38 | 1ull << 21 | 1ull << 19 | 1ull << 1;  // linux/capability.h
  const uint64_t had = MaskOf(StatusOfThread(), "CapPrm");
  const std::string status = InChild([](std::ostream& out) {
    out << DropCapabilities().ToString() << "\n";
    std::thread([&out] { out << StatusOfThread(); }).join();
  });
  EXPECT_THAT(status, testing::StartsWith("OK\n"));
  for (const char* field : {"CapPrm", "CapEff", "CapBnd"}) EXPECT_EQ(MaskOf(status, field), kMask & had) << field;
  for (const char* field : {"CapInh", "CapAmb"}) EXPECT_EQ(MaskOf(status, field), 0u) << field;
}

TEST_F(ConfineTest, RefusesWhatTheDaemonNeverDoes) {
  const std::string said = InChild([](std::ostream& out) {
    std::atomic<bool> go = false;
    std::string earlier;
    std::thread before([&] {
      while (!go) std::this_thread::yield();
      earlier = Outcome(unshare(CLONE_NEWNS));
    });
    out << RefuseSystemCalls().ToString() << "\n";
    go = true;
    before.join();
    char* const none[] = {nullptr};
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    out << "execve " << Outcome(execve("/bin/true", none, none)) << "\n";
    out << "ptrace " << Outcome(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) << "\n";
#else
    out << "execve refused\nptrace refused\n";
#endif
    out << "mount " << Outcome(mount("none", "/proc/self", "tmpfs", MS_RDONLY, "")) << "\n";
    out << "chroot " << Outcome(chroot("/")) << "\n";
    out << "setuid " << Outcome(setuid(0)) << "\n";
    out << "unshare " << Outcome(unshare(CLONE_NEWNET)) << "\n";
    out << "unshare in an older thread " << earlier << "\n";
    const int netns = open("/proc/thread-self/ns/net", O_RDONLY), mounts = open("/proc/thread-self/ns/mnt", O_RDONLY);
    out << "own network namespace " << Outcome(setns(netns, CLONE_NEWNET)) << "\n";
    out << "own mount namespace " << Outcome(setns(mounts, CLONE_NEWNS)) << "\n";
    out << "any namespace " << Outcome(setns(netns, 0)) << "\n";
    for (const auto& [name, family] : {std::pair("unix", AF_UNIX),
                                       {"netlink", AF_NETLINK},
                                       {"IP", AF_INET},
                                       {"IPv6", AF_INET6},
                                       {"packet", AF_PACKET},
                                       {"vsock", AF_VSOCK},
                                       {"x25", AF_X25},
                                       {"key", AF_KEY}}) {
      out << name << " " << Outcome(socket(family, family == AF_INET || family == AF_INET6 ? SOCK_STREAM : SOCK_RAW, 0)) << "\n";
    }
    out << "new privileges " << prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << "\n";
  });
  EXPECT_EQ(
      said,
      "OK\nexecve refused\nptrace refused\nmount refused\nchroot refused\nsetuid refused\nunshare refused\n"
      "unshare in an older thread refused\nown network namespace done\nown mount namespace refused\nany namespace refused\n"
      "unix done\nnetlink done\nIP done\nIPv6 done\npacket refused\nvsock refused\nx25 refused\nkey refused\nnew privileges 1\n");
}

}  // namespace
}  // namespace bulkhead
