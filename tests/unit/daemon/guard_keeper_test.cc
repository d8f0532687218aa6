// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/guard_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/daemon/fakes.h"

namespace bulkhead {
namespace {

using nft::GuardRules;
using nft::Port;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kDockerBridge = 10, kWebPort = 11, kDbPort = 12, kLanBridge = 20, kLxcPort = 21, kMachinePort = 22,
                   kNicPort = 23;

class FakeTables : public nft::GuardTables {
 public:
  absl::StatusOr<nft::FoundGuard> Read() override { return found; }
  absl::StatusOr<nft::Dropped> ReadDropped() override { return dropped; }
  absl::Status Bring(const GuardRules& rules) override {
    log.push_back("bring");
    if (status.ok()) now = rules;
    return status;
  }
  absl::Status PutBack(const GuardRules& rules) override {
    log.push_back("put back");
    if (status.ok()) now = rules;
    return status;
  }
  nft::FoundGuard found;
  absl::StatusOr<nft::Dropped> dropped = nft::Dropped{};
  absl::Status status;
  GuardRules now;
  std::vector<std::string> log;
};

class GuardKeeperTest : public testing::Test {
 protected:
  GuardKeeperTest() {
    AddLink(kDockerBridge, "docker0", "bridge", 0);
    AddLink(kWebPort, "veth-web", "veth", kDockerBridge);
    AddLink(kDbPort, "veth-db", "veth", kDockerBridge);
    AddLink(kLanBridge, "lan0", "bridge", 0);
    AddLink(kLxcPort, "veth-lxc", "veth", kLanBridge);
    AddLink(kMachinePort, "vnet0", "tun", kLanBridge);
    AddLink(kNicPort, "eth1", "", kLanBridge);
    AddEndpoint(1, kWebPort);
    AddEndpoint(2, kDbPort);
    inventory_.bridges = {kDockerBridge};
    world_.inventory = &inventory_;
    world_.attached = [this](uint32_t ifindex) { return attached_.contains(ifindex); };
    world_.failing = [this](uint32_t ifindex) { return failing_.contains(ifindex); };
    world_.enforces = world_.modes_known = world_.sources_settled = true;
  }
  void AddLink(uint32_t ifindex, const std::string& name, const std::string& kind, uint32_t master) {
    Link link;
    link.ifindex = ifindex;
    link.name = name;
    link.kind = kind;
    link.master = master;
    links_.push_back(link);
  }
  void AddEndpoint(uint16_t slot, uint32_t ifindex) {
    EndpointState& endpoint = inventory_.endpoints[slot];
    endpoint.slot = slot;
    endpoint.ifindex = ifindex;
    endpoint.zone = 1;
    inventory_.owners[slot] = "static/" + std::to_string(slot);
  }
  void Make(OnUnmanaged on_unmanaged = OnUnmanaged::kByMode, std::vector<std::string> exempt = {}) {
    GuardKeeper::Outlet outlet;
    outlet.run = [this](GuardKeeper::Job job) { jobs_.push_back(std::move(job)); };
    outlet.write = [](GuardKeeper::Job job) { job(); };
    outlet.back = [](GuardKeeper::Job job) { job(); };
    outlet.save = [this](const KeptGuard& guard) {
      saves_.push_back(guard);
      return save_status_;
    };
    keeper_ = std::make_unique<GuardKeeper>(GuardSettings{on_unmanaged, std::move(exempt)}, &tables_, std::move(outlet));
    keeper_->Begin(tables_.found, kept_, now_);
    keeper_->OnAllLinks(links_, now_);
  }
  void Work() {
    while (!jobs_.empty()) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
  }
  void Sync(uint64_t later = 0) {
    keeper_->Sync(world_, now_ += later);
    Work();
  }
  std::set<Port> Managed() const { return tables_.now.bridge ? tables_.now.bridge->managed : std::set<Port>(); }

