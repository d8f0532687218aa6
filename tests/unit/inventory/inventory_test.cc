// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bulkhead/abi/address.h"
#include "facts_builder.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = SourceEvent::Kind;

constexpr uint64_t kStart = 1000 * kSecond;

class InventoryTest : public testing::Test {
 protected:
  void Make(std::vector<EndpointState> adopted = {}) {
    inventory_ = std::make_unique<Inventory>(Sources({"docker"}, std::move(adopted)), &interner_);
  }
  void Sync() {
    inventory_->OnSource(Event(Kind::kSyncBegin), now_);
    inventory_->OnSource(Event(Kind::kSyncEnd), now_);
  }
  const InventoryState& Settle() {
    kernel_.Answer(inventory_.get(), now_);
    return inventory_->state();
  }
  const EndpointState* On(uint32_t ifindex) {
    for (const auto& [slot, endpoint] : inventory_->state().endpoints) {
      if (endpoint.ifindex == ifindex) return &endpoint;
    }
    return nullptr;
  }
  std::string OwnerOf(uint32_t ifindex) {
    const EndpointState* endpoint = On(ifindex);
    if (endpoint == nullptr || !inventory_->state().owners.contains(endpoint->slot)) return "";
    return inventory_->state().owners.at(endpoint->slot);
  }
  const std::string& Unprotected(const std::string& key) { return inventory_->state().workloads.at(key).unprotected; }

  uint64_t now_ = kStart;
  IdentityInterner interner_;
  FakeKernel kernel_;
  std::unique_ptr<Inventory> inventory_;
};

TEST_F(InventoryTest, PortOfAnEngineBridgeIsAnEndpointBeforeAnyWorkloadIsKnown) {
  Make();
  inventory_->OnAllLinks({Bridge(2, "docker0"), Veth(7, 2, 1), Bridge(3, "br-lan"), Veth(8, 3, 2)}, now_);
  const InventoryState& state = Settle();
  ASSERT_EQ(state.endpoints.size(), 1u);
  const EndpointState& endpoint = state.endpoints.begin()->second;
  EXPECT_EQ(endpoint.ifindex, 7u);
  EXPECT_FALSE(endpoint.bound);
  EXPECT_NE(endpoint.zone, 0);
  EXPECT_NE(endpoint.slot, 0);
}

TEST_F(InventoryTest, EngineBridgeNames) {
  for (const char* name : {"docker0", "br-0123456789ab", "cni0", "cni-podman1", "podman3", "docker_gwbridge"}) {
    EXPECT_TRUE(IsEngineBridgeName(name)) << name;
  }
  for (const char* name : {"br-lan", "br-0123456789abc", "br-0123456789aG", "br0", "cni", "podman", "podmanx", "virbr0", ""}) {
    EXPECT_FALSE(IsEngineBridgeName(name)) << name;
  }
}

TEST_F(InventoryTest, BindsProvisionallyThenConfirms) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.2")), now_);
  kernel_.peers[7] = Mac(1);
  Settle();
  ASSERT_EQ(OwnerOf(7), "docker/a");
  EXPECT_THAT(On(7)->addresses, ElementsAre(Ip("198.18.0.2")));
  EXPECT_EQ(On(7)->mac, Mac(1));
  const EndpointState before = *On(7);

  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  inventory_->Update(now_);
  EXPECT_EQ(*On(7), before) << "the binding must not waver between start and confirmation";
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  Settle();
  EXPECT_EQ(*On(7), before);
  EXPECT_EQ(Unprotected("docker/a"), "");
}

TEST_F(InventoryTest, ProvisionalBindingIsGivenUpWhenTheNamespaceDisagrees) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5), Veth(8, 2, 6)}, now_);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.2")), now_);
  kernel_.peers[7] = Mac(1);  // somebody else has that MAC
  Settle();
  ASSERT_EQ(OwnerOf(7), "docker/a");
  kernel_.by_pid[100] = Found(6, {{8, "eth0", Mac(1), {}}});
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_EQ(OwnerOf(7), "");
  EXPECT_FALSE(On(7)->bound);
  EXPECT_EQ(OwnerOf(8), "docker/a");
}

