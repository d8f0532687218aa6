// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/learn/ledger_fixture.h"

namespace bulkhead::learn {
namespace {

TEST_F(LedgerTest, AddsDifferencesOfTotals) {
  ASSERT_TRUE(Record({WebToDb(3, 2)}).ok());
  ASSERT_TRUE(Record({WebToDb(3, 2)}).ok());
  const auto third = Record({WebToDb(10, 9)});
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->changed, 1u);
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].flows, 10u);
  EXPECT_EQ(evidence.edges[0].answered, 9u);
  const Party& source = evidence.parties[evidence.edges[0].source];
  EXPECT_EQ(source.service, "web");
  EXPECT_EQ(source.labels, web_.labels);
  EXPECT_EQ(source.image_digest, "sha256:aa");
}

// A full disk must not cost what was found about a scanner.
TEST_F(LedgerTest, AScanIsFoundAlthoughItCouldNotBeWrittenAtOnce) {
  std::vector<EdgeRecord> probes;
  for (uint16_t port = 1; port <= 5; ++port) {
    probes.push_back(WebToDb(1, 0));
    probes.back().port = port;
  }
  ASSERT_TRUE(Record(probes).ok());
  now_.unix_seconds += kAnswerSeconds;
  now_.edge_clock_ns += kAnswerSeconds * kSecond;
  auto other = Database::Open(folder_ + "/state.db");
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->Exec("CREATE TRIGGER full BEFORE INSERT ON learn_quarantine BEGIN SELECT RAISE(ABORT, 'full'); END").ok());
  EXPECT_FALSE(Record(probes).ok());
  ASSERT_TRUE((*other)->Exec("DROP TRIGGER full").ok());
  const auto written = Record(probes);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->quarantined, 1u);
  EXPECT_EQ(Load().quarantines.size(), 1u);
}

TEST_F(LedgerTest, AnEdgeOfAnUnknownVerdictIsDamage) {
  ASSERT_TRUE(Record({WebToDb(1, 1)}).ok());
  auto other = Database::Open(folder_ + "/state.db");
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->Exec("UPDATE learn_edges SET verdict = 3").ok());
  EXPECT_EQ(ledger_->Load().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LedgerTest, TurnsTheEdgesClockIntoUnixTime) {
  ASSERT_TRUE(Record({WebToDb(1, 1)}).ok());
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].first_seen, 1'000'000u - 90);
  EXPECT_EQ(evidence.edges[0].last_seen, 1'000'000u - 70);
}

TEST_F(LedgerTest, NothingNewIsNotWritten) {
  ASSERT_TRUE(Record({WebToDb(3, 2)}).ok());
  const auto again = Record({WebToDb(3, 2)});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->changed, 0u);
}

TEST_F(LedgerTest, AnEdgeMadeAnewCountsFromZero) {
  ASSERT_TRUE(Record({WebToDb(10, 9)}).ok());
  ASSERT_TRUE(Record({WebToDb(12, 11, 50 * kSecond)}).ok());  // a later birth, although the totals are higher
  ASSERT_TRUE(Record({WebToDb(2, 1, 50 * kSecond)}).ok());    // totals that went down, although the birth is the same
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].flows, 24u);
  EXPECT_EQ(evidence.edges[0].answered, 21u);
}

TEST_F(LedgerTest, ABirthThatWasReadAMomentApartIsTheSame) {
  ASSERT_TRUE(Record({WebToDb(10, 9, 10 * kSecond)}).ok());
  ASSERT_TRUE(Record({WebToDb(11, 9, 10 * kSecond + 700)}).ok());
  ASSERT_TRUE(Record({WebToDb(12, 9, 10 * kSecond - 900)}).ok());
  EXPECT_EQ(Load().edges[0].flows, 12u);
}

TEST_F(LedgerTest, ARestartGoesOnWhereTheLastDrainEnded) {
  ASSERT_TRUE(Record({WebToDb(10, 9)}).ok());
  Reopen();
  ASSERT_TRUE(Record({WebToDb(11, 9)}).ok());
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].flows, 11u);
  EXPECT_EQ(evidence.edges[0].answered, 9u);
}

TEST_F(LedgerTest, AnEdgeGivenTwiceInOneDrainCountsOnce) {
  ASSERT_TRUE(Record({WebToDb(10, 9), WebToDb(11, 10)}).ok());
  ASSERT_TRUE(Record({WebToDb(11, 10)}).ok());
  EXPECT_EQ(Load().edges[0].flows, 11u);
}