  FakeTables tables_;
  InventoryState inventory_;
  GuardKeeper::World world_;
  std::vector<Link> links_;
  std::set<uint32_t> attached_ = {kWebPort, kDbPort}, failing_;
  absl::StatusOr<KeptGuard> kept_ = absl::NotFoundError("none");
  std::vector<KeptGuard> saves_;
  absl::Status save_status_;
  std::deque<GuardKeeper::Job> jobs_;
  std::unique_ptr<GuardKeeper> keeper_;
  uint64_t now_ = 1000 * kSecond;
};

TEST_F(GuardKeeperTest, MembersHavePrograms) {
  Make();
  attached_ = {kWebPort};
  failing_ = {kDbPort};
  Sync();
  EXPECT_THAT(Managed(), ElementsAre(Port{kWebPort, "veth-web"}));
  attached_ = {kWebPort, kDbPort};
  Sync();
  EXPECT_THAT(Managed(), SizeIs(2));
  attached_ = {kDbPort};
  Sync();
  EXPECT_THAT(Managed(), ElementsAre(Port{kDbPort, "veth-db"})) << "programs that are gone cost the membership";
}

TEST_F(GuardKeeperTest, OutBeforeTheProgramsAre) {
  Make();
  Sync();
  keeper_->Forget(kWebPort);
  ASSERT_THAT(jobs_, SizeIs(1)) << "posted at once, so ahead of the job that takes the programs off";
  Work();
  EXPECT_THAT(Managed(), ElementsAre(Port{kDbPort, "veth-db"}));
  keeper_->Forget(kWebPort);
  EXPECT_THAT(jobs_, IsEmpty()) << "once";
}

TEST_F(GuardKeeperTest, ARenamedInterfaceIsEnteredAnew) {
  Make();
  Sync();
  Link renamed = links_[1];
  renamed.name = "web0";
  keeper_->OnLink(renamed, now_);
  Sync();
  EXPECT_THAT(Managed(), Contains(Port{kWebPort, "web0"}));
  EXPECT_THAT(Managed(), SizeIs(2));
}

TEST_F(GuardKeeperTest, OtherPeoplesPortsAreExempt) {
  Make();
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt, ElementsAre(Port{kLxcPort, "veth-lxc"})) << "a veth by number and name";
  EXPECT_THAT(tables_.now.bridge->exempt_names, ElementsAre("vnet0")) << "a tap by its name; a NIC needs no list";
  EXPECT_THAT(tables_.now.bridge->bridges, ElementsAre("lan0"));
  EXPECT_FALSE(tables_.now.routed.has_value());
  inventory_.bridges.insert(kLanBridge);  // a workload is found on it
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt, IsEmpty());
  EXPECT_THAT(tables_.now.bridge->exempt_names, IsEmpty());
  EXPECT_THAT(tables_.now.bridge->bridges, IsEmpty());
  inventory_.bridges.erase(kLanBridge);
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt, IsEmpty()) << "a container network stays one while its bridge is there";
}

TEST_F(GuardKeeperTest, ANewBridgeHasToShowWhoseItIs) {
  Make();
  Sync();
  Link bridge = links_[3], port = links_[4];
  bridge.ifindex = 30;
  bridge.name = "new0";
  port.ifindex = 31;
  port.master = 30;
  keeper_->OnLink(bridge, now_);
  keeper_->OnLink(port, now_);
  Sync(kSecond);
  EXPECT_FALSE(tables_.now.bridge->exempt.contains({31, "veth-lxc"}));
  Sync(3 * kSecond);
  EXPECT_TRUE(tables_.now.bridge->exempt.contains({31, "veth-lxc"}));
  keeper_->OnLinkGone(31);
  Sync();
  EXPECT_FALSE(tables_.now.bridge->exempt.contains({31, "veth-lxc"}));
}

TEST_F(GuardKeeperTest, WhoIsConfiguredIsExempt) {
  Make(OnUnmanaged::kDrop, {"veth-db", "vm*", "a*", "vm*"});
  attached_ = {};
  failing_ = {kWebPort, kDbPort};
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt_names, ElementsAre("veth-db", "vnet0"));
  EXPECT_THAT(tables_.now.bridge->patterns, ElementsAre("a", "vm"));
}

TEST_F(GuardKeeperTest, OnWhileSomebodyEnforces) {
  world_.enforces = false;
  Make();
  Sync();
  EXPECT_EQ(tables_.now, GuardRules());
  EXPECT_EQ(keeper_->View().state, "off");
  world_.enforces = true;
  Sync();
  EXPECT_TRUE(tables_.now.bridge.has_value());
  EXPECT_EQ(keeper_->View().state, "on");
  EXPECT_EQ(keeper_->View().managed, 2u);
  EXPECT_TRUE(saves_.back().on);
  world_.enforces = false;
  Sync();
  EXPECT_FALSE(tables_.now.bridge.has_value());
  EXPECT_FALSE(saves_.back().on);
}

TEST_F(GuardKeeperTest, TheConfigurationDecides) {
  Make(OnUnmanaged::kPass);
  Sync();
  EXPECT_FALSE(tables_.now.bridge.has_value());
  world_.enforces = false;
  Make(OnUnmanaged::kDrop);
  Sync();
  EXPECT_TRUE(tables_.now.bridge.has_value());
}