TEST_F(InventoryTest, ObservedIsWhatRunsUnderTheHooks) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.peers[7] = Mac(1);
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  const auto tell = [&](WorkloadPhase phase, int pid) {
    inventory_->OnSource(Upsert(Container("a", phase, pid, "br1", Mac(1), "198.18.0.2")), now_);
    return Settle().observed;
  };
  EXPECT_TRUE(tell(WorkloadPhase::kConnecting, 0).empty());
  const auto observed = tell(WorkloadPhase::kRunning, 100);
  ASSERT_TRUE(observed.contains("docker/a"));
  EXPECT_EQ(observed.at("docker/a").identity, inventory_->state().workloads.at("docker/a").identity);
  EXPECT_EQ(observed.at("docker/a").place.pid, 100);
  EXPECT_EQ(observed.at("docker/a").nsid, 5);
  WorkloadReport shares = Container("b", WorkloadPhase::kRunning, 101, "", Mac(2), "198.18.0.3");
  shares.networks.clear();
  shares.shares_with = "a";
  inventory_->OnSource(Upsert(shares), now_);
  EXPECT_EQ(Settle().observed.size(), 1u) << "its namespace is another's";
  inventory_->OnAttached(7, absl::InternalError("no"));
  EXPECT_TRUE(Settle().observed.empty()) << "not under the hooks";
  inventory_->OnAttached(7, absl::OkStatus());
  EXPECT_EQ(Settle().observed.size(), 1u);
  EXPECT_TRUE(tell(WorkloadPhase::kPaused, 100).empty());
}

TEST_F(InventoryTest, NeverBindsByMacAfterTheStart) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.peers[7] = Mac(1);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_FALSE(On(7)->bound);
}

TEST_F(InventoryTest, ProvisionalBindingWithoutConfirmationEnds) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.peers[7] = Mac(1);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();  // the namespace cannot be found
  EXPECT_TRUE(On(7)->bound);
  now_ += kConfirmWithin + 1;
  Settle();
  EXPECT_FALSE(On(7)->bound);
  EXPECT_THAT(Unprotected("docker/a"), HasSubstr("no such namespace"));
}

TEST_F(InventoryTest, TwoWorkloadsThatExpectOneMacGetNeither) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.peers[7] = Mac(1);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.2")), now_);
  inventory_->OnSource(Upsert(Container("b", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.3")), now_);
  Settle();
  EXPECT_FALSE(On(7)->bound);
}

TEST_F(InventoryTest, SameMacOnAnotherBridgeIsSomebodyElse) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Bridge(3, "docker0"), Veth(7, 3, 5)}, now_);
  kernel_.peers[7] = Mac(1);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kConnecting, 0, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_FALSE(On(7)->bound);
}

TEST_F(InventoryTest, AnswerAboutAnOlderProcessIsWorthNothing) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  inventory_->Update(now_);
  const std::vector<ResolveRequest> requests = inventory_->TakeResolveRequests(now_);
  ASSERT_EQ(requests.size(), 1u);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 200, "br1", Mac(1), "198.18.0.2")), now_);
  inventory_->OnResolved("docker/a", requests[0].token, Found(5, {{7, "eth0", Mac(1), {}}}), now_);
  inventory_->Update(now_);
  EXPECT_FALSE(On(7)->bound);
  EXPECT_EQ(inventory_->TakeResolveRequests(now_).size(), 1u) << "the new process must be looked at";
}

TEST_F(InventoryTest, EngineWorkloadCannotGiveItselfAnAddress) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {Ip("198.18.0.2"), Ip("198.18.0.99")}}});
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_THAT(On(7)->addresses, ElementsAre(Ip("198.18.0.2")));
}

