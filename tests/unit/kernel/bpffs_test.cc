// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/bpffs.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <vector>

#include "tests/lab/netns.h"

namespace bulkhead {
namespace {

class Bpffs : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
    auto netns = lab::TestNetns::Create();
    ASSERT_TRUE(netns.ok()) << netns.status();
    netns_ = *std::move(netns);
  }

  std::unique_ptr<lab::TestNetns> netns_;
  KernelWriter writer_;
};

TEST_F(Bpffs, UsesWhatIsMounted) {
  ASSERT_TRUE(EnsureBpffs(writer_, "/sys/fs/bpf/bulkhead").ok());
  EXPECT_EQ(access("/sys/fs/bpf/bulkhead", F_OK), 0);
  EXPECT_EQ(OwnMountOf("/sys/fs/bpf/bulkhead"), "") << "mounted by another";
}

TEST_F(Bpffs, MountsWhereThereIsNone) {
  ASSERT_EQ(umount("/sys/fs/bpf"), 0);
  ASSERT_TRUE(EnsureBpffs(writer_, "/sys/fs/bpf/bulkhead").ok());
  EXPECT_EQ(OwnMountOf("/sys/fs/bpf/bulkhead"), "/sys/fs/bpf");
  ASSERT_TRUE(EnsureBpffs(writer_, "/sys/fs/bpf/bulkhead").ok()) << "again";
  ASSERT_TRUE(writer_.RemoveDirectory("/sys/fs/bpf/bulkhead").ok());
  ASSERT_TRUE(writer_.Unmount("/sys/fs/bpf").ok());
  EXPECT_EQ(OwnMountOf("/sys/fs/bpf/bulkhead"), "");
}

TEST_F(Bpffs, RefusesAnOddRoot) {
  EXPECT_EQ(EnsureBpffs(writer_, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EnsureBpffs(writer_, "/bulkhead").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EnsureBpffs(writer_, "here/bulkhead").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(Bpffs, ListsFilesBeforeTheirDirectories) {
  const std::string root = "/sys/fs/bpf/bulkhead";
  ASSERT_TRUE(EnsureBpffs(writer_, root).ok());
  ASSERT_TRUE(writer_.MakeDirectory(root + "/maps").ok());
  const auto map = writer_.CreateMap(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, 0);
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_TRUE(writer_.Pin(map->get(), root + "/maps/test").ok());
  EXPECT_EQ(writer_.Pin(map->get(), root + "/maps/test").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ListTree(root), (std::vector<std::string>{root + "/maps/test", root + "/maps", root}));
  EXPECT_TRUE(ListTree("/sys/fs/bpf/nothing").empty());
}

TEST(KernelWriterHook, SeesEachCallAndCanRefuseIt) {
  std::vector<std::string> calls;
  KernelWriter writer([&](const char* op, uint64_t sequence) -> absl::Status {
    calls.push_back(std::to_string(sequence) + " " + op);
    return calls.size() == 2 ? absl::CancelledError("no") : absl::OkStatus();
  });
  uint32_t word = 0;
  EXPECT_TRUE(writer.StoreWord(&word, 1).ok());
  EXPECT_EQ(writer.StoreWord(&word, 2).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(word, 1u);
  EXPECT_EQ(calls, (std::vector<std::string>{"0 store-word", "1 store-word"}));
}

}  // namespace
}  // namespace bulkhead
