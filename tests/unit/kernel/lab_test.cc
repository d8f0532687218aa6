// SPDX-License-Identifier: Apache-2.0
// The lab itself: its promise that nothing ever happens in the namespace that the tests were started in.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/lab/netns.h"

namespace bulkhead::lab {
namespace {

ino_t Inode(const char* path) {
  struct stat info {};
  return stat(path, &info) == 0 ? info.st_ino : 0;
}

TEST(Lab, EntersANamespaceOfItsOwnAndGoesBack) {
  if (const std::string why = WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
  const ino_t before = Inode("/proc/thread-self/ns/net");
  const ino_t mounts = Inode("/proc/thread-self/ns/mnt");
  {
    const auto netns = TestNetns::Create();
    ASSERT_TRUE(netns.ok()) << netns.status();
    EXPECT_NE(Inode("/proc/thread-self/ns/net"), before);
    EXPECT_NE(Inode("/proc/thread-self/ns/mnt"), mounts);
    EXPECT_TRUE((*netns)->Check().ok());
    const auto links = (*netns)->Output({"ip", "-brief", "link"});
    ASSERT_TRUE(links.ok()) << links.status();
    EXPECT_EQ(std::count(links->begin(), links->end(), '\n'), 1) << *links;
    EXPECT_EQ(mkdir("/sys/fs/bpf/lab-test", 0700), 0);
    EXPECT_EQ(access("/sys/class/net/lo", F_OK), 0);
  }
  EXPECT_EQ(Inode("/proc/thread-self/ns/net"), before);
  EXPECT_EQ(Inode("/proc/thread-self/ns/mnt"), mounts);
  EXPECT_NE(access("/sys/fs/bpf/lab-test", F_OK), 0);
}

TEST(Lab, RefusesOutsideItsNamespace) {
  if (const std::string why = WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
  const auto netns = TestNetns::Create();
  ASSERT_TRUE(netns.ok()) << netns.status();
  const auto peer = PeerNetns::Create();
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_NE(peer->inode(), (*netns)->inode());
  const absl::Status inside = peer->Run([&] { return (*netns)->Check(); });
  EXPECT_EQ(inside.code(), absl::StatusCode::kFailedPrecondition) << inside;
  EXPECT_TRUE((*netns)->Check().ok());
  EXPECT_TRUE(peer->Command({"ip", "link", "show", "lo"}).ok());
  EXPECT_FALSE(peer->Command({"false"}).ok());
}

}  // namespace
}  // namespace bulkhead::lab
