// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/learn/review.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

// A policy in audit that lacks an edge which was answered for days: enforcing it must not be a surprise.
class CutTest : public ReadinessTest {
 protected:
  static constexpr uint64_t kAudit = kHours - 4;  // the first hour of it

  // From web, or a party of its, to db; the policy lacks it from kAudit on.
  Edge& WouldDeny(size_t source, const std::vector<uint64_t>& hours, uint16_t port = 5432, uint64_t workloads = 0b11) {
    Edge& edge = seen_.InWindows(source, db_, port, hours, workloads);
    edge.verdict = Verdict::kWouldDeny;
    return edge;
  }
  void AllowedUntil(uint64_t hour) {
    Edge& edge = seen_.Mutable().edges.front();
    std::erase_if(edge.windows, [&](const EdgeWindow& window) { return window.start > EvidenceBuilder::kBegin + hour * EvidenceBuilder::kWindow; });
    edge.flows = edge.answered = edge.windows.size();
    edge.last_seen = edge.windows.back().start;
  }
  void Decide(bool accepted, uint64_t hour) {
    Evidence& evidence = seen_.Mutable();
    evidence.decisions.push_back({NodeOf(evidence.parties[web_]), NodeOf(evidence.parties[db_]), kProtoTcp, 5432, accepted, "ada",
                                  EvidenceBuilder::kBegin + hour * EvidenceBuilder::kWindow});
  }
  std::vector<std::string> Waiting() {
    std::vector<std::string> out;
    for (const ReviewItem& item : MakeReview(seen_.Get(), "shop").edges) out.push_back(item.edge + ": " + item.why);
    return out;
  }
  static constexpr char kCut[] = "shop/web->shop/db:5432/tcp: known, but the policy in force would deny it";
};

TEST_F(CutTest, AKnownEdgeThatThePolicyInForceWouldDenyIsInTheWay) {
  AllowedUntil(kAudit - 1);
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_TRUE(Web().missing.empty());
  WouldDeny(web_, {kAudit, kAudit + 1});
  EXPECT_THAT(Waiting(), testing::ElementsAre(kCut));
  const Readiness web = Web();
  EXPECT_EQ(web.edges, 1u);  // its evidence stays what it is
  EXPECT_EQ(web.review, 1u);
  ASSERT_EQ(web.missing.size(), 1u);
  EXPECT_THAT(web.missing.back(), HasSubstr("1 edge waits for review"));
}

TEST_F(CutTest, APolicyThatWasMendedIsNot) {
  WouldDeny(web_, {kAudit});  // and allowed until the end
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_TRUE(Web().missing.empty());
}

TEST_F(CutTest, AVersionThatThePolicyDoesNotSelectIsSeenBesideOneThatItDoes) {
  const size_t next = seen_.Service("shop", "web", {{"track", "new"}}, "sha256:3");
  Edge& edge = WouldDeny(next, {kHours - 1});
  EXPECT_THAT(Waiting(), testing::ElementsAre(kCut));
  // It went away, and for an hour and more nobody was denied anything.
  edge.windows.front().start -= 2 * EvidenceBuilder::kWindow;
  edge.first_seen = edge.last_seen = edge.windows.front().start;
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(CutTest, WhatNobodyAnsweredIsNothingToMiss) {
  AllowedUntil(kAudit - 1);
  Edge& edge = WouldDeny(web_, {kAudit});
  edge.answered = edge.windows.front().answered = 0;
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(CutTest, ADecisionIsAboutWhatWasSeenUntilThen) {
  AllowedUntil(kAudit - 1);
  WouldDeny(web_, {kAudit});
  Decide(true, kAudit + 1);
  EXPECT_THAT(Waiting(), IsEmpty());
  seen_.Mutable().edges.back().last_seen += 2 * EvidenceBuilder::kWindow;  // accepted, and still not in the policy
  EXPECT_THAT(Waiting(), testing::ElementsAre(kCut));
  Decide(false, kAudit + 1);
  EXPECT_THAT(Waiting(), IsEmpty());  // the policy denies what it shall deny
}

TEST_F(CutTest, WouldDenialsThatLookLegitimateComeFirst) {
  AllowedUntil(kAudit - 1);
  seen_.InWindows(web_, db_, 80, {3}, 0b11);              // seen seldom, permitted
  WouldDeny(web_, {kAudit, kAudit + 1, kAudit + 2}, 22, 0b111);  // more clients, and never before
  WouldDeny(web_, {kAudit});
  const Review review = MakeReview(seen_.Get(), "shop");
  ASSERT_EQ(review.edges.size(), 3u);
  EXPECT_EQ(review.edges[0].edge, "shop/web->shop/db:5432/tcp");
  EXPECT_EQ(review.edges[1].edge, "shop/web->shop/db:22/tcp");
  EXPECT_EQ(review.edges[2].edge, "shop/web->shop/db:80/tcp");
  EXPECT_EQ(review.edges[1].why, "denied by policy, or would be");
}

TEST_F(CutTest, ManyClientsComeBeforeManyAnswers) {
  WouldDeny(web_, {kAudit, kAudit + 1, kAudit + 2}, 22, 0b1);
  WouldDeny(web_, {kAudit}, 23, 0b111);
  const Review review = MakeReview(seen_.Get(), "shop");
  ASSERT_EQ(review.edges.size(), 2u);
  EXPECT_EQ(review.edges[0].edge, "shop/web->shop/db:23/tcp");
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