TEST_F(GuardKeeperTest, AsItWasUntilTheModesAreKnown) {
  tables_.found.bridge.emplace();
  world_.enforces = world_.modes_known = false;
  Make();
  Sync();
  EXPECT_TRUE(tables_.now.bridge.has_value());
  world_.modes_known = true;
  Sync();
  EXPECT_FALSE(tables_.now.bridge.has_value());
}

TEST_F(GuardKeeperTest, TakesOverWhoStillHasPrograms) {
  tables_.found.bridge.emplace();
  tables_.found.bridge->managed = {{kWebPort, "veth-web"}, {kDbPort, "veth-old"}, {77, "veth-gone"}};
  attached_ = {};
  Make();
  Sync();
  EXPECT_THAT(Managed(), ElementsAre(Port{kWebPort, "veth-web"})) << "neither one whose name is another's, nor one that is gone";
  failing_ = {kWebPort};
  Sync();
  EXPECT_THAT(Managed(), IsEmpty()) << "its programs could not be found";
  failing_ = {};
  Sync(11 * kSecond);
  EXPECT_THAT(Managed(), IsEmpty()) << "nor is it believed for ever";
}

TEST_F(GuardKeeperTest, AMissingGuardWaitsForThePrograms) {
  attached_ = {kWebPort};
  Make();
  Sync();
  EXPECT_THAT(tables_.log, IsEmpty()) << "it would cut db off, which runs";
  attached_.insert(kDbPort);
  Sync(kSecond / 10);
  EXPECT_THAT(Managed(), SizeIs(2));
}

TEST_F(GuardKeeperTest, NorDoesItBeginBeforeTheSourcesHaveTold) {
  const std::map<uint16_t, EndpointState> all = std::exchange(inventory_.endpoints, {});
  world_.sources_settled = false;
  Make();
  Sync();
  EXPECT_THAT(tables_.log, IsEmpty()) << "it would know nobody";
  world_.sources_settled = true;
  inventory_.endpoints = all;
  Sync(kSecond / 10);
  EXPECT_THAT(Managed(), SizeIs(2));
}

TEST_F(GuardKeeperTest, ButNotForLong) {
  attached_ = {kWebPort};
  Make();
  Sync();
  Sync(2 * kSecond);
  EXPECT_THAT(Managed(), SizeIs(1));
}

TEST_F(GuardKeeperTest, NothingNewIsExemptBeforeTheSourcesHaveTold) {
  tables_.found.bridge.emplace();
  tables_.found.bridge->exempt = {{kLxcPort, "veth-lxc"}, {kWebPort, "veth-web"}};
  kept_ = KeptGuard{true, false, {"docker0"}, {}, {"vnet0"}};
  AddLink(24, "veth-new", "veth", kLanBridge);
  world_.sources_settled = false;
  Make();
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt, ElementsAre(Port{kLxcPort, "veth-lxc"}));
  EXPECT_THAT(tables_.now.bridge->exempt_names, ElementsAre("vnet0"));
  world_.sources_settled = true;
  Sync();
  EXPECT_THAT(tables_.now.bridge->exempt, Contains(Port{24, "veth-new"}));
}

TEST_F(GuardKeeperTest, PutBackAtOnceAndWithinAFightLessOften) {
  Make();
  Sync();
  tables_.log.clear();
  keeper_->OnDisturbed(now_);
  Work();
  EXPECT_THAT(tables_.log, ElementsAre("put back"));
  EXPECT_EQ(keeper_->View().restored, 1u);
  for (int ms = 0; ms < 1000; ++ms) {
    keeper_->OnDisturbed(now_ += 1'000'000);
    Work();
  }
  EXPECT_THAT(tables_.log, SizeIs(testing::AllOf(testing::Ge(8u), testing::Le(16u))));
  EXPECT_THAT(keeper_->problems(), Contains(HasSubstr("again and again")));
  tables_.log.clear();
  keeper_->Tend(now_ += kSecond);
  Work();
  EXPECT_THAT(tables_.log, SizeIs(1)) << "what was still to be undone";
  keeper_->Tend(now_ += kSecond);
  EXPECT_THAT(jobs_, IsEmpty()) << "and no more";
  keeper_->OnDisturbed(now_ += 20 * kSecond);
  Work();
  EXPECT_THAT(tables_.log, SizeIs(2)) << "at once again after a while of peace";
  EXPECT_THAT(keeper_->problems(), IsEmpty());
}

TEST_F(GuardKeeperTest, OneThatIsGoneWithoutAWordIsPutBack) {
  Make();
  Sync();
  tables_.log.clear();
  tables_.dropped = absl::NotFoundError("it is gone");
  keeper_->Poll(now_ += kSecond);
  Work();
  EXPECT_THAT(tables_.log, ElementsAre("put back"));
}

