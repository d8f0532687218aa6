// SPDX-License-Identifier: Apache-2.0
// Packets written out byte by byte. The packet suite (tests/packet) has the many cases; here is what it cannot show.
#include "dataplane/reference/parse.h"

#include <gtest/gtest.h>

namespace bulkhead::reference {
namespace {

// UDP 198.18.1.2:40000 -> 198.18.1.5:53, two bytes of payload.
const std::vector<uint8_t> kUdp = {2,    0,    0, 0,  1, 4,  2, 0, 0,   0,  1, 1, 0x08, 0x00,                       // Ethernet
                                   0x45, 0,    0, 30, 0, 1,  0, 0, 64,  17, 0, 0, 198,  18,   1, 2, 198, 18, 1, 5,  // IPv4
                                   0x9c, 0x40, 0, 53, 0, 10, 0, 0, 'h', 'i'};

Packet Of(std::vector<uint8_t> bytes) {
  Packet packet;
  packet.zone = 3;
  packet.bytes = std::move(bytes);
  return packet;
}

TEST(ParseTest, Udp) {
  const Packet packet = Of(kUdp);
  const Parsed parsed = Parse(packet);
  EXPECT_EQ(parsed.kind, Kind::kFlow);
  EXPECT_EQ(parsed.reason, BH_REASON_NONE);
  EXPECT_EQ(parsed.ethertype, 0x0800);
  EXPECT_EQ(parsed.tuple.source, IpAddress::V4(198, 18, 1, 2));
  EXPECT_EQ(parsed.tuple.destination, IpAddress::V4(198, 18, 1, 5));
  EXPECT_EQ(parsed.tuple.source_port, 40000);
  EXPECT_EQ(parsed.tuple.destination_port, 53);
  EXPECT_EQ(parsed.tuple.protocol, kProtoUdp);
  EXPECT_EQ(parsed.source_mac.ToString(), "02:00:00:00:01:01");
  EXPECT_FALSE(parsed.group);
  EXPECT_FALSE(parsed.fragment.has_value());
}

TEST(ParseTest, EveryPrefixOfAPacketIsTruncated) {
  for (size_t length = 0; length < kUdp.size(); ++length) {
    const Packet packet = Of({kUdp.begin(), kUdp.begin() + static_cast<std::ptrdiff_t>(length)});
    const Parsed parsed = Parse(packet);
    EXPECT_EQ(parsed.kind, Kind::kMalformed) << length;
    EXPECT_EQ(parsed.reason, BH_REASON_TRUNCATED) << length;
    EXPECT_EQ(parsed.ip, length >= 34) << length;
  }
}

TEST(ParseTest, ATagThatTheKernelTookOff) {
  Packet packet = Of(kUdp);
  packet.vlan = true;
  EXPECT_EQ(Parse(packet).reason, BH_REASON_VLAN);
}

TEST(ParseTest, AFirstFragmentIsKeyedByItsZone) {
  Packet packet = Of(kUdp);
  packet.bytes[20] = 0x20;  // more fragments
  const Parsed parsed = Parse(packet);
  ASSERT_TRUE(parsed.fragment.has_value());
  EXPECT_FALSE(parsed.later_fragment);
  EXPECT_EQ(parsed.fragment->zone, 3);
  EXPECT_EQ(parsed.fragment->id, 1u);
  EXPECT_EQ(parsed.fragment->protocol, kProtoUdp);
}

TEST(ParseTest, Groups) {
  EXPECT_TRUE(IsMulticast(IpAddress::V4(224, 0, 0, 1)));
  EXPECT_TRUE(IsMulticast(IpAddress::V4(239, 255, 255, 255)));
  EXPECT_TRUE(IsMulticast(IpAddress::V4(255, 255, 255, 255)));
  EXPECT_FALSE(IsMulticast(IpAddress::V4(240, 0, 0, 1)));
  EXPECT_FALSE(IsMulticast(IpAddress::V4(223, 255, 255, 255)));
  EXPECT_TRUE(IsMulticast(*IpAddress::Parse("ff02::1")));
  EXPECT_FALSE(IsMulticast(*IpAddress::Parse("fe80::1")));
  EXPECT_TRUE(IsLinkLocal(*IpAddress::Parse("fe80::1")));
  EXPECT_TRUE(IsLinkLocal(*IpAddress::Parse("febf::1")));
  EXPECT_FALSE(IsLinkLocal(*IpAddress::Parse("fec0::1")));
  EXPECT_FALSE(IsLinkLocal(IpAddress::V4(0xfe, 0x80, 0, 1)));
}

TEST(ParseTest, LinkLocalOfAMac) {
  EXPECT_EQ(LinkLocalOf(*MacAddress::Parse("00:11:22:33:44:55")).ToString(), "fe80::211:22ff:fe33:4455");
}

}  // namespace
}  // namespace bulkhead::reference
