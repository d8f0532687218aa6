// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/sift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/learn/hygiene.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

std::vector<uint64_t> Each(uint64_t first, uint64_t last, uint64_t step = 1) {
  std::vector<uint64_t> out;
  for (uint64_t window = first; window <= last; window += step) out.push_back(window);
  return out;
}

class SiftTest : public testing::Test {
 protected:
  Relation Of(size_t source, size_t destination, uint16_t port, uint8_t protocol = kProtoTcp) {
    const Evidence& evidence = seen_.Get();
    for (Relation& relation : Sift(evidence)) {
      if (relation.source == NodeOf(evidence.parties[source]) && relation.destination == NodeOf(evidence.parties[destination]) &&
          relation.port == port && relation.protocol == protocol)
        return relation;
    }
    ADD_FAILURE() << "no such relation";
    return {};
  }
  Standing StandingOf(size_t source, size_t destination, uint16_t port, uint8_t protocol = kProtoTcp) {
    return Of(source, destination, port, protocol).standing;
  }
  void Decide(size_t source, size_t destination, uint16_t port, bool accepted) {
    Evidence& evidence = seen_.Mutable();
    evidence.decisions.push_back(
        {NodeOf(evidence.parties[source]), NodeOf(evidence.parties[destination]), kProtoTcp, port, accepted, "alice", 1});
  }
  void Quarantine(size_t source, uint64_t window, uint64_t workloads) {
    seen_.Mutable().quarantines.push_back(
        {source, IpAddress{}, EvidenceBuilder::kBegin + window * EvidenceBuilder::kWindow, workloads, ScanReason::kFailures, 9, 9});
  }
  void Present(size_t party, const std::vector<uint64_t>& windows, uint64_t at_once) {
    for (const uint64_t window : windows) {
      seen_.Mutable().presence.push_back(
          {party, EvidenceBuilder::kBegin + window * EvidenceBuilder::kWindow, at_once * 3'600'000, at_once});
    }
  }
  void Listen(size_t party, uint8_t protocol, uint16_t port, uint64_t windows) {
    seen_.Mutable().listeners.push_back({party, protocol, port, 1, 2, windows});
  }

  EvidenceBuilder seen_;
  size_t web_ = seen_.Service("shop", "web"), db_ = seen_.Service("shop", "db"), cache_ = seen_.Service("shop", "cache");
  size_t mail_ = seen_.Service("shop", "mail"), pay_ = seen_.Service("shop", "pay"), user_ = seen_.Service("shop", "user");
};

TEST_F(SiftTest, ThreeWindowsOfOneWorkloadSupport) {
  seen_.InWindows(web_, db_, 5432, {1, 4, 9}, 1);
  EXPECT_EQ(Of(web_, db_, 5432).occurrences, 3u);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
}

TEST_F(SiftTest, ThreeWorkloadsInOneWindowSupport) {
  Edge& edge = seen_.InWindows(web_, db_, 5432, {1}, 0b10101);
  edge.flows = edge.answered = edge.windows[0].flows = edge.windows[0].answered = 3;
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
}

// Who sits in a container can end it; what is started in its place has another bit.
TEST_F(SiftTest, LivesOfOneWorkloadAreNoThreeWorkloads) {
  Edge& edge = seen_.InWindows(web_, db_, 5432, {1}, 0b10101);
  edge.flows = edge.answered = edge.windows[0].flows = edge.windows[0].answered = 3;
  Present(web_, {1}, 1);
  EXPECT_EQ(Of(web_, db_, 5432).occurrences, 1u);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSeldom);
}

TEST_F(SiftTest, ReplicasThatRanAtOnceAreBelieved) {
  Edge& edge = seen_.InWindows(web_, db_, 5432, {1}, 0b10101);
  edge.flows = edge.answered = edge.windows[0].flows = edge.windows[0].answered = 3;
  Present(web_, {1}, 3);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
  seen_.Mutable().presence[0].at_once = 1;  // they were told of in the window that follows
  Present(web_, {2}, 3);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
}