TEST_F(GuardKeeperTest, TriesAgainAndSaysWhy) {
  Make();
  tables_.status = absl::UnimplementedError("no such family");
  Sync();
  EXPECT_EQ(keeper_->View().state, "failed");
  EXPECT_THAT(keeper_->problems(), Contains(HasSubstr("this kernel cannot")));
  Sync();
  EXPECT_THAT(tables_.log, SizeIs(1)) << "not in every round";
  tables_.status = absl::OkStatus();
  Sync(kSecond);
  EXPECT_EQ(keeper_->View().state, "on");
  EXPECT_THAT(keeper_->problems(), IsEmpty());
}

TEST_F(GuardKeeperTest, RoutedWorkloadsHaveATableOfTheirOwn) {
  AddLink(40, "veth-routed", "veth", 0);
  AddLink(41, "ve-other", "veth", 0);
  AddEndpoint(3, 40);
  inventory_.endpoints[3].zone = 0;
  attached_.insert(40);
  Make();
  Sync();
  ASSERT_TRUE(tables_.now.routed.has_value());
  EXPECT_THAT(tables_.now.routed->managed, Contains(Port{40, "veth-routed"}));
  EXPECT_THAT(tables_.now.routed->exempt, ElementsAre(Port{41, "ve-other"}));
  Link fresh = links_[1];
  fresh.ifindex = 42;
  fresh.master = 0;
  keeper_->OnLink(fresh, now_);
  Sync();
  EXPECT_THAT(tables_.now.routed->exempt, SizeIs(1)) << "it may be a workload's that is not found yet";
  Sync(4 * kSecond);
  EXPECT_THAT(tables_.now.routed->exempt, SizeIs(2));
  EXPECT_TRUE(saves_.back().routed);
}

TEST_F(GuardKeeperTest, WithoutNftablesItSaysSo) {
  GuardKeeper keeper({}, nullptr, {});
  keeper.Sync(world_, now_);
  keeper.OnDisturbed(now_);
  keeper.Poll(now_);
  keeper.Forget(kWebPort);
  EXPECT_EQ(keeper.View().state, "none");
  EXPECT_THAT(keeper.problems(), ElementsAre(HasSubstr("no nftables")));
}

TEST_F(GuardKeeperTest, TheFileIsWrittenWhenItChanges) {
  Make();
  Sync();
  Sync();
  ASSERT_THAT(saves_, SizeIs(1));
  EXPECT_EQ(saves_[0], (KeptGuard{true, false, {"docker0"}, {"lan0"}, {"vnet0"}}));
  save_status_ = absl::InternalError("disk full");
  keeper_->OnLinkGone(kMachinePort);
  Sync();
  EXPECT_THAT(keeper_->problems(), Contains(HasSubstr("disk full")));
  save_status_ = absl::OkStatus();
  Sync(10 * kSecond);
  EXPECT_THAT(keeper_->problems(), IsEmpty());
  EXPECT_EQ(saves_.back().exempt_names, std::set<std::string>());
}

TEST(GuardFile, GoesThereAndBack) {
  const TestFolder folder;
  EXPECT_TRUE(absl::IsNotFound(LoadGuard(folder.path()).status()));
  const KeptGuard guard{true, true, {"br0", "br-x"}, {"virbr0"}, {"vnet0", "tap#1"}};
  ASSERT_TRUE(SaveGuard(folder.path(), guard).ok());
  EXPECT_EQ(*LoadGuard(folder.path()), guard);
  ASSERT_TRUE(SaveGuard(folder.path(), {}).ok());
  EXPECT_EQ(*LoadGuard(folder.path()), KeptGuard());
  EXPECT_EQ(folder.Files(), 1u);
}

TEST(GuardFile, WhatIsBrokenIsToldByLine) {
  const std::string whole = EncodeGuard({true, false, {"br0"}, {}, {"vnet0"}});
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeGuard(whole.substr(0, size)).status())) << whole.substr(0, size);
  }
  for (const char* wrong : {"maybe", "exempt", "exempt ", "exempt a-name-that-is-too-long", "bridge x"}) {
    const auto decoded = DecodeGuard(std::string("bulkhead-guard 1\n") + wrong + "\nend\n");
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr("guard:2: expected")) << wrong;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeGuard("bulkhead-guard 2\nend\n").status()));
  const TestFolder folder;
  folder.Write("guard", "nonsense");
  EXPECT_TRUE(absl::IsDataLoss(LoadGuard(folder.path()).status()));
}

}  // namespace
}  // namespace bulkhead
