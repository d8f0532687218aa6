// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/flow_table.h"

#include <gtest/gtest.h>

namespace bulkhead::reference {
namespace {

Tuple Udp(uint8_t from, uint16_t from_port, uint8_t to, uint16_t to_port) {
  return {IpAddress::V4(198, 18, 1, from), IpAddress::V4(198, 18, 1, to), from_port, to_port, kProtoUdp};
}

TEST(FlowTableTest, BothDirectionsHaveOneKey) {
  const Tuple there = Udp(2, 40000, 5, 53), back = Udp(5, 53, 2, 40000);
  EXPECT_EQ(KeyOf(1, there), KeyOf(1, back));
  EXPECT_NE(KeyOf(1, there), KeyOf(2, there));
  EXPECT_EQ(SenderSide(there), 0);
  EXPECT_EQ(SenderSide(back), 1);
}

TEST(FlowTableTest, PortsDecideBetweenEqualAddresses) {
  const Tuple there = Udp(2, 256, 2, 255), back = Udp(2, 255, 2, 256);
  EXPECT_EQ(KeyOf(1, there), KeyOf(1, back));
  EXPECT_EQ(SenderSide(there), 1) << "as bytes in network order: 0x0100 is higher than 0x00ff";
}

TEST(FlowTableTest, ExpiryAcrossTheWrapOfTheClock) {
  FlowTable table;
  const Timeouts timeouts = {{10, 10, 10, 10}, {10, 10, 10, 10}, {0, 0, 0, 0}};
  table.SetTimeouts(timeouts);
  const FlowKey key = KeyOf(1, Udp(2, 1, 5, 2));
  table.Create(key).last_seen = 0xfffffffcu;
  EXPECT_NE(table.Find(key, 6), nullptr);
  EXPECT_EQ(table.Find(key, 7), nullptr);
  EXPECT_NE(table.Find(key, 0xfffffff0u), nullptr) << "seen a moment after the clock was read";
  EXPECT_EQ(table.Sweep(6), 0u);
  EXPECT_EQ(table.Sweep(7), 1u);
}

TEST(FlowTableTest, ZeroIsForever) {
  FlowTable table;
  const FlowKey key = KeyOf(1, Udp(2, 1, 5, 2));
  table.Create(key);
  EXPECT_NE(table.Find(key, 0x7fffffffu), nullptr);
}

}  // namespace
}  // namespace bulkhead::reference
