// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/scan_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace bulkhead::learn {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kLength = 3600;

class ScanWatchTest : public testing::Test {
 protected:
  void See(int64_t edge, bool answered, uint64_t workloads = 1) {
    ScanWatch::Contact contact;
    contact.source.party = 1;
    contact.edge = edge;
    contact.inside = true;
    contact.answered = answered;
    contact.workloads = workloads;
    watch_.See(contact, now_, Window());
  }
  std::vector<ScanWatch::Found> Later(uint64_t seconds = kAnswerSeconds) {
    now_ += seconds;
    return watch_.Judge(now_, Window(), kLength);
  }
  uint64_t Window() const { return now_ - now_ % kLength; }

  ScanWatch watch_;
  uint64_t now_ = 100 * kLength;
};

TEST_F(ScanWatchTest, FiveFailuresMoreThanAnswersAreAScan) {
  for (int64_t edge = 1; edge <= 4; ++edge) See(edge, false);
  EXPECT_THAT(Later(), IsEmpty());
  See(5, false);
  const auto found = Later();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].source.party, 1);
  EXPECT_EQ(found[0].failures, 5u);
  EXPECT_EQ(found[0].workloads, 1u);
  EXPECT_EQ(found[0].reason, ScanReason::kFailures);
}

TEST_F(ScanWatchTest, AnswersBetweenMakeItNone) {
  for (int64_t edge = 0; edge < 40; ++edge) See(edge, edge % 2 == 0);
  EXPECT_THAT(Later(), IsEmpty());
}

TEST_F(ScanWatchTest, PastAnswersGiveNoCredit) {
  for (int64_t edge = 0; edge < 50; ++edge) See(edge, true);
  EXPECT_THAT(Later(kLength), IsEmpty());
  for (int64_t edge = 100; edge < 105; ++edge) See(edge, false);
  EXPECT_THAT(Later(), SizeIs(1));
}

TEST_F(ScanWatchTest, OneDeadServerIsNoScan) {
  for (int i = 0; i < 100; ++i) {
    See(1, false);
    EXPECT_THAT(Later(600), IsEmpty());
  }
}

TEST_F(ScanWatchTest, ServersThatComeUpLateAreNoProbes) {
  for (int64_t edge = 1; edge <= 4; ++edge) See(edge, false);
  (void)Later();
  for (int64_t edge = 1; edge <= 4; ++edge) See(edge, true);
  for (int64_t edge = 5; edge <= 8; ++edge) See(edge, false);
  EXPECT_THAT(Later(), IsEmpty());
}

TEST_F(ScanWatchTest, ASlowScanTakesItsEarlierWindowsWithIt) {
  for (int64_t edge = 1; edge <= 4; ++edge) {
    See(edge, false);
    EXPECT_THAT(Later(kLength), IsEmpty());
  }
  See(5, false);
  EXPECT_THAT(Later(), SizeIs(5));
  EXPECT_THAT(Later(kLength), IsEmpty());  // nothing new failed
  See(5, false);                           // an old probe again
  EXPECT_THAT(Later(), SizeIs(1));
}

TEST_F(ScanWatchTest, NamesTheWorkloadThatDidIt) {
  for (int64_t edge = 1; edge <= 20; ++edge) See(edge, false, edge == 7 ? 0b11 : 0b10);
  const auto found = Later();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].workloads, 0b10u);
}

TEST_F(ScanWatchTest, ManyAnsweredContactsInOneWindowAreAScan) {
  for (int64_t edge = 1; edge < 64; ++edge) See(edge, true);
  EXPECT_THAT(Later(), IsEmpty());
  See(64, true);
  const auto found = Later();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].reason, ScanReason::kFanOut);
}

TEST_F(ScanWatchTest, AWalkEndsAfterIdleWindows) {
  for (int64_t edge = 1; edge <= 4; ++edge) See(edge, false);
  (void)Later();
  (void)Later((kIdleWindows + 2) * kLength);
  See(5, false);
  EXPECT_THAT(Later(), IsEmpty());
}

TEST_F(ScanWatchTest, SourcesFromOutsideAreBounded) {
  for (uint32_t i = 0; i < 3 * kMaxSources; ++i) {
    ScanWatch::Contact contact;
    contact.source = {2, IpAddress::V4(198, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i))};
    contact.edge = static_cast<int64_t>(i) + 10;
    watch_.See(contact, now_, Window());
  }
  for (int64_t edge = 1; edge <= 5; ++edge) See(edge, false);  // one inside is still watched
  EXPECT_THAT(Later(), SizeIs(1));
}

TEST_F(ScanWatchTest, WhatAllWalksRememberIsBounded) {
  size_t most = 0;
  for (uint32_t round = 0; round < 6; ++round) {
    for (uint32_t i = 0; i < kMaxSources; ++i) {
      ScanWatch::Contact contact;
      contact.source = {2, IpAddress::V4(198, 18, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i))};
      contact.inside = true;
      for (uint32_t target = 0; target < 4; ++target) {
        contact.edge = 1000 + (int64_t{round} * kMaxSources + i) * 4 + target;
        watch_.See(contact, now_, Window());
        most = std::max(most, watch_.remembered());
      }
    }
    (void)Later(kLength);
    most = std::max(most, watch_.remembered());
  }
  EXPECT_GT(most, kMaxRemembered / 4) << "it is remembered at all";
  EXPECT_LE(most, kMaxRemembered / 2);
  for (int64_t edge = 1; edge <= 5; ++edge) See(edge, false);
  EXPECT_THAT(Later(), testing::Contains(testing::Field(&ScanWatch::Found::source, ScanWatch::Source{1, {}}))) << "one inside";
  (void)Later((kIdleWindows + 2) * kLength);
  EXPECT_EQ(watch_.remembered(), 0u) << "all of it is given back";
}

// It remembers the latest failures, so a scan that paused goes on where it was.
TEST_F(ScanWatchTest, AWalkRemembersFewFailuresAndGoesOnCounting) {
  for (int64_t edge = 1; edge <= 1000; ++edge) See(edge, false);
  EXPECT_THAT(Later(), SizeIs(1));
  EXPECT_LE(watch_.remembered(), 1 + kFanOut + kMaxFailedEdges);
  for (int64_t edge = 2001; edge <= 2020; ++edge) See(edge, true);
  (void)Later(kLength);
  EXPECT_THAT(Later(kLength), IsEmpty());
  for (int64_t edge = 3001; edge <= 3005; ++edge) See(edge, false);
  EXPECT_THAT(Later(), testing::Contains(testing::Field(&ScanWatch::Found::start, Window())));
}

}  // namespace
}  // namespace bulkhead::learn
