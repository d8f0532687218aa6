// SPDX-License-Identifier: Apache-2.0
// What the verbs of `learn` print, to the letter.
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using bulkhead::testing::MakeShopEdge;
using bulkhead::testing::UnixNow;
using ::testing::HasSubstr;

class LearnTablesTest : public ProgramTest {
 protected:
  nlohmann::json Json(const std::string& arguments) {
    const Outcome outcome = Run(arguments + " -o json");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    nlohmann::json json = nlohmann::json::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << outcome.out;
    return json;
  }
};

TEST_F(LearnTablesTest, Edges) {
  service_.edges = {MakeShopEdge("web", Verdict::kDeny, 0, 0, 14), MakeShopEdge("api", Verdict::kAllow, 7, 6, 0)};
  Start();
  EXPECT_EQ(Run("learn edges").out,
            "FROM      TO       PORT      VERDICT     FLOWS  ANSWERED  DENIED  FIRST  LAST\n"
            "shop/web  shop/db  5432/tcp  deny        0      0         14      10m    1m\n"
            "shop/api  shop/db  5432/tcp  allow       7      6         0       10m    1m\n");
  EXPECT_EQ(Json("learn edges --verdict allow")[0]["answered"], 6);
  EXPECT_TRUE(Json("learn edges --since 30s").empty());
}

TEST_F(LearnTablesTest, LearnStatus) {
  Readiness ready, early;
  ready.ns = early.ns = "shop";
  ready.service = "db";
  ready.image_digest = "sha256:9f1c0a52d3b4e5f6";
  ready.hours = 96.25;
  ready.edges = 4;
  ready.last_new = UnixNow() - 7200;
  ready.new_per_hour = 0.0312;
  ready.unseen_hours = {1, 2};
  early.service = "web";
  early.review = 2;
  early.seen_once = 3;
  early.missing = {"0.0 of 24.0 workload-hours were observed", "2 edges wait for review"};
  service_.readiness = {ready, early};
  Start();
  EXPECT_EQ(Run("learn status").out,
            "SERVICE   IMAGE         HOURS  EDGES  REVIEW  LAST-NEW  NEW/h(95%)  READY\n"
            "shop/db   9f1c0a52d3b4  96.2   4      0       2h        0.031       yes\n"
            "shop/web  -             0.0    0      2       -         -           "
            "not yet: 0.0 of 24.0 workload-hours were observed; 2 edges wait for review\n");
  EXPECT_THAT(Run("learn status shop -o wide").out,
              HasSubstr("SERVICE   IMAGE         HOURS  EDGES  REVIEW  LAST-NEW  NEW/h(95%)  ONCE  UNSEEN-HOURS  READY\n"));
  const nlohmann::json json = Json("learn status");
  EXPECT_EQ(json[0]["ready"], true);
  EXPECT_EQ(json[1]["missing"].size(), 2u);
  EXPECT_EQ(service_.calls().back(), "readiness ");
}

TEST_F(LearnTablesTest, LearnReviewKeepsItsOrderAndTellsOfScannersBelow) {
  const uint64_t now = UnixNow();
  service_.review.edges = {{"shop/web->shop/db:5432/tcp", "known, but the policy in force would deny it", 900, 12, 0, 3, 40, now - 86400, now - 60},
                           {"shop/web->shop/db:22/tcp", "denied by policy, or would be", 0, 5, 0, 1, 1, now - 60, now - 60},
                           {"shop/api->shop/db:22/tcp", "seen only while the source scanned", 0, 0, 7, 1, 0, now - 3600, now - 3600}};
  service_.review.scans = {{"shop/api", "first contacts failed", 1, 30, 28, now - 3600, now - 3600}};
  Start();
  EXPECT_EQ(Run("learn review shop").out,
            "EDGE                        ANSWERED  WOULD-DENY  CLIENTS  HOURS  FIRST  LAST  WHY\n"
            "shop/web->shop/db:5432/tcp  900       12          3        40     24h    1m    known, but the policy in force would deny it\n"
            "shop/web->shop/db:22/tcp    0         5           1        1      1m     1m    denied by policy, or would be\n"
            "shop/api->shop/db:22/tcp    7         0           1        0      1h     1h    seen only while the source scanned\n"
            "\nIn quarantine, what they did then supports nothing:\n"
            "SOURCE    CONTACTS  FAILED  HOURS  FIRST  LAST  WHY\n"
            "shop/api  30        28      1      1h     1h    first contacts failed\n");
  const nlohmann::json json = Json("learn review");
  ASSERT_EQ(json.size(), 4u);
  EXPECT_EQ(json[0]["would_denied"], 12);
  EXPECT_EQ(json[3]["kind"], "scan");
}

}  // namespace
}  // namespace bulkhead::cli