TEST_F(SiftTest, WhatIsNotKnownOfReplicasTakesNothingAway) {
  Edge& edge = seen_.InWindows(web_, db_, 5432, {1}, 0b10101);
  edge.flows = edge.answered = edge.windows[0].flows = edge.windows[0].answered = 3;
  Present(web_, {1}, 0);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
}

TEST_F(SiftTest, ManyFlowsOfOneWorkloadInOneWindowAreOneEvent) {
  Edge& edge = seen_.InWindows(web_, db_, 5432, {1}, 1);
  edge.flows = edge.answered = edge.windows[0].flows = edge.windows[0].answered = 5000;
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSeldom);
}

TEST_F(SiftTest, OneFlowIsASingleton) {
  seen_.InWindows(web_, db_, 5432, {1}, 1);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSingle);
}

TEST_F(SiftTest, ManyAddressesOutsideInOneWindowAreOneEvent) {
  for (uint8_t i = 1; i <= 5; ++i) seen_.InWindows(web_, EvidenceBuilder::kWorld, 443, {1}, 1).peer = IpAddress::V4(198, 18, 0, i);
  EXPECT_EQ(StandingOf(web_, EvidenceBuilder::kWorld, 443), Standing::kSeldom);
}

TEST_F(SiftTest, ManyClientsOutsideAreManyEvents) {
  for (uint8_t i = 1; i <= 5; ++i) seen_.InWindows(EvidenceBuilder::kWorld, web_, 443, {1}, 0).peer = IpAddress::V4(198, 18, 0, i);
  const Relation relation = Of(EvidenceBuilder::kWorld, web_, 443);
  EXPECT_EQ(relation.standing, Standing::kSupports);
  EXPECT_EQ(relation.thin_peers.size(), 5u);
}

TEST_F(SiftTest, AnAddressSeenAgainAndAgainIsNotThin) {
  seen_.InWindows(web_, EvidenceBuilder::kWorld, 443, {1, 2, 3}, 1).peer = IpAddress::V4(198, 18, 0, 1);
  seen_.InWindows(web_, EvidenceBuilder::kWorld, 443, {3}, 1).peer = IpAddress::V4(198, 18, 0, 2);
  EXPECT_THAT(Of(web_, EvidenceBuilder::kWorld, 443).thin_peers, testing::ElementsAre(IpAddress::V4(198, 18, 0, 2)));
}

// A worm in a workload of web, which calls db in every hour, for four days.
class LateralMoverTest : public SiftTest {
 protected:
  static constexpr uint64_t kHours = 96, kWorm = 0b01, kOthers = 0b10;

  void SetUp() override { seen_.InWindows(web_, db_, 5432, Each(0, kHours - 1), kWorm | kOthers); }
  void Sweep(const std::vector<uint64_t>& windows) {
    for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, windows, kWorm);
  }
  void ExpectNone() {
    for (const size_t target : {cache_, mail_, pay_, user_}) {
      const Standing standing = StandingOf(web_, target, 80);
      EXPECT_TRUE(IsForReview(standing)) << StandingReason(standing);
    }
    EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
  }
};

TEST_F(LateralMoverTest, OnceIsForReview) {
  Sweep({50});
  ExpectNone();
}

TEST_F(LateralMoverTest, AFewTimesOverTheEdgeOfAWindowIsForReview) {
  Sweep({50, 51});
  ExpectNone();
}

TEST_F(LateralMoverTest, SeveralSweepsAreForReview) {
  Sweep({20, 50, 80});
  ExpectNone();
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kBurst);
}

TEST_F(LateralMoverTest, SeveralSweepsFromTheOnlyWorkloadAreForReview) {
  seen_.Mutable().edges[0].source_workloads = kWorm;
  Sweep({20, 50, 80});
  ExpectNone();
}

TEST_F(LateralMoverTest, RestartingItsContainerHelpsNobody) {
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, {20, 50, 80}, 0b111);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports) << "three replicas";
  Present(web_, Each(0, kHours - 1), 1);
  ExpectNone();
  for (PresenceWindow& present : seen_.Mutable().presence) present.at_once = 3;
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports);
}

