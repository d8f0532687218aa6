// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/learn/comments.h"
#include "controlplane/learn/propose.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// web, of three replicas, calls one address outside in every hour of four days.
class PeersTest : public testing::Test {
 protected:
  static constexpr uint64_t kHours = 96, kAll = 0b111, kWorm = 0b001;
  static constexpr size_t kWorld = EvidenceBuilder::kWorld;

  void SetUp() override {
    std::vector<uint64_t> hours;
    for (uint64_t hour = 0; hour < kHours; ++hour) {
      hours.push_back(hour);
      seen_.Mutable().presence.push_back({web_, At(hour), 3 * 3'600'000, 0});
    }
    Calls({203, 0, 113, 200}, hours, kAll);
  }
  static uint64_t At(uint64_t hour) { return EvidenceBuilder::kBegin + hour * EvidenceBuilder::kWindow; }
  void Calls(const std::array<uint8_t, 4>& to, const std::vector<uint64_t>& hours, uint64_t workloads) {
    seen_.InWindows(web_, kWorld, 443, hours, workloads).peer = IpAddress::V4(to[0], to[1], to[2], to[3]);
  }
  void AtOnce(uint64_t count) {
    for (PresenceWindow& present : seen_.Mutable().presence) present.at_once = count;
  }
  void AcceptAt(uint64_t when) {
    seen_.Mutable().decisions.push_back(
        {{PartyKind::kService, "shop", "web"}, {PartyKind::kWorld, "", ""}, kProtoTcp, 443, true, "alice", when});
  }
  Relation Seen() {
    const std::vector<Relation> relations = Sift(seen_.Get());
    EXPECT_EQ(relations.size(), 1u);
    return relations.front();
  }
  // What the rule names.
  std::vector<std::string> Blocks() {
    std::vector<std::string> out;
    for (const OutsideBlock& block : BlocksOf(Seen(), {})) out.push_back(block.block.cidr.ToString());
    return out;
  }
  void ExpectOnlyTheOne(size_t aside) {
    EXPECT_EQ(Seen().standing, Standing::kSupports);
    EXPECT_THAT(Blocks(), ElementsAre("203.0.113.200/32"));
    EXPECT_EQ(Seen().set_aside_peers.size(), aside);
  }

  EvidenceBuilder seen_;
  const size_t web_ = seen_.Service("shop", "web", {{"app", "web"}});
};

TEST_F(PeersTest, SeventeenAddressesOfOneWorkloadAreNotTheInternet) {
  for (uint8_t i = 1; i <= 17; ++i) Calls({9, i, 9, 9}, {50}, kWorm);
  ExpectOnlyTheOne(17);
  const auto proposals = Propose(seen_.Get(), "", View{});
  ASSERT_TRUE(proposals.ok());
  EXPECT_THAT(proposals->front().yaml,
              HasSubstr("set aside, not permitted until this edge is accepted: 17 addresses, seen too seldom or by "
                        "one workload alone: 9.1.9.9, 9.2.9.9, 9.3.9.9 and 14 more\n"));
}

TEST_F(PeersTest, FourOfANetworkOfOneWorkloadAreNotTheNetwork) {
  for (uint8_t i = 1; i <= 4; ++i) Calls({9, 9, 9, i}, {50}, kWorm);
  ExpectOnlyTheOne(4);
}

TEST_F(PeersTest, SlowlyIsNoBetter) {
  for (uint8_t i = 1; i <= 40; ++i) Calls({9, i, 9, 9}, {static_cast<uint64_t>(2 * i)}, kWorm);
  for (uint8_t i = 1; i <= 9; ++i) Calls({9, 99, 9, i}, {static_cast<uint64_t>(2 * i)}, kWorm);
  ExpectOnlyTheOne(49);
}

TEST_F(PeersTest, RestartingItsContainerEachTimeIsNoBetter) {
  for (uint8_t i = 1; i <= 80; ++i) Calls({9, i, 9, 9}, {static_cast<uint64_t>(i)}, 0b1000 << (i % 4));
  EXPECT_THAT(Blocks(), ElementsAre("0.0.0.0/0", "::/0")) << "the doing of four who were there at once, for all that is known";
  AtOnce(3);
  ExpectOnlyTheOne(80);
}

