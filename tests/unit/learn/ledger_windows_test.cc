// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/learn/schema.h"
#include "controlplane/learn/sift.h"
#include "tests/unit/learn/ledger_fixture.h"

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// now_ is 1'000'000 s: within the hour that began at 997'200.
constexpr uint64_t kHour = 3600, kFirstHour = 997'200;

class LedgerWindowsTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    now_.edge_clock_ns = 40 * kSecond;
  }
  const Learner::IdentityLookup lookup_ = [this](IdentityId id) { return Lookup(id); };
  void Advance(uint64_t seconds) {
    now_.unix_seconds += seconds;
    now_.edge_clock_ns += seconds * kSecond;
  }
  EdgeRecord Now(uint64_t flows, uint64_t answered, uint64_t workloads = 0) const {
    EdgeRecord edge = WebToDb(flows, answered);
    edge.last_seen = now_.edge_clock_ns;
    edge.source_workloads = workloads;
    return edge;
  }
};

TEST_F(LedgerWindowsTest, WhatWasAddedSinceTheLastDrainBelongsToTheWindowItWasSeenIn) {
  ASSERT_TRUE(Record({Now(3, 2, 0b01)}).ok());
  ASSERT_TRUE(Record({Now(4, 3, 0b01)}).ok());
  Advance(kHour);
  ASSERT_TRUE(Record({Now(10, 8, 0b11)}).ok());
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.edges, SizeIs(1));
  const Edge& edge = evidence.edges[0];
  EXPECT_EQ(edge.source_workloads, 0b11u);
  ASSERT_THAT(edge.windows, SizeIs(2));
  EXPECT_EQ(edge.windows[0].start, kFirstHour);
  EXPECT_EQ(edge.windows[0].flows, 4u);
  EXPECT_EQ(edge.windows[0].answered, 3u);
  EXPECT_EQ(edge.windows[0].source_workloads, 0b01u);
  EXPECT_EQ(edge.windows[1].start, kFirstHour + kHour);
  EXPECT_EQ(edge.windows[1].flows, 6u);
  EXPECT_EQ(edge.windows[1].source_workloads, 0b10u);  // the other is not told of twice
}

TEST_F(LedgerWindowsTest, ARestartDoesNotTellOfWorkloadsAgain) {
  ASSERT_TRUE(Record({Now(3, 2, 0b01)}).ok());
  Reopen();
  Advance(kHour);
  ASSERT_TRUE(Record({Now(4, 3, 0b01)}).ok());
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.edges[0].windows, SizeIs(2));
  EXPECT_EQ(evidence.edges[0].windows[1].source_workloads, 0u);
}

TEST_F(LedgerWindowsTest, ANewWorkloadAloneIsWorthWriting) {
  ASSERT_TRUE(Record({Now(3, 2, 0b01)}).ok());
  const auto result = Record({Now(3, 2, 0b11)});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->changed, 1u);
  EXPECT_EQ(Load().edges[0].source_workloads, 0b11u);
}

TEST_F(LedgerWindowsTest, AWindowHasTheLengthItIsGiven) {
  Reopen({.window_seconds = 10});
  for (uint64_t i = 1; i <= 3; ++i, Advance(10)) ASSERT_TRUE(Record({Now(i, i)}).ok());
  const Evidence evidence = Load();
  EXPECT_EQ(evidence.window_seconds, 10u);
  EXPECT_THAT(evidence.edges[0].windows, SizeIs(3));
}

TEST_F(LedgerWindowsTest, TheOldestWindowsAreFoldedAndStillCounted) {
  Reopen({.windows = 20});
  for (uint64_t i = 1; i <= 30; ++i, Advance(kHour)) ASSERT_TRUE(Record({Now(i, i == 3 ? 2 : i, 1)}).ok());
  const Evidence evidence = Load();
  const Edge& edge = evidence.edges[0];
  EXPECT_LE(edge.windows.size(), 20u);
  EXPECT_EQ(edge.windows.size() + edge.folded_windows, 29u);  // one had no answer
  EXPECT_EQ(edge.flows, 30u);
  EXPECT_EQ(edge.windows.back().start, kFirstHour + 29 * kHour);
}