// Two replicas, one of them the worm's, which is started again before each sweep.
TEST_F(LateralMoverTest, RestartingOneOfTwoContainersHelpsNobody) {
  seen_.Mutable().edges[0].source_workloads = 0b1111;
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, {20, 50, 80}, 0b1110);
  seen_.InWindows(web_, db_, 9187, {10, 45, 85}, 0b0011);
  Present(web_, Each(0, kHours - 1), 2);
  ExpectNone();
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kBurst);
  EXPECT_EQ(StandingOf(web_, db_, 9187), Standing::kSupports) << "rare, and by itself";
  for (PresenceWindow& present : seen_.Mutable().presence) present.at_once = 4;
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports) << "four replicas, and nobody was started again";
}

TEST_F(LateralMoverTest, AWindowOfWhichReplicasAreNotKnownMakesNoLifeAWorkload) {
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, {20, 50, 80}, 0b111);
  Present(web_, Each(0, kHours - 1), 1);
  for (const uint64_t window : {20, 21, 80}) seen_.Mutable().presence[window].at_once = 0;
  ExpectNone();
  for (PresenceWindow& present : seen_.Mutable().presence) present.at_once = 0;
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports) << "nothing is known at all";
}

// Each night another container: what it does is seldom only if it does it seldom while it is there.
TEST_F(LateralMoverTest, AJobOfTheNightIsNoBurst) {
  for (const size_t target : {cache_, pay_, user_}) seen_.InWindows(mail_, target, 80, {2, 26, 50, 74}, 0b1111);
  Present(mail_, {2, 26, 50, 74}, 1);
  for (const size_t target : {cache_, pay_, user_}) EXPECT_EQ(StandingOf(mail_, target, 80), Standing::kSupports);
  seen_.Mutable().presence.clear();
  Present(mail_, Each(0, kHours - 1), 1);
  for (const size_t target : {cache_, pay_, user_}) EXPECT_EQ(StandingOf(mail_, target, 80), Standing::kBurst);
}

TEST_F(LateralMoverTest, OneNeighbourInThreeHoursOnEndIsAnEpisode) {
  seen_.InWindows(web_, pay_, 80, {50, 51, 52}, kWorm);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kClustered);
}

// What was folded is only counted, and a count tells no episode from an edge.
TEST_F(LateralMoverTest, SeveralSweepsStayForReviewWhenTheirWindowsAreFolded) {
  Sweep({20, 50, 80});
  seen_.Fold(60);
  EXPECT_EQ(Of(web_, pay_, 80).occurrences, 3u);
  ExpectNone();
  seen_.Fold(80);
  EXPECT_TRUE(Of(web_, pay_, 80).windows.empty());
  EXPECT_EQ(Of(web_, pay_, 80).occurrences, 3u);
  ExpectNone();
}

TEST_F(LateralMoverTest, AnEpisodeStaysOneWhenItsBeginningIsFolded) {
  seen_.InWindows(web_, pay_, 80, {50, 51, 52, 53, 54}, kWorm);
  seen_.Fold(51);
  EXPECT_EQ(Of(web_, pay_, 80).windows.size(), 3u);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kClustered);
  seen_.Fold(54);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSeldom);
}

TEST_F(LateralMoverTest, WhatOneOfSeveralDidOftenIsStillDeviantWhenItIsFolded) {
  std::vector<uint64_t> often;
  for (uint64_t window = 2; window < kHours; window += 6) often.push_back(window);
  for (const size_t target : {cache_, mail_, pay_}) seen_.InWindows(web_, target, 80, often, kWorm);
  seen_.Fold(kHours);
  for (const size_t target : {cache_, mail_, pay_}) EXPECT_EQ(StandingOf(web_, target, 80), Standing::kDeviant);
}

