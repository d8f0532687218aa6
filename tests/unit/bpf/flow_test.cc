// SPDX-License-Identifier: Apache-2.0
// Keys, time, states and the search of intervals.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "bpf/flow_key.h"
#include "bpf/flow_state.h"
#include "bpf/interval.h"

namespace bulkhead::bpf_test {
namespace {

bh_packet RandomPacket(std::mt19937& random, uint8_t family) {
  bh_packet packet{};
  packet.family = family;
  packet.protocol = 17;
  // Few values, so that equal and nearly equal ends come up.
  for (int i = 0; i < (family == BH_V4 ? 1 : 4); ++i) {
    packet.source[i] = htonl(static_cast<uint32_t>(random() % 3) << (random() % 2 ? 31 : 0));
    packet.destination[i] = htonl(static_cast<uint32_t>(random() % 3) << (random() % 2 ? 31 : 0));
  }
  packet.source_port = htons(static_cast<uint16_t>(random() % 3 * 255));
  packet.destination_port = htons(static_cast<uint16_t>(random() % 3 * 255));
  return packet;
}

bh_packet Reversed(const bh_packet& packet) {
  bh_packet other = packet;
  std::copy_n(packet.source, 4, other.destination);
  std::copy_n(packet.destination, 4, other.source);
  std::swap(other.source_port, other.destination_port);
  return other;
}

template <typename Key, uint32_t (*KeyOf)(const bh_packet*, uint16_t, Key*)>
void CheckKeys(uint8_t family) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    const bh_packet packet = RandomPacket(random, family), answer = Reversed(packet);
    Key key, back;
    std::memset(&key, 0xaa, sizeof(key));
    std::memset(&back, 0x55, sizeof(back));
    const uint32_t side = KeyOf(&packet, 9, &key), other = KeyOf(&answer, 9, &back);
    ASSERT_EQ(std::memcmp(&key, &back, sizeof(key)), 0) << round;
    const bool same_ends = std::memcmp(packet.source, packet.destination, 16) == 0 && packet.source_port == packet.destination_port;
    ASSERT_EQ(other, same_ends ? side : 1 - side) << round;
    // Side 0 is the lower one, by bytes; `side` is the sender's.
    const int order = std::memcmp(key.address[0], key.address[1], sizeof(key.address[0]));
    ASSERT_TRUE(order < 0 || (order == 0 && ntohs(key.port[0]) <= ntohs(key.port[1]))) << round;
    ASSERT_EQ(std::memcmp(key.address[side], packet.source, sizeof(key.address[0])), 0) << round;
    ASSERT_EQ(key.port[side], packet.source_port) << round;
    ASSERT_EQ(key.zone, 9);
    ASSERT_EQ(key.reserved, 0);
  }
}

uint32_t Key4(const bh_packet* packet, uint16_t zone, bh_flow4_key* key) { return bh_flow4_key_of(packet, zone, key); }
uint32_t Key6(const bh_packet* packet, uint16_t zone, bh_flow6_key* key) { return bh_flow6_key_of(packet, zone, key); }

TEST(FlowKey, BothDirectionsOfIpv4AreOne) { CheckKeys<bh_flow4_key, Key4>(BH_V4); }
TEST(FlowKey, BothDirectionsOfIpv6AreOne) { CheckKeys<bh_flow6_key, Key6>(BH_V6); }

TEST(FlowTime, ExpiryAcrossTheWrap) {
  EXPECT_FALSE(bh_tick_expired(100, 90, 10));
  EXPECT_TRUE(bh_tick_expired(100, 89, 10));
  EXPECT_FALSE(bh_tick_expired(4, 0xfffffffau, 10));
  EXPECT_TRUE(bh_tick_expired(5, 0xfffffffau, 10));
  EXPECT_FALSE(bh_tick_expired(5, 0xfffffffau, 0)) << "0 is never";
  // Another CPU wrote a later tick than the one that this one read.
  EXPECT_FALSE(bh_tick_expired(99, 100, 10));
  EXPECT_FALSE(bh_tick_expired(0xffffffffu, 0, 10));
}

bh_packet TcpPacket(uint8_t flags) {
  bh_packet packet{};
  packet.protocol = BH_TCP;
  packet.tcp_flags = flags;
  if ((flags & (BH_TCP_SYN | BH_TCP_ACK | BH_TCP_RST)) == BH_TCP_SYN) packet.flags = BH_PACKET_OPENS;
  return packet;
}

// Side 1 opened.
class FlowState : public testing::Test {
 protected:
  int Send(uint32_t side, uint8_t flags) {
    const bh_packet packet = TcpPacket(flags);
    const uint32_t before = meta_;
    meta_ = bh_flow_next(before, &packet, side);
    return bh_flow_answers(before, meta_);
  }
  bool Reopens(uint32_t side, uint8_t flags) {
    const bh_packet packet = TcpPacket(flags);
    return bh_flow_reopens(meta_, &packet, side);
  }
  uint32_t meta_ = BH_META(1, BH_FLOW_UNANSWERED, BH_FLOW_OPENER);
};

