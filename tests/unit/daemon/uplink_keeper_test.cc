// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/uplink_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_arp.h>

#include "tests/unit/daemon/fakes.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Link EthernetCard(uint32_t ifindex, const std::string& name) {
  Link link;
  link.ifindex = ifindex;
  link.name = name;
  link.type = ARPHRD_ETHER;
  link.device = "virtio0";
  link.mac = *MacAddress::Parse("02:00:00:00:00:0" + std::to_string(ifindex));
  return link;
}

class UplinkKeeperTest : public testing::Test {
 protected:
  UplinkWorld World() {
    UplinkWorld world;
    world.run = [this](std::function<void()> job) { jobs_.push_back(std::move(job)); };
    world.back = [](std::function<void()> job) { job(); };
    world.outward = [this] { return outward_; };
    world.local_ports = [this] { return ports_; };
    return world;
  }
  void Make(std::optional<std::vector<std::string>> names = std::nullopt) {
    keeper_ = std::make_unique<UplinkKeeper>(&uplinks_, std::move(names), World());
  }
  // Until nothing is left to do.
  void Sync(uint64_t now = 0) {
    keeper_->Sync(inventory_, now);
    while (!jobs_.empty()) {
      std::vector<std::function<void()>> jobs;
      jobs.swap(jobs_);
      for (const auto& job : jobs) job();
      keeper_->Sync(inventory_, now);
    }
  }

  FakeUplinks uplinks_;
  InventoryState inventory_;
  std::vector<std::function<void()>> jobs_;
  std::set<uint32_t> outward_;
  std::pair<uint16_t, uint16_t> ports_{32768, 60999};
  std::unique_ptr<UplinkKeeper> keeper_;
};

TEST_F(UplinkKeeperTest, FollowsInterfaces) {
  Make();
  keeper_->OnAllLinks({EthernetCard(2, "eth0")});
  Sync();
  EXPECT_THAT(uplinks_.attached, ElementsAre(2));
  keeper_->OnLink(EthernetCard(3, "eth1"));
  Sync();
  EXPECT_THAT(uplinks_.attached, ElementsAre(2, 3));
  ASSERT_EQ(keeper_->View().size(), 2u);
  EXPECT_EQ(keeper_->View()[0].name, "eth0");
  EXPECT_EQ(keeper_->View()[0].hook, "native");
  keeper_->OnLinkGone(2);
  Sync();
  EXPECT_THAT(uplinks_.attached, ElementsAre(3));
  EXPECT_EQ(keeper_->View().size(), 1u);
  EXPECT_THAT(keeper_->problems(), IsEmpty());
}

TEST_F(UplinkKeeperTest, LooksAgainNowAndThen) {
  Make();
  keeper_->OnAllLinks({EthernetCard(2, "eth0")});
  Sync();
  Sync(29 * kSecond);
  EXPECT_THAT(uplinks_.log, ElementsAre("attach 2"));
  Sync(30 * kSecond);
  EXPECT_THAT(uplinks_.log, ElementsAre("attach 2", "attach 2")) << "somebody may have taken it off";
}

TEST_F(UplinkKeeperTest, WhatFailsIsAProblemAndTriedAgain) {
  Make();
  keeper_->OnAllLinks({EthernetCard(2, "eth0")});
  uplinks_.attach_status = absl::AlreadyExistsError("it has an XDP program that is not ours");
  Sync();
  EXPECT_THAT(keeper_->problems(), ElementsAre(HasSubstr("uplink eth0: it has an XDP program that is not ours")));
  EXPECT_EQ(keeper_->View()[0].hook, "attaching");
  uplinks_.attach_status = absl::OkStatus();
  Sync(kSecond);
  EXPECT_THAT(uplinks_.attached, IsEmpty()) << "not so soon";
  uplinks_.mode = XdpMode::kGeneric;
  Sync(2 * kSecond);
  EXPECT_EQ(keeper_->View()[0].hook, "generic");
  EXPECT_THAT(keeper_->problems(), IsEmpty());
}

TEST_F(UplinkKeeperTest, WhatWasAttachedBeforeAndIsNoUplinkIsTakenOff) {
  uplinks_.attached = {7, 2};
  Make();
  keeper_->OnAllLinks({EthernetCard(2, "eth0")});
  Sync();
  EXPECT_THAT(uplinks_.attached, ElementsAre(2));
  uplinks_.wanted = UplinkHook::kNone;
  Sync();
  EXPECT_THAT(uplinks_.attached, IsEmpty());
  EXPECT_THAT(keeper_->View(), IsEmpty());
}

TEST_F(UplinkKeeperTest, TellsWhoTheHostIsBeforeItAttaches) {
  Make();
  Link veth = EthernetCard(4, "veth4");
  veth.kind = "veth";
  veth.device.clear();
  Link bridge = EthernetCard(5, "br0");
  bridge.kind = "bridge";
  bridge.device.clear();
  keeper_->OnAllLinks({EthernetCard(2, "eth0"), veth, bridge});
  keeper_->Sync(inventory_, 0);
  EXPECT_THAT(uplinks_.attached, IsEmpty()) << "the job has not run";
  EXPECT_THAT(uplinks_.macs, ElementsAre(EthernetCard(2, "").mac, EthernetCard(5, "").mac)) << "a veth takes a workload's frames";
  EXPECT_EQ(uplinks_.ports, ports_);
  outward_ = {4};
  ports_ = {1024, 2048};
  Sync(5 * kSecond);
  EXPECT_THAT(uplinks_.attached, ElementsAre(2, 4));
  EXPECT_TRUE(uplinks_.macs.contains(veth.mac)) << "an uplink's takes the host's";
  EXPECT_EQ(uplinks_.ports, ports_);
}

TEST_F(UplinkKeeperTest, WorkloadsInterfacesAreNone) {
  Make({{"eth0", "eth1"}});
  EXPECT_TRUE(keeper_->IsNamed("eth0"));
  EXPECT_FALSE(keeper_->IsNamed("eth2"));
  inventory_.endpoints[1].ifindex = 3;
  keeper_->OnAllLinks({EthernetCard(2, "eth0"), EthernetCard(3, "eth1")});
  Sync();
  EXPECT_THAT(uplinks_.attached, ElementsAre(2));
  EXPECT_THAT(keeper_->problems(), ElementsAre(HasSubstr("eth1: it is a workload's interface")));
}

}  // namespace
}  // namespace bulkhead
