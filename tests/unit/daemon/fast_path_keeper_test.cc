// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/fast_path_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/daemon/fakes.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kBridge = 10, kWebLink = 11, kDbLink = 12;

class FastPathKeeperTest : public testing::Test {
 protected:
  FastPathKeeperTest() {
    facts_.bridges[kBridge] = {"br0", true, false, false, ""};
    facts_.ports[kWebLink] = {"v-web", kBridge, true, false, false, ""};
    facts_.ports[kDbLink] = {"v-db", kBridge, true, false, false, ""};
    Add(1, kWebLink);
    Add(2, kDbLink);
  }
  void Add(uint16_t slot, uint32_t ifindex) {
    EndpointState& endpoint = inventory_.endpoints[slot];
    endpoint.slot = slot;
    endpoint.ifindex = ifindex;
    endpoint.zone = 1;
    endpoint.bound = true;
  }
  FastPathKeeper Make(bool allowed = true) {
    return FastPathKeeper(&backend_, allowed,
                          {[this](FastPathKeeper::Job job) { jobs_.push_back(std::move(job)); }, [](FastPathKeeper::Job job) { job(); },
                           [this](const std::set<uint32_t>& ports) -> absl::StatusOr<fast_path::Facts> {
                             asked_ = ports;
                             if (!read_.ok()) return read_;
                             return facts_;
                           }});
  }
  void Work() {
    while (!jobs_.empty()) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
  }
  void Sync(FastPathKeeper& keeper) {
    now_ += kSecond;
    keeper.Sync(inventory_, [this](uint32_t ifindex) { return !detached_.contains(ifindex); }, now_);
  }
  void SyncAndWork(FastPathKeeper& keeper) {
    Sync(keeper);
    Work();
  }

  FakeBackend backend_;
  InventoryState inventory_;
  fast_path::Facts facts_;
  absl::Status read_;
  std::deque<FastPathKeeper::Job> jobs_;
  std::set<uint32_t> asked_, detached_;
  uint64_t now_ = 100 * kSecond;
};

TEST_F(FastPathKeeperTest, OnAfterALook) {
  FastPathKeeper keeper = Make();
  Sync(keeper);
  EXPECT_THAT(backend_.fast, IsEmpty());
  Work();
  EXPECT_THAT(backend_.fast, ElementsAre(1, 2));
  EXPECT_THAT(asked_, ElementsAre(kWebLink, kDbLink));
  ASSERT_EQ(keeper.Networks().size(), 1u);
  EXPECT_TRUE(keeper.Networks()[0].fast_path);
  EXPECT_EQ(keeper.Networks()[0].bridge, "br0");
}

TEST_F(FastPathKeeperTest, WhatIsNotReadyGoesWithoutALook) {
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  detached_ = {kDbLink};
  Sync(keeper);
  EXPECT_THAT(backend_.fast, ElementsAre(1));
  detached_.clear();
  inventory_.endpoints[1].bound = false;
  Sync(keeper);
  EXPECT_THAT(backend_.fast, ElementsAre(2));
}

TEST_F(FastPathKeeperTest, WhatIsNewWaitsForALook) {
  facts_.ports.erase(kDbLink);
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, ElementsAre(1));
  EXPECT_TRUE(keeper.Networks()[0].fast_path) << "one that is gone does not end it for the others";
  facts_.ports[kDbLink] = {"v-db", kBridge, false, false, false, ""};
  keeper.OnChange(now_ += kSecond);
  Work();
  EXPECT_THAT(backend_.fast, ElementsAre(1)) << "it does not forward yet";
  facts_.ports[kDbLink].forwarding = true;
  keeper.OnChange(now_ += kSecond);
  Work();
  EXPECT_THAT(backend_.fast, ElementsAre(1, 2));
}

TEST_F(FastPathKeeperTest, OffForAReasonAndOnAgain) {
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  facts_.bridges[kBridge].vlan_filtering = true;
  keeper.OnChange(now_ += kSecond);
  Work();
  EXPECT_THAT(backend_.fast, IsEmpty());
  EXPECT_FALSE(keeper.Networks()[0].fast_path);
  EXPECT_EQ(keeper.Networks()[0].reason, "VLAN filtering");
  facts_.bridges[kBridge].vlan_filtering = false;
  SyncAndWork(keeper);
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, ElementsAre(1, 2)) << "looked at without being told";
}

TEST_F(FastPathKeeperTest, AChangeDuringALookIsLookedAtAfterIt) {
  FastPathKeeper keeper = Make();
  Sync(keeper);
  ASSERT_EQ(jobs_.size(), 1u);
  keeper.OnChange(now_ += kSecond);
  EXPECT_EQ(jobs_.size(), 1u);
  Work();
  facts_.bridges[kBridge].up = false;
  keeper.Tend(now_ += kSecond / 10);
  Work();
  EXPECT_THAT(backend_.fast, IsEmpty());
}

TEST_F(FastPathKeeperTest, OffWhereTheEngineKeepsContainersApart) {
  inventory_.closed_bridges = {"br0"};
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, IsEmpty());
  EXPECT_EQ(keeper.Networks()[0].reason, "icc=false");
  inventory_.closed_bridges.clear();
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, ElementsAre(1, 2));
  inventory_.closed_bridges = {"br0"};
  Sync(keeper);
  EXPECT_THAT(backend_.fast, IsEmpty()) << "at once";
}

TEST_F(FastPathKeeperTest, OffWhenNothingCanBeRead) {
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  read_ = absl::InternalError("no netlink today");
  keeper.OnChange(now_ += kSecond);
  Work();
  EXPECT_THAT(backend_.fast, IsEmpty());
  EXPECT_THAT(keeper.Networks()[0].reason, HasSubstr("no netlink today"));
  EXPECT_FALSE(keeper.status().ok());
}

TEST_F(FastPathKeeperTest, OffForAZoneOnTwoBridges) {
  facts_.bridges[20] = {"br1", true, false, false, ""};
  facts_.ports[kDbLink].bridge = 20;
  FastPathKeeper keeper = Make();
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, IsEmpty());
}

TEST_F(FastPathKeeperTest, SwitchedOff) {
  FastPathKeeper keeper = Make(false);
  SyncAndWork(keeper);
  EXPECT_THAT(backend_.fast, IsEmpty());
  ASSERT_EQ(keeper.Networks().size(), 1u);
  EXPECT_EQ(keeper.Networks()[0].bridge, "br0");
  EXPECT_EQ(keeper.Networks()[0].reason, "fast_path: off");
}

}  // namespace
}  // namespace bulkhead