TEST_F(FlowState, AConnectionFromSynToFins) {
  EXPECT_FALSE(Send(1, BH_TCP_SYN));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_UNANSWERED);
  EXPECT_FALSE(Send(0, BH_TCP_SYN | BH_TCP_ACK)) << "the opener need not have got it";
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_ESTABLISHED);
  EXPECT_EQ(bh_timeout_state(meta_), BH_FLOW_UNANSWERED);
  EXPECT_FALSE(Send(1, BH_TCP_ACK));
  EXPECT_EQ(bh_timeout_state(meta_), BH_FLOW_UNANSWERED);
  EXPECT_TRUE(Send(0, BH_TCP_ACK));
  EXPECT_EQ(bh_timeout_state(meta_), BH_FLOW_ESTABLISHED);
  EXPECT_FALSE(Send(0, BH_TCP_ACK)) << "answered once";
  EXPECT_FALSE(Send(1, BH_TCP_FIN | BH_TCP_ACK));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_CLOSING);
  EXPECT_FALSE(Send(1, BH_TCP_FIN | BH_TCP_ACK));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_CLOSING) << "the same side again";
  EXPECT_FALSE(Send(0, BH_TCP_FIN | BH_TCP_ACK));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_CLOSED);
  EXPECT_FALSE(Send(1, BH_TCP_ACK));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_CLOSED);
}

TEST_F(FlowState, ResetClosesAndNeverAnswers) {
  EXPECT_FALSE(Send(0, BH_TCP_RST | BH_TCP_ACK));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_CLOSED);
}

TEST_F(FlowState, ABareSynNeverAnswers) {
  EXPECT_FALSE(Send(0, BH_TCP_SYN));
  EXPECT_EQ(BH_META_STATE(meta_), BH_FLOW_UNANSWERED);
  EXPECT_FALSE(Send(0, BH_TCP_SYN | BH_TCP_FIN)) << "whatever else it says";
}

TEST_F(FlowState, SynAgainstTheFlowIsJudgedUnlessItIsUnanswered) {
  EXPECT_FALSE(Reopens(0, BH_TCP_SYN)) << "simultaneous open";
  EXPECT_FALSE(Reopens(1, BH_TCP_SYN)) << "sent again";
  for (uint8_t state : {BH_FLOW_ESTABLISHED, BH_FLOW_CLOSING, BH_FLOW_CLOSED}) {
    meta_ = BH_META(1, state, BH_FLOW_OPENER);
    EXPECT_TRUE(Reopens(0, BH_TCP_SYN)) << int{state};
    EXPECT_FALSE(Reopens(0, BH_TCP_SYN | BH_TCP_ACK)) << int{state};
    EXPECT_EQ(Reopens(1, BH_TCP_SYN), state != BH_FLOW_ESTABLISHED) << int{state};
  }
}

TEST_F(FlowState, EchoRequestAgainstTheFlowIsAlwaysJudged) {
  bh_packet request{};
  request.protocol = BH_ICMP;
  request.flags = BH_PACKET_OPENS;
  EXPECT_TRUE(bh_flow_reopens(meta_, &request, 0));
  EXPECT_FALSE(bh_flow_reopens(meta_, &request, 1));
}

std::vector<bh_interval> g_intervals;
uint32_t g_reads = 0;
const bh_interval* At(uint32_t index) {
  ++g_reads;
  return index < g_intervals.size() ? &g_intervals[index] : nullptr;
}

TEST(Interval, SearchAgreesWithALinearOne) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    g_intervals.assign(3, bh_interval{});  // others' intervals in front
    const uint32_t first = 3, count = round == 0 ? BH_MAX_RULESET_INTERVALS : random() % 20;
    uint32_t port = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const bool next_protocol = i == count / 2;
      bh_interval interval{};
      interval.protocol = i < count / 2 ? 6 : 17;
      port = next_protocol ? 0 : port + random() % 3;
      interval.first = static_cast<uint16_t>(port);
      port += random() % 4;
      interval.last = static_cast<uint16_t>(port);
      ++port;
      g_intervals.push_back(interval);
    }
    for (int probe = 0; probe < 200; ++probe) {
      const uint8_t protocol = random() % 5 == 0 ? 1 : random() % 2 ? 6 : 17;
      const auto sought = static_cast<uint16_t>(random() % (port + 3));
      const bh_interval* expected = nullptr;
      for (uint32_t i = first; i < first + count; ++i) {
        const bh_interval& interval = g_intervals[i];
        if (interval.protocol == protocol && interval.first <= sought && sought <= interval.last) expected = &interval;
      }
      g_reads = 0;
      ASSERT_EQ(bh_interval_search(At, first, count, protocol, sought), expected) << "round " << round << " port " << sought;
      ASSERT_LE(g_reads, static_cast<uint32_t>(BH_INTERVAL_STEPS));
    }
  }
}

TEST(Interval, AHoleInTheTableEndsTheSearch) {
  g_intervals.clear();
  EXPECT_EQ(bh_interval_search(At, 5, 4, 6, 80), nullptr);
}

}  // namespace
}  // namespace bulkhead::bpf_test