TEST_F(LateralMoverTest, WhatIsLongAndSpreadOrSeveralWorkloadsHaveIsProvenFoldedOrNot) {
  seen_.InWindows(web_, mail_, 25, Each(0, kHours - 1, 4), kWorm);
  seen_.InWindows(web_, pay_, 80, {20, 50, 80}, kWorm | kOthers);
  seen_.Fold(kHours);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kSupports);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports);
}

TEST_F(LateralMoverTest, SlowlyOneNeighbourAtATimeFromOneOfSeveralIsForReview) {
  uint64_t at = 3;
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, {at++, at++ + 20, at++ + 40}, kWorm);
  ExpectNone();
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kDeviant);
}

// The service calls nobody; that it has several workloads is known of those who call it.
TEST_F(LateralMoverTest, OftenFromOneOfSeveralWorkloadsOfAServerIsForReview) {
  std::vector<uint64_t> often;
  for (uint64_t window = 2; window < kHours; window += 6) often.push_back(window);
  for (const size_t target : {cache_, mail_, pay_}) seen_.InWindows(db_, target, 80, often, kWorm);
  EXPECT_EQ(StandingOf(db_, pay_, 80), Standing::kSupports) << "its only workload, for all that is known";
  seen_.Mutable().edges[0].destination_workloads = kWorm | kOthers;
  for (const size_t target : {cache_, mail_, pay_}) EXPECT_EQ(StandingOf(db_, target, 80), Standing::kDeviant);
}

// Two workloads, of which one took the place of the other, are no replicas: there was nobody to share with.
TEST_F(LateralMoverTest, ASuccessorIsNoReplica) {
  std::vector<uint64_t> often;
  for (uint64_t window = 2; window < kHours; window += 6) often.push_back(window);
  for (const size_t target : {cache_, mail_, pay_}) seen_.InWindows(db_, target, 80, often, kWorm);
  seen_.Mutable().edges[0].destination_workloads = kWorm | kOthers;
  seen_.Mutable().window_seconds = EvidenceBuilder::kWindow;
  for (uint64_t hour = 0; hour < kHours; ++hour) {
    seen_.Mutable().presence.push_back({db_, EvidenceBuilder::kBegin + hour * EvidenceBuilder::kWindow, 3'600'000});
  }
  EXPECT_EQ(StandingOf(db_, pay_, 80), Standing::kSupports);
  for (auto& present : seen_.Mutable().presence) present.workload_ms *= 2;
  EXPECT_EQ(StandingOf(db_, pay_, 80), Standing::kDeviant);
}

TEST_F(LateralMoverTest, ARareEdgeOfTheServiceIsNotTakenForOne) {
  seen_.InWindows(web_, pay_, 80, {5, 41, 77}, kOthers);
  seen_.InWindows(web_, mail_, 25, {17, 18, 90}, kWorm);
  seen_.InWindows(web_, user_, 80, {30}, kWorm | kOthers).windows[0].answered = 3;
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kSupports);
}

TEST_F(LateralMoverTest, RareEdgesThatSeveralWorkloadsHaveMayMeet) {
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, {20, 50, 80}, kWorm | kOthers);
  for (const size_t target : {cache_, mail_, pay_, user_}) EXPECT_EQ(StandingOf(web_, target, 80), Standing::kSupports);
}

TEST_F(LateralMoverTest, ANewEdgeThatStaysIsNoEpisode) {
  seen_.InWindows(web_, pay_, 80, Each(88, 95), kWorm);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports);
}

