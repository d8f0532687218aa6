// SPDX-License-Identifier: Apache-2.0
// Neighbour discovery messages, and what ICMP errors quote.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "bpf/parse/nd.h"
#include "bpf/parse/quoted.h"
#include "tests/unit/bpf/frames.h"

namespace bulkhead::bpf_test {
namespace {

const uint8_t kMac[6] = {2, 0, 0, 0, 0, 1};
const Bytes kOwnOption = {2, 1, 2, 0, 0, 0, 0, 1};
const Bytes kOtherOption = {2, 1, 2, 0, 0, 0, 0, 9};

uint8_t CheckNd(const Bytes& body, uint8_t type = 136, uint8_t hop_limit = 255) {
  const Bytes bytes = Ethernet(0x86dd, Ipv6(58, Icmp(type, 0, body), hop_limit));
  const Placed placed(bytes, bytes.size(), bytes.size(), 0xff);
  const Parsed parsed = Parse(placed.frame());
  EXPECT_EQ(parsed.packet.kind, BH_KIND_ND);
  if (!bh_nd_hop_limit_is_right(&placed.frame(), BH_KIND_ND)) return BH_REASON_SPOOFED_ND;
  uint32_t target[4] = {};
  if (type != 133 && !bh_nd_target(&placed.frame(), &parsed.packet, target)) return BH_REASON_TRUNCATED;
  return bh_nd_check_options(&placed.frame(), &parsed.packet, kMac);
}

TEST(NeighbourDiscovery, LinkLayerOptionsMustBeTheEndpoints) {
  EXPECT_EQ(CheckNd(Bytes(16)), BH_REASON_NONE);
  EXPECT_EQ(CheckNd(Bytes(16) + kOwnOption), BH_REASON_NONE);
  EXPECT_EQ(CheckNd(Bytes(16) + kOtherOption), BH_REASON_SPOOFED_ND);
  EXPECT_EQ(CheckNd(Bytes(16) + kOwnOption + kOtherOption), BH_REASON_SPOOFED_ND);
  EXPECT_EQ(CheckNd(kOtherOption, 133), BH_REASON_SPOOFED_ND);
  EXPECT_EQ(CheckNd(kOwnOption, 133), BH_REASON_NONE);
}

TEST(NeighbourDiscovery, HopLimitTargetAndOptionLengths) {
  EXPECT_EQ(CheckNd(Bytes(16), 135, 64), BH_REASON_SPOOFED_ND);
  EXPECT_EQ(CheckNd(Bytes(15)), BH_REASON_TRUNCATED);
  EXPECT_EQ(CheckNd(Bytes(16) + Bytes(8)), BH_REASON_TRUNCATED);                        // an option of length 0
  EXPECT_EQ(CheckNd(Bytes(16) + Bytes{14, 2, 0, 0, 0, 0, 0, 0}), BH_REASON_TRUNCATED);  // longer than the packet
  EXPECT_EQ(CheckNd(Bytes(16) + Bytes{14, 1, 0}), BH_REASON_TRUNCATED);
  Bytes many = Bytes(16);
  for (int i = 0; i < 8; ++i) many = many + kOwnOption;
  EXPECT_EQ(CheckNd(many), BH_REASON_NONE);
  EXPECT_EQ(CheckNd(many + kOwnOption), BH_REASON_SPOOFED_ND);
}

struct Quote {
  bool found = false;
  bh_packet packet{};
};

Quote QuoteOf(const Bytes& bytes, size_t linear) {
  const Placed placed(bytes, linear, bytes.size(), 0xff);
  Quote quote;
  const Parsed parsed = Parse(placed.frame());
  if (parsed.result != BH_PARSED || parsed.packet.reason != BH_REASON_NONE) return quote;
  quote.found = bh_parse_quoted(&placed.frame(), &parsed.packet, &quote.packet);
  return quote;
}

TEST(Quoted, IsThePacketThatItsSenderSent) {
  const Bytes bytes = Ethernet(0x0800, Ipv4(1, Icmp(3, 0, Ipv4(17, Udp(4000, 53), 0, 8))));
  const Quote quote = QuoteOf(bytes, bytes.size());
  ASSERT_TRUE(quote.found);
  EXPECT_EQ(ntohs(quote.packet.source_port), 4000);
  EXPECT_EQ(ntohs(quote.packet.destination_port), 53);
  EXPECT_EQ(ntohl(quote.packet.source[0]), 0xc6120001u);
  const Bytes echo = Ethernet(0x86dd, Ipv6(58, Icmp(1, 0, Ipv6(58, Icmp(128, 99)))));
  EXPECT_EQ(ntohs(QuoteOf(echo, echo.size()).packet.source_port), 99);
}

TEST(Quoted, NeedsEightBytesAndNoLaterFragment) {
  const Bytes whole = Ethernet(0x0800, Ipv4(1, Icmp(3, 0, Ipv4(17, Udp(4000, 53, 0)))));
  for (size_t n = 14; n < whole.size(); ++n) EXPECT_FALSE(QuoteOf(whole, n).found) << n;
  EXPECT_TRUE(QuoteOf(whole, whole.size()).found);
  const Bytes behind = Ethernet(0x0800, Ipv4(1, Icmp(3, 0, Ipv4(17, Udp(4000, 53), 4))));
  EXPECT_FALSE(QuoteOf(behind, behind.size()).found);
  const Bytes error = Ethernet(0x0800, Ipv4(1, Icmp(3, 0, Ipv4(1, Icmp(3, 0)))));
  EXPECT_FALSE(QuoteOf(error, error.size()).found);
}

TEST(Quoted, EndsWhereThePacketSaysNotWhereTheFrameEnds) {
  Bytes bytes = Ethernet(0x0800, Ipv4(1, Icmp(3, 0, Ipv4(17, Udp(4000, 53, 0)))));
  bytes = bytes + Bytes(16);
  EXPECT_TRUE(QuoteOf(bytes, bytes.size()).found);
  Put16(bytes, 16, 20 + 8 + 20 + 7);
  EXPECT_FALSE(QuoteOf(bytes, bytes.size()).found);
}

}  // namespace
}  // namespace bulkhead::bpf_test
