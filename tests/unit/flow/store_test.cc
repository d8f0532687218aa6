// SPDX-License-Identifier: Apache-2.0
// Who gives way to whom in a group of the flow table that is full (bpf/flow_store.h).
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "tests/unit/flow/memory_tables.h"

namespace bulkhead {
namespace {

constexpr uint32_t kNow = 5000;
constexpr uint32_t kTimeout = 100;  // flow ticks, of every state
constexpr uint16_t kOwner = 3, kOther = 4;

bh_flow4_key KeyOf(uint16_t port) {
  bh_flow4_key key{};
  key.address[0][3] = 1;
  key.address[1][3] = 2;
  key.port[0] = htons(port);
  key.port[1] = htons(80);
  key.protocol = kProtoUdp;
  return key;
}

bh_flow FlowOf(uint16_t owner, uint8_t state, uint32_t last_seen) {
  bh_flow flow{};
  flow.hot.meta = BH_META(0, state, state == BH_FLOW_UNANSWERED ? 0 : BH_FLOW_HEARD);
  flow.hot.last_seen = last_seen;
  flow.cold.owner = owner;
  return flow;
}

// One group, full: ports 1 to 16.
class FullGroup : public testing::Test {
 protected:
  FullGroup() {
    for (auto& row : tables_.control().timeout) {
      for (auto& ticks : row) ticks = kTimeout;
    }
  }
  void Fill(uint16_t owner, uint8_t state) {
    for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) ASSERT_TRUE(Put(port, owner, state, kNow - port));
  }
  bool Put(uint16_t port, uint16_t owner, uint8_t state, uint32_t last_seen = kNow) {
    return tables_.Put(KeyOf(port), FlowOf(owner, state, last_seen), kNow);
  }
  bool Has(uint16_t port) { return tables_.Has(KeyOf(port)); }
  int Missing() {
    int missing = 0;
    for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) missing += Has(port) ? 0 : 1;
    return missing;
  }

  MemoryTables tables_{1, 1};
};

TEST_F(FullGroup, AnsweredFlowsStay) {
  Fill(kOwner, BH_FLOW_ESTABLISHED);
  EXPECT_FALSE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_EQ(Missing(), 0);
}

TEST_F(FullGroup, TheOldestUnansweredGivesWay) {
  Fill(kOwner, BH_FLOW_UNANSWERED);
  EXPECT_TRUE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_FALSE(Has(BH_GROUP_SLOTS));
  EXPECT_EQ(Missing(), 1);
}

TEST_F(FullGroup, WhatWasOnlyAcceptedGivesWay) {
  for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) {
    bh_flow flow = FlowOf(kOwner, BH_FLOW_ESTABLISHED, kNow - port);
    flow.hot.meta &= ~BH_META(0, 0, BH_FLOW_HEARD);
    ASSERT_TRUE(tables_.Put(KeyOf(port), flow, kNow));
  }
  EXPECT_TRUE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_EQ(Missing(), 1);
}

TEST_F(FullGroup, AnUnansweredOneAmongAnsweredOnesGivesWay) {
  for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) {
    ASSERT_TRUE(Put(port, kOwner, port == 7 ? BH_FLOW_UNANSWERED : BH_FLOW_ESTABLISHED, kNow - 20 + port));
  }
  EXPECT_TRUE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_FALSE(Has(7));
  EXPECT_EQ(Missing(), 1);
}

TEST_F(FullGroup, AnExpiredAnsweredFlowGivesWayBeforeAnUnansweredOne) {
  for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) {
    const bool expired = port == 5;
    ASSERT_TRUE(Put(port, kOwner, expired ? BH_FLOW_ESTABLISHED : BH_FLOW_UNANSWERED, expired ? kNow - kTimeout - 1 : kNow - 50));
  }
  EXPECT_TRUE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_FALSE(Has(5));
  EXPECT_EQ(Missing(), 1);
}

TEST_F(FullGroup, OverItsQuotaSomebodyGetsOnlyItsOwn) {
  for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) {
    ASSERT_TRUE(Put(port, port == 9 ? kOwner : kOther, port == 9 ? BH_FLOW_ESTABLISHED : BH_FLOW_UNANSWERED, kNow - port));
  }
  tables_.control().quota[0] = 1;
  EXPECT_TRUE(Put(100, kOwner, BH_FLOW_UNANSWERED)) << "its own, though that was answered";
  EXPECT_FALSE(Has(9));
  EXPECT_EQ(Missing(), 1);
}

TEST_F(FullGroup, OverItsQuotaSomebodyGetsNoFreeSlot) {
  for (uint16_t port = 1; port < BH_GROUP_SLOTS; ++port) ASSERT_TRUE(Put(port, kOther, BH_FLOW_ESTABLISHED));
  tables_.control().quota[0] = 0;
  EXPECT_FALSE(Put(100, kOwner, BH_FLOW_UNANSWERED));
  tables_.control().quota[0] = 1;
  EXPECT_TRUE(Put(100, kOwner, BH_FLOW_UNANSWERED));
}

TEST_F(FullGroup, AHeldEntryStays) {
  for (uint16_t port = 1; port <= BH_GROUP_SLOTS; ++port) {
    const uint8_t flags = port == 2 ? 0 : BH_FLOW_HELD;
    bh_flow flow = FlowOf(kOwner, BH_FLOW_UNANSWERED, kNow - 3 * kTimeout);
    flow.hot.meta = BH_META(0, BH_FLOW_UNANSWERED, flags);
    ASSERT_TRUE(tables_.Put(KeyOf(port), flow, kNow));
  }
  EXPECT_TRUE(Put(100, kOther, BH_FLOW_UNANSWERED));
  EXPECT_FALSE(Has(2));
  EXPECT_EQ(Missing(), 1);
}

}  // namespace
}  // namespace bulkhead