TEST_F(LedgerTest, TheSameContentUnderANewNumberIsTheSameParty) {
  ASSERT_TRUE(Record({WebToDb(10, 9)}).ok());
  EdgeRecord renumbered = WebToDb(5, 5, 60 * kSecond);
  renumbered.source_identity = 40;
  Identity web = web_;
  web.id = 40;
  const auto lookup = [&](IdentityId id) { return id == 40 ? &web : Lookup(id); };
  ASSERT_TRUE(ledger_->Record({renumbered}, lookup, now_).ok());
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].flows, 15u);
  EXPECT_EQ(evidence.parties[evidence.edges[0].source].latest, 40u);
}

TEST_F(LedgerTest, AnIdentityNobodyKnowsIsTakenWhenItIsKnown) {
  EdgeRecord strange = WebToDb(4, 4);
  strange.source_identity = kStranger;
  const auto first = Record({strange});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->unattributed, 1u);
  EXPECT_TRUE(Load().edges.empty());
  Identity late{kStranger, "shop", "late", {}, ""};
  const auto lookup = [&](IdentityId id) { return id == kStranger ? &late : Lookup(id); };
  ASSERT_TRUE(ledger_->Record({strange}, lookup, now_).ok());
  ASSERT_EQ(Load().edges.size(), 1u);
  EXPECT_EQ(Load().edges[0].flows, 4u);
}

TEST_F(LedgerTest, WhatWasStoredOutlivesAKill) {
  ledger_.reset();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto ledger = Ledger::Open(folder_ + "/state.db", {});
    bool ok = ledger.ok();
    for (uint64_t i = 1; ok && i <= 5; ++i) {
      ok = (*ledger)
               ->Record(
                   {WebToDb(i, i)}, [this](IdentityId id) { return Lookup(id); }, now_)
               .ok();
    }
    const char word = ok ? 'y' : 'n';
    if (write(ready[1], &word, 1) != 1) _exit(1);
    while (true) pause();
  }
  close(ready[1]);
  char word = 0;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  close(ready[0]);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_EQ(word, 'y');
  Reopen();
  ASSERT_TRUE(Record({WebToDb(7, 6)}).ok());
  const Evidence evidence = Load();
  ASSERT_EQ(evidence.edges.size(), 1u);
  EXPECT_EQ(evidence.edges[0].flows, 7u);
  EXPECT_EQ(evidence.edges[0].answered, 6u);
}

TEST_F(LedgerTest, AFloodFromOutsideDoesNotPushOutWhatWasAnswered) {
  Reopen({.edges = 50});
  ASSERT_TRUE(Record({WebToDb(3, 3), FromOutside(1, 1)}).ok());
  uint64_t forgotten = 0;
  for (uint32_t round = 0; round < 10; ++round) {
    std::vector<EdgeRecord> flood;
    for (uint32_t i = 0; i < 40; ++i) flood.push_back(FromOutside(1000 + round * 40 + i, 0));
    now_.unix_seconds += 5;
    const auto result = Record(flood);
    ASSERT_TRUE(result.ok());
    forgotten += result->forgotten;
  }
  const Evidence evidence = Load();
  EXPECT_LE(evidence.edges.size(), 50u);
  EXPECT_GE(forgotten, 350u);
  uint64_t answered = 0;
  for (const Edge& edge : evidence.edges) answered += edge.answered;
  EXPECT_EQ(answered, 4u);
}

TEST_F(LedgerTest, ABaselineEndsAnHourAfterItsEdgeWasLastSeen) {
  ASSERT_TRUE(Record({WebToDb(3, 3)}).ok());
  now_.unix_seconds += kBaselineLife - 1;
  ASSERT_TRUE(Record({}).ok());
  ASSERT_TRUE(Record({WebToDb(3, 3)}).ok());
  EXPECT_EQ(Load().edges[0].flows, 3u);
  now_.unix_seconds += kBaselineLife;
  ASSERT_TRUE(Record({}).ok());
  ASSERT_TRUE(Record({WebToDb(3, 3)}).ok());
  EXPECT_EQ(Load().edges[0].flows, 6u);
}

TEST(PackLabelsTest, ReadsBackAnyBytesAndRefusesDamage) {
  const Labels labels{{"", ""}, {"a", "1:2"}, {std::string("\0x", 2), "\xff\n"}};
  const auto back = UnpackLabels(PackLabels(labels));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, labels);
  for (const char* broken : {"x", "5:ab", "1:a", "1a", ":", "99999999999999999999999:a", "1:a1"}) {
    EXPECT_FALSE(UnpackLabels(broken).ok()) << broken;
  }
}

}  // namespace
}  // namespace bulkhead::learn