TEST_F(InventoryTest, StaticWorkloadHasTheAddressesOfItsNamespaceAndFollowsThem) {
  inventory_ = std::make_unique<Inventory>(Sources({"static"}), &interner_);
  WorkloadReport report;
  report.id = report.name = "db-0";
  report.runtime = "static";
  report.phase = WorkloadPhase::kRunning;
  report.netns_path = "/run/netns/db";
  inventory_->OnAllLinks({Veth(7, 0, 5)}, now_);
  kernel_.by_path["/run/netns/db"] = Found(5, {{7, "eth0", Mac(1), {Ip("fd00::2"), Ip("fe80::1"), Ip("198.18.0.2")}}});
  inventory_->OnSource(Upsert(report, "static"), now_);
  Settle();
  ASSERT_TRUE(On(7)->bound);
  EXPECT_EQ(On(7)->zone, 0) << "routed";
  EXPECT_THAT(On(7)->addresses, ElementsAre(Ip("198.18.0.2"), Ip("fd00::2")));
  kernel_.by_path["/run/netns/db"].interfaces[0].addresses = {Ip("198.18.0.3")};
  Settle();
  EXPECT_THAT(On(7)->addresses, ElementsAre(Ip("198.18.0.2"), Ip("fd00::2"))) << "not due yet";
  now_ += kSecond;
  Settle();
  EXPECT_THAT(On(7)->addresses, ElementsAre(Ip("198.18.0.3")));
}

TEST_F(InventoryTest, WorkloadsThatTheHooksCannotSee) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1")}, now_);
  WorkloadReport host = Container("host", WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2");
  host.networks.clear();
  host.host_network = true;
  WorkloadReport macvlan = Container("mac", WorkloadPhase::kRunning, 101, "", {}, "198.18.0.3");
  macvlan.unprotected = "macvlan network";
  WorkloadReport hidden = Container("hidden", WorkloadPhase::kRunning, 102, "br1", Mac(3), "198.18.0.4");
  kernel_.by_pid[102].unseen = {"eth0 is a macvlan, which passes by the hooks"};
  for (const WorkloadReport& report : {host, macvlan, hidden}) inventory_->OnSource(Upsert(report), now_);
  Settle();
  EXPECT_THAT(Unprotected("docker/host"), HasSubstr("host's network namespace"));
  EXPECT_EQ(Unprotected("docker/mac"), "macvlan network");
  EXPECT_THAT(Unprotected("docker/hidden"), HasSubstr("eth0 is a macvlan"));
}

TEST_F(InventoryTest, WithoutAnInterfaceItIsUnprotectedAfterAWhileAndThenFoundAfterAll) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1")}, now_);
  kernel_.by_pid[100] = Found(5, {});
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_EQ(Unprotected("docker/a"), "") << "being bound";
  now_ += kBindGrace;
  Settle();
  EXPECT_THAT(Unprotected("docker/a"), HasSubstr("only 0 of its 1 networks"));
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  inventory_->OnLink(Veth(7, 2, 5), now_);
  Settle();
  EXPECT_EQ(Unprotected("docker/a"), "");
  EXPECT_EQ(OwnerOf(7), "docker/a");
}

TEST_F(InventoryTest, FailedAttachIsShown) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  inventory_->OnAttached(7, absl::InternalError("verifier said no"));
  Settle();
  EXPECT_THAT(Unprotected("docker/a"), HasSubstr("verifier said no"));
  inventory_->OnAttached(7, absl::OkStatus());
  Settle();
  EXPECT_EQ(Unprotected("docker/a"), "");
}

TEST_F(InventoryTest, PortNamesAreTheWorkloadsAndItsIdentitys) {
  Make();
  Sync();
  WorkloadReport web = Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2");
  web.labels["bulkhead.dev/port.http"] = "8080";
  web.image_labels = web.labels;
  web.image_digest = "sha256:1";
  web.named_ports = {{"tcp-9000", kProtoTcp, 9000}};
  WorkloadReport side = Container("side", WorkloadPhase::kRunning, 101, "br1", Mac(1), "198.18.0.2");
  side.labels = {{"app", "sidecar"}, {"bulkhead.dev/port.metrics", "9100"}};
  side.networks.clear();
  side.shares_with = "a";
  for (const WorkloadReport& report : {web, side}) inventory_->OnSource(Upsert(report), now_);
  const InventoryState& state = Settle();
  const auto a = [&]() -> const Workload& { return state.workloads.at("docker/a"); };
  const std::vector<NamedPort> ports = {{"http", kProtoTcp, 8080}, {"tcp-9000", kProtoTcp, 9000}};
  EXPECT_EQ(a().named_ports, ports);
  EXPECT_EQ(interner_.Find(a().identity)->named_ports, ports);
  EXPECT_EQ(state.workloads.at("docker/side").named_ports, ports) << "those of the namespace's owner";
  const IdentityId before = a().identity;
  web.labels["bulkhead.dev/port.http"] = "8081";
  web.image_labels = web.labels;
  inventory_->OnSource(Upsert(web), now_);
  Settle();
  EXPECT_NE(a().identity, before);
  web.labels["bulkhead.dev/port.http"] = "8O81";
  inventory_->OnSource(Upsert(web), now_);
  Settle();
  EXPECT_THAT(a().named_ports, ElementsAre(NamedPort{"tcp-9000", kProtoTcp, 9000}));
  EXPECT_THAT(state.problems, testing::Contains(HasSubstr("workload default/a: 1 port labels left out")));
}