// A content network, and each replica was replaced three times.
TEST_F(PeersTest, ReplicasThatGiveWayToNewOnesStillGroupWhatIsManyAddresses) {
  AtOnce(3);
  for (uint8_t i = 1; i <= 240; ++i) Calls({9, i, 9, 9}, {static_cast<uint64_t>(i % 90)}, uint64_t{1} << (i % 9));
  EXPECT_THAT(Blocks(), ElementsAre("0.0.0.0/0", "::/0"));
}

// What others had too seldom does not make more of it.
TEST_F(PeersTest, AmongThoseOfOthersIsNoBetter) {
  for (uint8_t i = 1; i <= 6; ++i) Calls({8, i, 8, 8}, {static_cast<uint64_t>(10 * i)}, i % 2 == 0 ? 0b010 : 0b100);
  for (uint8_t i = 1; i <= 17; ++i) Calls({9, i, 9, 9}, {50}, kWorm);
  ExpectOnlyTheOne(23);
}

TEST_F(PeersTest, ManyAddressesOfAContentNetworkAreGrouped) {
  for (uint8_t i = 1; i <= 60; ++i) Calls({9, i, 9, 9}, {static_cast<uint64_t>(i)}, uint64_t{1} << (i % 3));
  EXPECT_THAT(Blocks(), ElementsAre("0.0.0.0/0", "::/0"));
  EXPECT_TRUE(Seen().set_aside_peers.empty());
}

TEST_F(PeersTest, AddressesOfOneNetworkThatSeveralReplicasCallAreTheNetwork) {
  for (uint8_t i = 1; i <= 12; ++i) Calls({9, 9, 9, i}, {static_cast<uint64_t>(5 * i)}, uint64_t{1} << (i % 3));
  EXPECT_THAT(Blocks(), ElementsAre("9.9.9.0/24", "203.0.113.200/32"));
}

TEST_F(PeersTest, SeveralReplicasInTwoWindowsAreTooFew) {
  for (uint8_t i = 1; i <= 12; ++i) Calls({9, 9, 9, i}, {static_cast<uint64_t>(50 + i % 2)}, uint64_t{1} << (i % 3));
  ExpectOnlyTheOne(12);
}

TEST_F(PeersTest, AnEpisodeOfOneWorkloadIsNoPeer) {
  Calls({9, 9, 9, 9}, {50, 51, 52}, kWorm);
  Calls({9, 9, 9, 10}, {50, 51, 52}, 0b110);
  Calls({9, 9, 9, 11}, {20, 50, 80}, kWorm);
  EXPECT_THAT(Blocks(), ElementsAre("9.9.9.10/32", "9.9.9.11/32", "203.0.113.200/32"));
  seen_.Fold(80);
  EXPECT_THAT(Blocks(), ElementsAre("9.9.9.10/32", "203.0.113.200/32"));
}

TEST_F(PeersTest, WhatSomebodyAcceptedIsPermittedAndWhatCameLaterIsNot) {
  for (uint8_t i = 1; i <= 3; ++i) Calls({9, i, 9, 9}, {50}, kWorm);
  for (uint8_t i = 11; i <= 14; ++i) Calls({9, 9, 9, i}, {70}, kWorm);
  AcceptAt(At(60));
  EXPECT_THAT(Blocks(), ElementsAre("9.1.9.9/32", "9.2.9.9/32", "9.3.9.9/32", "203.0.113.200/32"));
  EXPECT_EQ(Seen().set_aside_peers.size(), 4u);
}

TEST_F(PeersTest, WithoutAnyPeerThatIsProvenItWaitsForReview) {
  seen_.Mutable().edges.clear();
  for (uint8_t i = 1; i <= 5; ++i) Calls({9, i, 9, 9}, {static_cast<uint64_t>(10 * i)}, kAll);
  EXPECT_EQ(Seen().standing, Standing::kSeldom);
  AcceptAt(At(60));
  EXPECT_EQ(Seen().standing, Standing::kSupports);
  EXPECT_EQ(Blocks().size(), 5u);
}

// Seventeen clients with one flow each: that is what a public service looks like.
TEST_F(PeersTest, ClientsOutsideAreGroupedAsTheyAre) {
  seen_.Mutable().edges.clear();
  for (uint8_t i = 1; i <= 17; ++i) seen_.InWindows(kWorld, web_, 443, {50}, 0).peer = IpAddress::V4(9, i, 9, 9);
  EXPECT_THAT(Blocks(), ElementsAre("0.0.0.0/0", "::/0"));
}

}  // namespace
}  // namespace bulkhead::learn
