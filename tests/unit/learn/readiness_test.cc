// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/learn/review.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using ::testing::HasSubstr;

// Garwood's one-sided bounds, as tables of the chi-square distribution give them: half its 95% point with 2 (count + 1) degrees.
TEST(PoissonUpper95, IsThatOfTheTables) {
  EXPECT_NEAR(PoissonUpper95(0), 2.9957, 1e-3);
  EXPECT_NEAR(PoissonUpper95(1), 4.7439, 1e-3);
  EXPECT_NEAR(PoissonUpper95(5), 10.5130, 1e-3);
  EXPECT_NEAR(PoissonUpper95(100), 118.08, 0.05);
  EXPECT_GT(PoissonUpper95(301), PoissonUpper95(300));
}

class ReadinessTest : public testing::Test {
 protected:
  static constexpr uint64_t kHours = 48;

  ReadinessTest() {
    seen_.Mutable().window_seconds = EvidenceBuilder::kWindow;
    for (uint64_t hour = 0; hour < kHours; ++hour) {
      for (const size_t party : {web_, db_}) {
        seen_.Mutable().presence.push_back({party, EvidenceBuilder::kBegin + hour * EvidenceBuilder::kWindow, 2 * 3'600'000});
      }
      all_.push_back(hour);
    }
    seen_.InWindows(web_, db_, 5432, all_, 0b11);
  }
  Readiness Web() {
    const auto rows = MakeReadiness(seen_.Get(), limits_, "shop/web");
    EXPECT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(rows->size(), 1u);
    return rows->front();
  }

  EvidenceBuilder seen_;
  const size_t web_ = seen_.Service("shop", "web", {}, "sha256:1"), db_ = seen_.Service("shop", "db", {}, "sha256:2");
  std::vector<uint64_t> all_;
  const ReadyLimits limits_;
};

TEST_F(ReadinessTest, WhatDoesTheSameEveryHourIsReady) {
  const Readiness web = Web();
  EXPECT_DOUBLE_EQ(web.hours, 2.0 * kHours);
  EXPECT_EQ(web.edges, 1u);
  EXPECT_EQ(web.seen_once, 0u);
  EXPECT_NEAR(*web.new_per_hour, 2.9957 / (2 * kHours), 1e-4);
  EXPECT_TRUE(web.missing.empty()) << web.missing.front();
  EXPECT_EQ(web.unseen_hours.size(), 7 * 24 - kHours);
}

TEST_F(ReadinessTest, AnEdgeThatWaitsForReviewIsInTheWay) {
  seen_.InWindows(web_, db_, 22, {40}, 0b01);
  const Readiness web = Web();
  EXPECT_EQ(web.edges, 1u);
  EXPECT_EQ(web.review, 1u);
  EXPECT_EQ(web.seen_once, 1u);
  EXPECT_NEAR(*web.new_per_hour, 4.7439 / (2 * kHours), 1e-4);
  ASSERT_FALSE(web.missing.empty());
  EXPECT_THAT(web.missing.back(), HasSubstr("1 edge waits for review"));

  const Review review = MakeReview(seen_.Get(), "shop/web");
  ASSERT_EQ(review.edges.size(), 1u);
  EXPECT_EQ(review.edges.front().edge, "shop/web->shop/db:22/tcp");
  const auto decision = MakeDecision(seen_.Get(), review.edges.front().edge, false, "somebody", 7);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->who, "somebody");
  EXPECT_EQ(MakeDecision(seen_.Get(), "shop/web->shop/db:23/tcp", true, "somebody", 7).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ReadinessTest, ANewServiceIsNotReady) {
  seen_.Mutable().presence.resize(4);  // two hours
  const Readiness web = Web();
  EXPECT_DOUBLE_EQ(web.hours, 4);
  ASSERT_FALSE(web.missing.empty());
  EXPECT_THAT(web.missing.front(), HasSubstr("24"));
}

TEST_F(ReadinessTest, NothingSeenIsSaid) {
  EXPECT_EQ(MakeReadiness(seen_.Get(), limits_, "shop/nosuch").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace bulkhead::learn