TEST_F(InventoryTest, SharedNamespaceHasTheOwnersIdentity) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  WorkloadReport side = Container("side", WorkloadPhase::kRunning, 101, "br1", Mac(1), "198.18.0.2");
  side.labels = {{"app", "sidecar"}};
  side.networks.clear();
  side.shares_with = "a";
  inventory_->OnSource(Upsert(side), now_);
  Settle();
  EXPECT_THAT(Unprotected("docker/side"), HasSubstr("not known"));
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  const InventoryState& state = Settle();
  EXPECT_EQ(state.workloads.at("docker/side").identity, state.workloads.at("docker/a").identity);
  EXPECT_EQ(state.workloads.at("docker/side").via, "a");
  EXPECT_EQ(OwnerOf(7), "docker/a");
  EXPECT_EQ(Unprotected("docker/side"), "");
}

TEST_F(InventoryTest, WithoutANetworkThereIsNothingToWaitFor) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1")}, now_);
  WorkloadReport report = Container("a", WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2");
  report.networks.clear();
  report.no_network = true;
  kernel_.by_pid[100] = Found(5, {});
  inventory_->OnSource(Upsert(report), now_);
  EXPECT_TRUE(Settle().workloads.at("docker/a").no_network);
  now_ += 5 * kSecond;
  EXPECT_EQ(kernel_.Answer(inventory_.get(), now_), 0) << "nothing more is expected to be found";
  EXPECT_EQ(Unprotected("docker/a"), "");
  // Somebody gives it an interface all the same.
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {Ip("198.18.0.2")}}});
  inventory_->OnLink(Veth(7, 2, 5), now_);
  Settle();
  EXPECT_EQ(OwnerOf(7), "docker/a");
  kernel_.by_pid[100].unseen = {"mv0 is a macvlan, which passes by the hooks"};
  inventory_->OnLink(Veth(7, 2, 5), now_);
  Settle();
  EXPECT_THAT(Unprotected("docker/a"), HasSubstr("mv0 is a macvlan"));
}

TEST_F(InventoryTest, SharingInARingEnds) {
  Make();
  Sync();
  for (const auto& [id, other] : std::vector<std::pair<std::string, std::string>>{{"a", "b"}, {"b", "a"}, {"c", "c"}}) {
    WorkloadReport report = Container(id, WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2");
    report.shares_with = other;
    inventory_->OnSource(Upsert(report), now_);
  }
  EXPECT_EQ(Settle().workloads.size(), 3u);
}

TEST_F(InventoryTest, TwoWorkloadsInOneNamespaceAreAConflict) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.by_pid[100] = kernel_.by_pid[101] = Found(5, {{7, "eth0", Mac(1), {}}});
  inventory_->OnSource(Upsert(Container("b", WorkloadPhase::kRunning, 101, "br1", Mac(1), "198.18.0.2")), now_);
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now_);
  Settle();
  EXPECT_EQ(OwnerOf(7), "docker/a");
  EXPECT_THAT(Unprotected("docker/b"), HasSubstr("belongs to docker/a"));
}