TEST_F(SiftTest, RangeChanceIsThatOfUniformPoints) {
  EXPECT_DOUBLE_EQ(RangeChance(2, 0.5), 0.75);
  EXPECT_DOUBLE_EQ(RangeChance(3, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(RangeChance(3, 1), 1);
  EXPECT_DOUBLE_EQ(RangeChance(1, 0.1), 1);
}

TEST_F(SiftTest, AStableServiceShowsOnlyAFewNewEdgesADay) {
  seen_.InWindows(web_, db_, 5432, Each(0, 400), 0b11);
  const size_t targets[] = {cache_, mail_, pay_, user_};
  for (size_t i = 0; i < 3; ++i) seen_.InWindows(web_, targets[i], 80, Each(250 + i, 400), 0b11);
  EXPECT_EQ(StandingOf(web_, mail_, 80), Standing::kSupports);
  seen_.InWindows(web_, user_, 80, Each(251, 400), 0b11);
  for (const size_t target : targets) EXPECT_EQ(StandingOf(web_, target, 80), Standing::kOverCap);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
  Decide(web_, user_, 80, true);
  EXPECT_EQ(StandingOf(web_, user_, 80), Standing::kSupports);
}

// One edge, which the cap lets through, must not open the day after to ten.
TEST_F(SiftTest, AServiceThatWasStableOnceIsHeldToTheCapFromThenOn) {
  seen_.InWindows(web_, db_, 5432, Each(0, 400), 0b11);
  seen_.InWindows(web_, cache_, 6379, Each(250, 400), 0b11);
  for (uint16_t port = 1; port <= 10; ++port) seen_.InWindows(web_, pay_, port, Each(274, 400), 0b11);
  EXPECT_EQ(StandingOf(web_, cache_, 6379), Standing::kSupports);
  for (uint16_t port = 1; port <= 10; ++port) EXPECT_EQ(StandingOf(web_, pay_, port), Standing::kOverCap) << port;
}

TEST_F(SiftTest, AServiceThatIsNotStableYetMayShowMany) {
  seen_.InWindows(web_, db_, 5432, Each(0, 400), 0b11);
  for (const size_t target : {cache_, mail_, pay_, user_}) seen_.InWindows(web_, target, 80, Each(30, 400), 0b11);
  EXPECT_EQ(StandingOf(web_, pay_, 80), Standing::kSupports);
}

TEST_F(SiftTest, WhatAScannerFoundSupportsNothing) {
  seen_.InWindows(web_, db_, 22, {1, 2, 3}, 1);
  seen_.InWindows(web_, cache_, 6379, {0, 1, 2, 3, 4, 5}, 1);
  seen_.InWindows(web_, mail_, 25, {1, 2, 3}, 0b11);
  for (const uint64_t window : {1, 2, 3}) Quarantine(web_, window, 1);
  const Relation found = Of(web_, db_, 22);
  EXPECT_EQ(found.standing, Standing::kQuarantined);
  EXPECT_EQ(found.answered, 0u);
  EXPECT_EQ(found.quarantined, 3u);
  EXPECT_EQ(Of(web_, cache_, 6379).windows.size(), 3u);
  EXPECT_EQ(StandingOf(web_, cache_, 6379), Standing::kSupports);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kSupports);  // another workload has it, too
}

TEST_F(SiftTest, AScannerThatCannotBeToldApartTakesItsServiceAlong) {
  seen_.InWindows(web_, mail_, 25, {1, 2, 3}, 0b11);
  for (const uint64_t window : {1, 2, 3}) Quarantine(web_, window, 0);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kQuarantined);
}

// The scanner's container is started anew, which has another bit and uses what was found.
TEST_F(SiftTest, AScannersNextLifeVouchesForNothing) {
  seen_.InWindows(web_, mail_, 25, {1, 2, 3}, 0b11);
  for (const uint64_t window : {1, 2, 3}) Quarantine(web_, window, 1);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kSupports) << "there may be two";
  Present(web_, Each(1, 4), 1);
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kQuarantined);
  for (PresenceWindow& present : seen_.Mutable().presence) present.at_once = 2;
  EXPECT_EQ(StandingOf(web_, mail_, 25), Standing::kSupports);
}

TEST_F(SiftTest, WhoHasAnEdgeLaterDoesNotVouchForWhatAScannerDidBefore) {
  Edge& edge = seen_.InWindows(web_, mail_, 25, {1, 2, 3, 4, 5}, 0b11);
  edge.windows[0].source_workloads = 0b01;
  edge.windows[3].source_workloads = 0b10;
  Present(web_, Each(1, 6), 2);
  for (const uint64_t window : {1, 2, 3, 4}) Quarantine(web_, window, 1);
  EXPECT_EQ(Of(web_, mail_, 25).quarantined, 3u);
  EXPECT_EQ(Of(web_, mail_, 25).answered, 2u);
}

