// SPDX-License-Identifier: Apache-2.0
// Floods of denied packets: what was noted of one denies the next (bpf/denial.h). The stage compares counters, edges and rules with
// the reference, which judges each packet.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr int kRepeats = 20;

class FloodTest : public testing::TestWithParam<Carrier> {
 protected:
  Setting Closed() const { return {.policies = AllowIngress("db", "web", GetParam().ports())}; }
  Frame EvilToDb() const { return Between(kEvil, kDb, GetParam().family) / Ask(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(, FloodTest, testing::ValuesIn(AllCarriers()), CarrierName);

// What the first packet of either end may be.
class DatagramFloodTest : public FloodTest {};
INSTANTIATE_TEST_SUITE_P(, DatagramFloodTest,
                         testing::Values(Carrier{4, kProtoUdp}, Carrier{6, kProtoUdp}, Carrier{4, kProtoSctp},
                                         Carrier{6, kProtoSctp}),
                         CarrierName);

TEST_P(FloodTest, EveryPacketIsDeniedAndCounted) {
  Stage stage(Closed());
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) EXPECT_THAT(stage.Leaves(kEvil, EvilToDb()), Denied(BH_REASON_POLICY));
  for (int i = 0; i < kRepeats; ++i)
    EXPECT_THAT(stage.Arrives(kDb, EvilToDb(), kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY));
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges.front().denied, 2u * kRepeats);
}

TEST_P(FloodTest, EdgesAreToldWhileItGoesOn) {
  Stage stage(Closed());
  stage.Flood();
  for (uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < kRepeats; ++i) stage.Leaves(kEvil, EvilToDb());
    EXPECT_EQ(stage.Edges().front().denied, round * kRepeats);
  }
}

TEST_P(FloodTest, ANewPolicyHoldsAtOnce) {
  Stage stage(Closed());
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) stage.Leaves(kEvil, EvilToDb());
  stage.Apply({.policies = AllowIngress("db", "evil", GetParam().ports())});
  EXPECT_THAT(stage.Leaves(kEvil, EvilToDb()), Allowed());
}

TEST_P(FloodTest, WhatDiffersInAnythingIsJudged) {
  Stage stage(Closed());
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) stage.Leaves(kEvil, EvilToDb());
  EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb, GetParam().family) / Ask(GetParam())), Allowed());
  const Frame forged = Between(kWeb, kDb, GetParam().family) / Ask(GetParam());
  EXPECT_FALSE(stage.Leaves(kEvil, forged).pass);
  EXPECT_NE(stage.Leaves(kEvil, forged).reason, BH_REASON_POLICY) << "it is a spoof";
  EXPECT_THAT(stage.ArrivesFromHost(kDb, EvilToDb()), testing::Not(Denied(BH_REASON_POLICY)));
}

// What was noted may become an answer: of a flow that the other end opens.
TEST_P(DatagramFloodTest, AnEntryGoesBeforeANote) {
  Stage stage(Closed());
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) ASSERT_THAT(stage.Leaves(kEvil, EvilToDb()), Denied(BH_REASON_POLICY));
  ASSERT_THAT(stage.Leaves(kDb, Between(kDb, kEvil, GetParam().family) / Answer(GetParam())), Allowed());
  EXPECT_TRUE(stage.Leaves(kEvil, EvilToDb()).pass);
}

TEST_P(FloodTest, ANoteIsOfOneMacOnly) {
  Stage stage(Closed());
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) ASSERT_THAT(stage.Leaves(kEvil, EvilToDb()), Denied(BH_REASON_POLICY));
  const Ethernet forged{kWeb.mac(), kDb.mac(), {}};
  const Frame addresses = GetParam().family == 4 ? forged / IPv4{kEvil.v4, kDb.v4} : forged / IPv6{kEvil.v6, kDb.v6};
  EXPECT_THAT(stage.Leaves(kEvil, addresses / Ask(GetParam())), Denied(BH_REASON_SPOOFED_MAC));
}

// The address was the world's; then somebody has it whom policy allows.
TEST_P(FloodTest, SomebodyNewIsReachedAtOnce) {
  Stage stage({.policies = AllowEgress("evil", "api", GetParam().ports())});
  stage.Remove(kApi.slot());
  stage.Flood();
  const Frame ask = Between(kEvil, kApi, GetParam().family) / Ask(GetParam());
  for (int i = 0; i < kRepeats; ++i) ASSERT_THAT(stage.Leaves(kEvil, ask), Denied(BH_REASON_POLICY));
  stage.Put(kApi.endpoint);
  EXPECT_THAT(stage.Leaves(kEvil, ask), Allowed());
}

// Each denied packet of a staged policy is judged by that one, too.
TEST_P(FloodTest, AStagedPolicySeesThemAll) {
  Stage stage(Closed());
  stage.StageDraft({.policies = AllowIngress("db", "evil", GetParam().ports())});
  stage.Flood();
  for (int i = 0; i < kRepeats; ++i) stage.Leaves(kEvil, EvilToDb());
  ASSERT_EQ(stage.StagedEdges().size(), 1u);
  EXPECT_EQ(stage.StagedEdges().front().edge.denied, uint64_t{kRepeats});
}

}  // namespace
}  // namespace bulkhead::packet_test