TEST_F(LedgerWindowsTest, WhatWasNotSeenForLongIsForgottenWithAllThatHangsOnIt) {
  Reopen({.retain_seconds = 10 * kHour});
  ASSERT_TRUE(Record({Now(3, 3)}).ok());
  ASSERT_TRUE(ledger_->RecordPresence({{kWeb, 1000}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordListeners({{kDb, kProtoTcp, 5432}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordNames({{"db.example", IpAddress::V4(198, 18, 0, 9)}}, now_).ok());
  Advance(11 * kHour);
  EdgeRecord late = FromOutside(1, 1);
  late.last_seen = now_.edge_clock_ns;
  ASSERT_TRUE(Record({late}).ok());
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.edges, SizeIs(1));
  EXPECT_EQ(evidence.parties[evidence.edges[0].source].kind, PartyKind::kWorld);
  EXPECT_THAT(evidence.presence, IsEmpty());
  EXPECT_THAT(evidence.listeners, IsEmpty());
  EXPECT_THAT(evidence.names, IsEmpty());
  EXPECT_THAT(evidence.parties, SizeIs(2));
}

TEST_F(LedgerWindowsTest, TheFileGetsSmallerWhenMuchIsForgotten) {
  constexpr uint32_t kMany = 60'000;
  const LearnLimits limits{.retain_seconds = 10 * kHour};
  Reopen(limits);
  std::vector<EdgeRecord> flood;
  for (uint32_t i = 0; i < kMany; ++i) flood.push_back(FromOutside(i, 0));
  ASSERT_TRUE(Record(flood).ok());
  const auto size = [&] {
    Reopen(limits);  // what is in the log is written back when the last one closes it
    return std::filesystem::file_size(folder_ + "/state.db");
  };
  const uint64_t full = size();
  Advance(20 * kHour);
  uint64_t flows = 1;
  ASSERT_TRUE(Record({Now(++flows, 1)}).ok());
  ASSERT_TRUE(Record({Now(++flows, 1)}).ok());
  const uint64_t later = size();
  EXPECT_LT(later, full);
  EXPECT_GE(later, full - 2 * (1 << 20));  // no more than so much at once
  ASSERT_TRUE(Record({Now(++flows, 1)}).ok());
  Advance(2 * kHour);  // baselines that were read from the file live for an hour more
  for (int drain = 0; drain < 50; ++drain) ASSERT_TRUE(Record({Now(++flows, 1)}).ok());
  EXPECT_LT(size(), full / 4);
  EXPECT_THAT(Load().edges, SizeIs(1));
}

TEST_F(LedgerWindowsTest, KeepsPresenceListenersAndNames) {
  ASSERT_TRUE(ledger_->RecordPresence({{kWeb, 1500, 3}, {kStranger, 7}, {kIdentityHost, 7}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordPresence({{kWeb, 500, 2}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordListeners({{kDb, kProtoTcp, 5432}, {kDb, kProtoUdp, 0}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordListeners({{kDb, kProtoTcp, 5432}}, lookup_, now_).ok());
  Advance(kHour);
  ASSERT_TRUE(ledger_->RecordPresence({{kWeb, 3}}, lookup_, now_).ok());
  ASSERT_TRUE(ledger_->RecordListeners({{kDb, kProtoTcp, 5432}}, lookup_, now_).ok());
  const IpAddress address = IpAddress::V4(198, 18, 0, 9);
  ASSERT_TRUE(
      ledger_->RecordNames({{"API.Example.", address}, {"api.example", address}, {"a b", address}, {"", address}}, now_).ok());
  Reopen();
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.presence, SizeIs(2));
  EXPECT_EQ(evidence.presence[0].workload_ms, 2000u);
  EXPECT_EQ(evidence.presence[0].at_once, 3u);
  EXPECT_EQ(evidence.parties[evidence.presence[0].party].service, "web");
  ASSERT_THAT(evidence.listeners, SizeIs(1));
  EXPECT_EQ(evidence.listeners[0].port, 5432);
  EXPECT_EQ(evidence.listeners[0].windows, 2u);
  ASSERT_THAT(evidence.names, SizeIs(1));
  EXPECT_EQ(evidence.names[0].name, "api.example");
  EXPECT_EQ(evidence.names[0].address, address);
}

TEST_F(LedgerWindowsTest, FactsAreBounded) {
  Reopen({.names = 50, .listeners = 50, .presence = 50});
  for (uint32_t i = 1; i <= 200; ++i) {
    Advance(kHour);
    ASSERT_TRUE(ledger_->RecordNames({{"n", IpAddress::V4(198, 18, 0, static_cast<uint8_t>(i))}}, now_).ok());
    ASSERT_TRUE(ledger_->RecordListeners({{kDb, kProtoTcp, static_cast<uint16_t>(i)}}, lookup_, now_).ok());
    ASSERT_TRUE(ledger_->RecordPresence({{kDb, 1}}, lookup_, now_).ok());
  }
  const Evidence evidence = Load();
  EXPECT_LE(evidence.names.size(), 50u);
  EXPECT_LE(evidence.listeners.size(), 50u);
  EXPECT_LE(evidence.presence.size(), 50u);
  EXPECT_GE(evidence.names.size(), 40u);
}

TEST_F(LedgerWindowsTest, DecisionsAreKeptForEver) {
  Reopen({.retain_seconds = kHour, .decisions = 2});
  const Node web{PartyKind::kService, "shop", "web"}, world{PartyKind::kWorld, "", ""};
  ASSERT_TRUE(ledger_->Decide({web, world, kProtoTcp, 443, true, "alice", 7}).ok());
  Advance(1000 * kHour);
  ASSERT_TRUE(Record({Now(1, 1)}).ok());
  ASSERT_TRUE(ledger_->Decide({web, world, kProtoTcp, 443, false, "bob", 8}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ledger_->Decide({web, world, kProtoTcp, 443, true, "alice", 9})));
  Reopen();
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.decisions, SizeIs(2));
  EXPECT_EQ(evidence.decisions[0].who, "alice");
  EXPECT_TRUE(evidence.decisions[0].accepted);
  EXPECT_EQ(evidence.decisions[1].source, web);
  EXPECT_EQ(evidence.decisions[1].destination, world);
  EXPECT_FALSE(evidence.decisions[1].accepted);
}

TEST_F(LedgerWindowsTest, ADatabaseOfTheFirstSchemaIsCarriedOver) {
  ledger_.reset();
  const std::string path = folder_ + "/old.db";
  {
    auto old = Database::Open(path);
    ASSERT_TRUE(old.ok());
    ASSERT_TRUE((*old)->Migrate("learn", {SchemaSteps()[0]}).ok());
    ASSERT_TRUE(
        (*old)
            ->Exec("INSERT INTO learn_parties VALUES (1,3,'shop','web',X'','sha256:aa',16), (2,3,'shop','db',X'','sha256:bb',17);"
                   "INSERT INTO learn_edges VALUES (1,2,6,5432,0,'',40,30,0,7200,18000), (1,2,6,22,0,'',9,0,2,7200,7300);"
                   "INSERT INTO learn_baselines VALUES (16,17,6,5432,0,'',10000000000,40,30,0);")
            .ok());
  }
  auto opened = Ledger::Open(path, {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  ledger_ = *std::move(opened);
  Evidence evidence = Load();
  ASSERT_THAT(evidence.edges, SizeIs(2));
  EXPECT_EQ(evidence.edges[0].folded_windows, 0u);  // 22: never answered
  EXPECT_EQ(evidence.edges[0].denied, 2u);
  EXPECT_EQ(evidence.edges[1].flows, 40u);
  EXPECT_EQ(evidence.edges[1].folded_windows, 4u);  // hours 2, 3, 4 and 5
  EXPECT_EQ(Sift(evidence)[1].standing, Standing::kSupports);
  web_.labels = db_.labels = {};
  ASSERT_TRUE(Record({Now(41, 31)}).ok());  // its baseline was carried over, too
  EXPECT_EQ(Load().edges[1].flows, 41u);
}

TEST_F(LedgerWindowsTest, AScannerIsQuarantinedForItsWindow) {
  std::vector<EdgeRecord> scan;
  for (uint16_t port = 1; port <= 20; ++port) {
    EdgeRecord probe = Now(1, 0, 0b100);
    probe.port = port;
    scan.push_back(probe);
  }
  scan.push_back(Now(4, 4, 0b101));
  ASSERT_TRUE(Record(scan).ok());
  EXPECT_THAT(Load().quarantines, IsEmpty());  // answers may come yet
  Advance(kAnswerSeconds);
  const auto result = Record({});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->quarantined, 1u);
  const Evidence evidence = Load();
  ASSERT_THAT(evidence.quarantines, SizeIs(1));
  EXPECT_EQ(evidence.parties[evidence.quarantines[0].party].service, "web");
  EXPECT_EQ(evidence.quarantines[0].start, kFirstHour);
  EXPECT_EQ(evidence.quarantines[0].workloads, 0b100u);
  EXPECT_EQ(evidence.quarantines[0].failures, 20u);
}

TEST_F(LedgerWindowsTest, MadeUpSourcesOutsideDoNotPushOutAScannerInside) {
  Reopen({.quarantines = 10});
  const auto scan = [this](EdgeRecord probe) {
    std::vector<EdgeRecord> out;
    for (probe.port = 1; probe.port <= 20; ++probe.port) out.push_back(probe);
    ASSERT_TRUE(Record(out).ok());
    Advance(kAnswerSeconds);
    ASSERT_TRUE(Record({}).ok());
    Advance(kHour);
  };
  scan(Now(1, 0, 1));
  for (uint32_t i = 1; i <= 30; ++i) {
    EdgeRecord probe = FromOutside(i, 0);
    probe.last_seen = now_.edge_clock_ns;
    scan(probe);
  }
  const Evidence evidence = Load();
  EXPECT_LE(evidence.quarantines.size(), 10u);
  EXPECT_GE(evidence.quarantines.size(), 5u);
  EXPECT_EQ(std::count_if(evidence.quarantines.begin(), evidence.quarantines.end(),
                          [&](const Quarantine& row) { return evidence.parties[row.party].IsService(); }),
            1);
}

TEST_F(LedgerWindowsTest, AWindowInQuarantineIsNotCountedWhenItIsFolded) {
  Reopen({.windows = 25});
  std::vector<EdgeRecord> scan{Now(1, 1, 1)};
  for (uint16_t port = 1; port <= 20; ++port) {
    scan.push_back(Now(1, 0, 1));
    scan.back().port = port;
  }
  ASSERT_TRUE(Record(scan).ok());
  Advance(kAnswerSeconds);
  for (uint64_t i = 2; i <= 12; ++i, Advance(kHour)) ASSERT_TRUE(Record({Now(i, i, 1)}).ok());
  const Evidence evidence = Load();
  const Edge& edge = evidence.edges.back();
  EXPECT_EQ(edge.port, 5432);
  EXPECT_EQ(edge.windows.front().start, kFirstHour + kHour);
  EXPECT_EQ(edge.folded_windows, 0u);
}

}  // namespace
}  // namespace bulkhead::learn