TEST_F(SiftTest, APersonsDecisionComesFirst) {
  seen_.InWindows(web_, db_, 5432, {1, 2, 3, 4}, 1);
  seen_.InWindows(web_, cache_, 6379, {1}, 1);
  Decide(web_, db_, 5432, false);
  Decide(web_, cache_, 6379, true);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kRejected);
  EXPECT_EQ(StandingOf(web_, cache_, 6379), Standing::kSupports);
  Decide(web_, db_, 5432, true);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
}

TEST_F(SiftTest, AnAcceptedWouldDenialSupports) {
  seen_.InWindows(web_, db_, 5432, {1, 2}, 1).verdict = Verdict::kWouldDeny;
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kDenied);
  Decide(web_, db_, 5432, true);
  EXPECT_EQ(StandingOf(web_, db_, 5432), Standing::kSupports);
  EXPECT_EQ(Of(web_, db_, 5432).answered, 2u);
}

TEST_F(SiftTest, NoDecisionMakesARuleOfAClientsPort) {
  seen_.InWindows(web_, db_, 53, {1, 2, 3}, 1).protocol = kProtoUdp;
  seen_.InWindows(db_, web_, 40001, {1, 2, 3}, 1).protocol = kProtoUdp;
  seen_.Mutable().decisions.push_back(
      {{PartyKind::kService, "shop", "db"}, {PartyKind::kService, "shop", "web"}, kProtoUdp, 40001, true, "alice", 1});
  EXPECT_EQ(StandingOf(db_, web_, 40001, kProtoUdp), Standing::kClientPort);
}

TEST_F(SiftTest, UdpGoesToASocketOfTheReceiver) {
  seen_.InWindows(web_, db_, 5353, {1, 2, 3}, 1).protocol = kProtoUdp;
  EXPECT_EQ(StandingOf(web_, db_, 5353, kProtoUdp), Standing::kSupports);
  Listen(db_, kProtoTcp, 5432, 5);
  EXPECT_EQ(StandingOf(web_, db_, 5353, kProtoUdp), Standing::kUndecided);
  Listen(db_, kProtoUdp, 5353, 1);
  EXPECT_EQ(StandingOf(web_, db_, 5353, kProtoUdp), Standing::kSupports);
}

TEST_F(SiftTest, AHighPortIsAServicesWhenItIsListenedOnForLong) {
  seen_.InWindows(web_, db_, 50051, {1, 2, 3}, 1);
  seen_.InWindows(web_, db_, 50052, {1, 2, 3}, 1);
  EXPECT_EQ(StandingOf(web_, db_, 50051), Standing::kClientPort);  // two of them
  Listen(db_, kProtoTcp, 50051, kServicePortWindows);
  Listen(db_, kProtoTcp, 50052, kServicePortWindows - 1);
  EXPECT_EQ(StandingOf(web_, db_, 50051), Standing::kSupports);
  EXPECT_EQ(StandingOf(web_, db_, 50052), Standing::kUndecided);
}

TEST_F(SiftTest, AHighUdpPortIsNeverGuessed) {
  seen_.InWindows(web_, db_, 40000, Each(1, 20), 1).protocol = kProtoUdp;
  EXPECT_EQ(StandingOf(web_, db_, 40000, kProtoUdp), Standing::kUndecided);
}

TEST_F(SiftTest, RelationsHaveNames) {
  const Node web{PartyKind::kService, "shop", "web"}, db{PartyKind::kService, "shop", "db"}, world{PartyKind::kWorld, "", ""};
  EXPECT_EQ(RelationName(web, db, kProtoTcp, 5432), "shop/web->shop/db:5432/tcp");
  EXPECT_EQ(RelationName(world, web, kProtoUdp, 443), "world->shop/web:443/udp");
}

}  // namespace
}  // namespace bulkhead::learn