TEST_F(InventoryTest, SlotsRestBeforeTheyAreReused) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "docker0"), Veth(7, 2, 5)}, now_);
  Settle();
  const uint16_t first = On(7)->slot;
  inventory_->OnLinkGone(7, now_);
  Settle();
  EXPECT_EQ(On(7), nullptr);
  inventory_->OnLink(Veth(8, 2, 6), now_);
  Settle();
  EXPECT_NE(On(8)->slot, first);
}

TEST_F(InventoryTest, TwentyStartsASecondDoNotRunOutOfSlots) {
  Make();
  Sync();
  for (uint32_t ifindex = 10; ifindex < 2 * BH_MAX_ENDPOINTS; ++ifindex) {
    inventory_->OnAllLinks({Bridge(2, "docker0"), Veth(ifindex, 2, 5)}, now_);
    Settle();
    ASSERT_NE(On(ifindex), nullptr) << ifindex;
    now_ += kSecond / 20;
  }
}

TEST_F(InventoryTest, PublishedPortsLeadToTheFirstNetworkAndCrossFamilies) {
  Make();
  Sync();
  inventory_->OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, now_);
  kernel_.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  WorkloadReport report = Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2");
  report.published = {{Ip("0.0.0.0"), 8080, 80, kProtoTcp}, {Ip("::"), 8080, 80, kProtoTcp}};
  inventory_->OnSource(Upsert(report), now_);
  const InventoryState& state = Settle();
  ASSERT_EQ(state.published.size(), 2u);
  for (const PublishedTarget& target : state.published) {
    EXPECT_EQ(target.target, Ip("198.18.0.2"));
    EXPECT_EQ(target.target_port, 80);
    EXPECT_EQ(target.target_zone, On(7)->zone);
  }
}

TEST_F(InventoryTest, ListingForgetsWhatItDoesNotName) {
  Make();
  inventory_->OnSource(Event(Kind::kSyncBegin), now_);
  for (const char* id : {"a", "b"}) {
    inventory_->OnSource(Upsert(Container(id, WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2")), now_);
  }
  inventory_->OnSource(Event(Kind::kSyncEnd), now_);
  EXPECT_EQ(Settle().workloads.size(), 2u);
  SourceEvent lost = Event(Kind::kLost);
  lost.text = "end of stream";
  inventory_->OnSource(lost, now_);
  EXPECT_EQ(Settle().workloads.size(), 2u) << "what is known stays while the engine cannot be reached";
  EXPECT_EQ(inventory_->state().sources.at("docker").state, "lost");
  EXPECT_THAT(inventory_->state().problems, testing::Contains(HasSubstr("end of stream")));
  inventory_->OnSource(Event(Kind::kSyncBegin), now_);
  inventory_->OnSource(Upsert(Container("b", WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2")), now_);
  inventory_->OnSource(Event(Kind::kSyncEnd), now_);
  EXPECT_EQ(Settle().workloads.size(), 1u);
  EXPECT_EQ(inventory_->state().sources.at("docker").state, "synced");
}

TEST_F(InventoryTest, BrokenListingForgetsNobody) {
  Make();
  inventory_->OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "", {}, "198.18.0.2")), now_);
  inventory_->OnSource(Event(Kind::kSyncBegin), now_);
  inventory_->OnSource(Event(Kind::kLost), now_);
  inventory_->OnSource(Event(Kind::kSyncEnd), now_);
  EXPECT_EQ(Settle().workloads.size(), 1u);
}

TEST(Inventory, TellsWhichBridgesKeepTheirContainersApart) {
  IdentityInterner interner;
  Inventory inventory(Sources({"docker"}), &interner);
  WorkloadReport report = Container("a", WorkloadPhase::kRunning, 7, "br0", Mac(1), "198.18.0.2");
  inventory.OnSource(Upsert(report), kSecond);
  EXPECT_TRUE(inventory.Update(kSecond).closed_bridges.empty());
  report.networks[0].closed = true;
  inventory.OnSource(Upsert(report), kSecond);
  EXPECT_EQ(inventory.Update(kSecond).closed_bridges, std::set<std::string>{"br0"});
  inventory.OnSource(Gone("a"), kSecond);
  EXPECT_TRUE(inventory.Update(kSecond).closed_bridges.empty());
}

}  // namespace
}  // namespace bulkhead
