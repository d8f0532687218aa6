// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_tracker.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;

class FlowTrackerTest : public ::testing::Test {
 protected:
  FlowRecord Flow(uint16_t port, uint64_t opened_ns, FlowState state = FlowState::kEstablished) {
    FlowRecord flow;
    flow.source_port = port;
    flow.opened_ns = opened_ns;
    flow.state = state;
    return flow;
  }
  // "PORT new", "PORT closed", ...
  std::vector<std::string> Look(uint64_t now_ns, const std::vector<FlowRecord>& table) {
    std::vector<std::string> out;
    tracker_.Begin(now_ns);
    for (const FlowRecord& flow : table) {
      const FlowTracker::Change change = tracker_.Look(flow);
      if (change.opened) out.push_back(std::to_string(flow.source_port) + " new");
      if (change.over != nullptr) out.push_back(std::to_string(flow.source_port) + " " + change.over);
    }
    tracker_.End();
    return out;
  }

  FlowTracker tracker_;
};

TEST_F(FlowTrackerTest, EachFlowIsNewOnceAndOverOnce) {
  EXPECT_THAT(Look(10 * kSecond, {Flow(1, 2 * kSecond)}), IsEmpty()) << "was there";
  EXPECT_THAT(Look(11 * kSecond, {Flow(1, 2 * kSecond), Flow(2, 10 * kSecond + 5)}), ElementsAre("2 new"));
  EXPECT_THAT(Look(12 * kSecond, {Flow(1, 2 * kSecond), Flow(2, 10 * kSecond + 5, FlowState::kClosed)}), ElementsAre("2 closed"));
  EXPECT_THAT(Look(13 * kSecond, {Flow(1, 2 * kSecond), Flow(2, 10 * kSecond + 5, FlowState::kClosed)}), IsEmpty());
  EXPECT_THAT(Look(14 * kSecond, {Flow(1, 2 * kSecond)}), IsEmpty());
}

TEST_F(FlowTrackerTest, WhatLivedBetweenTwoLooksIsSeenWhole) {
  Look(10 * kSecond, {});
  EXPECT_THAT(Look(11 * kSecond, {Flow(3, 10 * kSecond + 9, FlowState::kClosed)}), ElementsAre("3 new", "3 closed"));
}

TEST_F(FlowTrackerTest, AFlowThatComesLateIntoTheTableIsNotMissed) {
  Look(10 * kSecond, {});
  // Stamped before that look, put into the table behind it.
  const std::vector<FlowRecord> table = {Flow(4, 10 * kSecond - 20)};
  EXPECT_THAT(Look(11 * kSecond, table), ElementsAre("4 new"));
  EXPECT_THAT(Look(11 * kSecond + kSecond / 2, table), IsEmpty());
  EXPECT_THAT(Look(12 * kSecond, table), IsEmpty());
}

TEST_F(FlowTrackerTest, PortsThatAreUsedAgainAreAFlowOfTheirOwn) {
  Look(10 * kSecond, {Flow(5, kSecond, FlowState::kClosed)});
  EXPECT_THAT(Look(11 * kSecond, {Flow(5, 10 * kSecond + 1)}), ElementsAre("5 new"));
  EXPECT_THAT(Look(12 * kSecond, {Flow(5, 10 * kSecond + 1, FlowState::kClosed)}), ElementsAre("5 closed"));
}

TEST_F(FlowTrackerTest, RevokedAndExpired) {
  FlowRecord revoked = Flow(6, kSecond), expired = Flow(7, kSecond);
  Look(10 * kSecond, {revoked, expired});
  revoked.verdict = Verdict::kDeny;
  expired.expired = true;
  EXPECT_THAT(Look(11 * kSecond, {revoked, expired}), ElementsAre("6 revoked", "7 closed"));
  EXPECT_THAT(Look(12 * kSecond, {revoked, expired}), IsEmpty());
  revoked.verdict = Verdict::kAllow;
  EXPECT_THAT(Look(13 * kSecond, {revoked}), IsEmpty());
  revoked.verdict = Verdict::kDeny;
  EXPECT_THAT(Look(14 * kSecond, {revoked}), ElementsAre("6 revoked")) << "cut off a second time";
}

}  // namespace
}  // namespace bulkhead::api
