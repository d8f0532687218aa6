// SPDX-License-Identifier: Apache-2.0
// What a restart finds in the dataplane stays as it is until its workloads are known again.
#include <gtest/gtest.h>

#include "facts_builder.h"

namespace bulkhead {
namespace {

using Kind = SourceEvent::Kind;

EndpointState Adopted(uint16_t slot, uint32_t ifindex, uint16_t zone) {
  EndpointState endpoint;
  endpoint.slot = slot;
  endpoint.ifindex = ifindex;
  endpoint.zone = zone;
  endpoint.bound = true;
  endpoint.mac = Mac(1);
  endpoint.workload = 40;
  endpoint.identity = 17;
  endpoint.addresses = {Ip("198.18.0.2")};
  return endpoint;
}

TEST(AdoptionTest, EndpointsStayUntilEverySourceHasListedAndThenKeepSlotAndZone) {
  const uint64_t now = 1000 * kSecond;
  IdentityInterner interner;
  FakeKernel kernel;
  Inventory inventory(Sources({"docker", "static"}, {Adopted(9, 7, 3), Adopted(10, 8, 3)}), &interner);
  inventory.OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5), Veth(8, 2, 6)}, now);
  kernel.Answer(&inventory, now);
  EXPECT_EQ(inventory.state().endpoints.at(9), Adopted(9, 7, 3));
  EXPECT_TRUE(inventory.state().identities.contains(17)) << "the policy must keep its subject";

  inventory.OnSource(Event(Kind::kSyncBegin), now);
  inventory.OnSource(Upsert(Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2")), now);
  inventory.OnSource(Event(Kind::kSyncEnd), now);
  inventory.Update(now);
  EXPECT_EQ(inventory.state().endpoints.at(9), Adopted(9, 7, 3)) << "its workload has not been looked for yet";

  kernel.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  kernel.Answer(&inventory, now);
  EXPECT_FALSE(inventory.settled());
  EXPECT_EQ(inventory.state().owners.at(9), "docker/a");
  EXPECT_EQ(inventory.state().endpoints.at(9).zone, 3);
  EXPECT_GT(inventory.state().endpoints.at(9).workload, 40u);
  EXPECT_EQ(inventory.state().endpoints.at(10), Adopted(10, 8, 3)) << "the other source may still know it";

  inventory.OnSource(Event(Kind::kSyncBegin, "static"), now);
  inventory.OnSource(Event(Kind::kSyncEnd, "static"), now);
  kernel.Answer(&inventory, now);
  EXPECT_TRUE(inventory.settled());
  EXPECT_FALSE(inventory.state().endpoints.at(10).bound) << "nobody's, now that all have spoken";
}

TEST(AdoptionTest, PublishedPortsStayUntilTheirWorkloadCouldHaveBeenListed) {
  IdentityInterner interner;
  FakeKernel kernel;
  InventoryOptions options = Sources({"docker"}, {Adopted(9, 7, 3)});
  const PublishedTarget held = {Ip("0.0.0.0"), 8080, kProtoTcp, Ip("198.18.0.2"), 80, 3};
  PublishedTarget gone = held;
  gone.host_port = 8081;
  options.adopted_published = {held, gone};
  Inventory inventory(options, &interner);
  inventory.OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, kSecond);
  EXPECT_EQ(inventory.Update(kSecond).published, options.adopted_published);
  inventory.OnSource(Event(Kind::kSyncBegin), kSecond);
  WorkloadReport report = Container("a", WorkloadPhase::kRunning, 100, "br1", Mac(1), "198.18.0.2");
  report.published = {{Ip("0.0.0.0"), 8080, 90, kProtoTcp}};
  inventory.OnSource(Upsert(report), kSecond);
  kernel.by_pid[100] = Found(5, {{7, "eth0", Mac(1), {}}});
  kernel.Answer(&inventory, kSecond);
  ASSERT_EQ(inventory.state().published.size(), 2u);
  EXPECT_EQ(inventory.state().published[0].target_port, 90) << "what is listed counts more than what was there";
  inventory.OnSource(Event(Kind::kSyncEnd), kSecond);
  kernel.Answer(&inventory, kSecond);
  ASSERT_TRUE(inventory.settled());
  EXPECT_EQ(inventory.state().published.size(), 1u);
}

TEST(AdoptionTest, ASourceThatNeverAnswersIsNotWaitedForWithoutEnd) {
  IdentityInterner interner;
  InventoryOptions options = Sources({"docker"}, {Adopted(9, 7, 3)});
  options.settle_within = 60 * kSecond;
  Inventory inventory(options, &interner);
  inventory.OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5)}, kSecond);
  EXPECT_TRUE(inventory.Update(60 * kSecond).endpoints.at(9).bound);
  EXPECT_FALSE(inventory.settled());
  inventory.Update(119 * kSecond);
  EXPECT_TRUE(inventory.state().endpoints.at(9).bound);
  inventory.Update(120 * kSecond);
  EXPECT_TRUE(inventory.settled());
  ASSERT_EQ(inventory.state().problems.size(), 1u);
  EXPECT_NE(inventory.state().problems[0].find("docker"), std::string::npos);
  const auto at = inventory.state().endpoints.find(9);
  EXPECT_TRUE(at == inventory.state().endpoints.end() || !at->second.bound);
}

TEST(AdoptionTest, EndpointWhoseInterfaceIsGoneIsGivenUp) {
  IdentityInterner interner;
  Inventory inventory(Sources({"docker"}, {Adopted(9, 7, 3)}), &interner);
  EXPECT_EQ(inventory.Update(1).endpoints.size(), 1u) << "the interfaces have not been listed yet";
  inventory.OnAllLinks({Bridge(2, "br1")}, 1);
  EXPECT_TRUE(inventory.Update(1).endpoints.empty());
}

TEST(AdoptionTest, NewEndpointsGetOtherSlotsAndZones) {
  IdentityInterner interner;
  Inventory inventory(Sources({"docker"}, {Adopted(1, 7, 1)}), &interner);
  inventory.OnAllLinks({Bridge(2, "br1"), Veth(7, 2, 5), Bridge(3, "docker0"), Veth(8, 3, 6)}, 1);
  const InventoryState& state = inventory.Update(1);
  ASSERT_EQ(state.endpoints.size(), 2u);
  EXPECT_EQ(state.endpoints.at(1).ifindex, 7u);
  EXPECT_EQ(state.endpoints.at(2).ifindex, 8u);
  EXPECT_NE(state.endpoints.at(2).zone, 1);
}

}  // namespace
}  // namespace bulkhead
