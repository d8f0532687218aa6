// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/flow_tick.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

constexpr uint64_t kTick = 256000000;  // ns: HZ = 250

TEST(FlowTick, IsSixtyFourJiffies) {
  const uint64_t jiffy = FlowTickNs() / 64;
  EXPECT_EQ(FlowTickNs() % 64, 0u);
  EXPECT_GE(jiffy, 900000u);    // HZ = 1000
  EXPECT_LE(jiffy, 10000000u);  // HZ = 100
}

TEST(FlowTick, SecondsAreRoundedUp) {
  EXPECT_EQ(SecondsToTicks(0, kTick), 0u);
  EXPECT_EQ(SecondsToTicks(1, kTick), 4u);     // 3.9
  EXPECT_EQ(SecondsToTicks(32, kTick), 125u);  // exactly
  EXPECT_EQ(SecondsToTicks(8 * 3600, kTick), 112500u);
}

TEST(FlowTick, SecondsAreBoundedByHalfTheRange) {
  EXPECT_EQ(SecondsToTicks(~0ull, kTick), 0x7fffffffu);
  EXPECT_EQ(SecondsToTicks(0xffffffffu, kTick), 0x7fffffffu);
}

TEST(FlowTick, DifferencesCrossTheWrap) {
  EXPECT_EQ(TicksSince(100, 130), 30u);
  EXPECT_EQ(TicksSince(0xfffffff0u, 0x10u), 0x20u);
  EXPECT_EQ(TicksSince(5, 4), 0u) << "stamped after now was read";
  EXPECT_EQ(TicksSince(0, 0xffffffffu), 0u) << "the same, across the wrap";
}

}  // namespace
}  // namespace bulkhead
