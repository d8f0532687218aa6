// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "tests/unit/bpf/frames.h"

namespace bulkhead::bpf_test {
namespace {

constexpr uint16_t kIp4 = 0x0800;
constexpr uint16_t kIp6 = 0x86dd;

// One well-formed frame of each kind that parsing tells apart.
std::vector<std::pair<std::string, Bytes>> Samples() {
  const Bytes quoted4 = Ipv4(17, Udp(4000, 53));
  const Bytes quoted6 = Ipv6(17, Udp(4000, 53));
  return {
      {"tcp4", Ethernet(kIp4, Ipv4(6, Tcp(40000, 80, 2)))},
      {"tcp4 with options", Ethernet(kIp4, Ipv4(6, Tcp(40000, 80, 2), 0, 40))},
      {"udp4", Ethernet(kIp4, Ipv4(17, Udp(40000, 53)))},
      {"sctp4", Ethernet(kIp4, Ipv4(132, Udp(40000, 53)))},
      {"echo4", Ethernet(kIp4, Ipv4(1, Icmp(8, 77)))},
      {"error4", Ethernet(kIp4, Ipv4(1, Icmp(3, 0, quoted4)))},
      {"gre4", Ethernet(kIp4, Ipv4(47, Bytes(4)))},
      {"first fragment4", Ethernet(kIp4, Ipv4(17, Udp(40000, 53), 0x2000))},
      {"later fragment4", Ethernet(kIp4, Ipv4(17, Bytes(16), 0x0004))},
      {"tcp6", Ethernet(kIp6, Ipv6(6, Tcp(40000, 80, 2)))},
      {"udp6 behind headers",
       Ethernet(kIp6, Ipv6(0, Extension(43) + Extension(60, 2) + Extension(51) + Extension(17) + Udp(40000, 53)))},
      {"first fragment6", Ethernet(kIp6, Ipv6(44, FragmentHeader(17, 1) + Udp(40000, 53)))},
      {"later fragment6", Ethernet(kIp6, Ipv6(44, FragmentHeader(17, 16) + Bytes(16)))},
      {"error6", Ethernet(kIp6, Ipv6(58, Icmp(1, 0, quoted6)))},
      {"neighbour", Ethernet(kIp6, Ipv6(58, Icmp(135, 0, Bytes(24)), 255))},
      {"arp", Ethernet(0x0806, Arp())},
      {"lldp", Ethernet(0x88cc, Bytes(20))},
  };
}

TEST(Parse, TakesPortsAndFlags) {
  const bh_packet packet = Parse(Ethernet(kIp4, Ipv4(6, Tcp(40000, 80, 0x12), 0, 12))).packet;
  EXPECT_EQ(packet.reason, BH_REASON_NONE);
  EXPECT_EQ(packet.family, BH_V4);
  EXPECT_EQ(packet.protocol, 6);
  EXPECT_EQ(ntohs(packet.source_port), 40000);
  EXPECT_EQ(ntohs(packet.destination_port), 80);
  EXPECT_EQ(packet.tcp_flags, 0x12);
  EXPECT_EQ(packet.flags & BH_PACKET_OPENS, 0u);
  EXPECT_EQ(packet.transport, 14 + 20 + 12);
  EXPECT_EQ(ntohl(packet.source[0]), 0xc6120001u);
  EXPECT_EQ(packet.source[1], 0u);
}

TEST(Parse, OnlyABareSynOpens) {
  for (int flags = 0; flags < 64; ++flags) {
    const bh_packet packet = Parse(Ethernet(kIp4, Ipv4(6, Tcp(1, 2, static_cast<uint8_t>(flags))))).packet;
    const bool syn = flags & 2, rst = flags & 4, ack = flags & 16;
    EXPECT_EQ((packet.flags & BH_PACKET_OPENS) != 0, syn && !rst && !ack) << flags;
  }
}

TEST(Parse, EchoAsksWithItsIdAsPort) {
  const bh_packet request = Parse(Ethernet(kIp4, Ipv4(1, Icmp(8, 77)))).packet;
  EXPECT_EQ(ntohs(request.source_port), 77);
  EXPECT_EQ(request.destination_port, 0);
  EXPECT_TRUE(request.flags & BH_PACKET_OPENS);
  const bh_packet reply = Parse(Ethernet(kIp6, Ipv6(58, Icmp(129, 77)))).packet;
  EXPECT_EQ(reply.source_port, 0);
  EXPECT_EQ(ntohs(reply.destination_port), 77);
  EXPECT_TRUE(reply.flags & BH_PACKET_ANSWERS);
}

// No prefix of a frame is read beyond its end, and none of a well-formed frame passes for the whole.
TEST(Parse, EveryPrefixOfEveryKind) {
  for (const auto& [name, bytes] : Samples()) {
    const Parsed full = Parse(bytes);
    ASSERT_EQ(full.result, BH_PARSED) << name;
    for (size_t n = 0; n <= bytes.size(); ++n) {
      const Parsed cut = Parse(Placed(bytes, n, n, 0x00).frame());
      EXPECT_EQ(cut.Text(), Parse(Placed(bytes, n, n, 0xff).frame()).Text()) << name << " cut at " << n;
      EXPECT_EQ(cut.result, BH_PARSED) << name << " cut at " << n;
      if (n < bytes.size() && name != "lldp") {
        EXPECT_EQ(cut.packet.reason, BH_REASON_TRUNCATED) << name << " cut at " << n;
      }
      // The same bytes at hand of a frame that is longer: either enough to say the same, or a call for more.
      const Parsed part = Parse(Placed(bytes, n, bytes.size(), 0x00).frame());
      EXPECT_EQ(part.Text(), Parse(Placed(bytes, n, bytes.size(), 0xff).frame()).Text()) << name << " has " << n;
      if (part.result == BH_PARSED) {
        EXPECT_EQ(part.Text(), full.Text()) << name << " has " << n;
      }
    }
  }
}

TEST(Parse, RandomFramesAreNeverReadBeyondTheirEnd) {
  std::mt19937 random(4711);
  const auto samples = Samples();
  for (int round = 0; round < 60000; ++round) {
    Bytes bytes = samples[random() % samples.size()].second;
    for (int i = static_cast<int>(random() % 6); i > 0; --i) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    const size_t linear = random() % (bytes.size() + 1);
    const size_t length = random() % 2 ? bytes.size() : linear;
    const Parsed zeros = Parse(Placed(bytes, linear, length, 0x00).frame());
    ASSERT_EQ(zeros.Text(), Parse(Placed(bytes, linear, length, 0xff).frame()).Text()) << "round " << round;
    if (linear == length) {
      ASSERT_EQ(zeros.result, BH_PARSED) << "round " << round;
    }
  }
}

uint8_t ReasonOf(const Bytes& bytes) { return Parse(bytes).packet.reason; }

TEST(Parse, LengthsThatLie) {
  Bytes longer = Ethernet(kIp4, Ipv4(17, Udp(1, 2)));
  Put16(longer, 16, 33);
  EXPECT_EQ(ReasonOf(longer), BH_REASON_TRUNCATED);
  Bytes shorter = Ethernet(kIp4, Ipv4(6, Tcp(1, 2, 2)));
  Put16(shorter, 16, 39);  // the last byte of the TCP header lies behind the packet's end
  EXPECT_EQ(ReasonOf(shorter), BH_REASON_TRUNCATED);
  Bytes zero = Ethernet(kIp4, Ipv4(17, Udp(1, 2)));
  Put16(zero, 16, 0);
  EXPECT_EQ(ReasonOf(zero), BH_REASON_TRUNCATED);
  Bytes header = Ethernet(kIp4, Ipv4(17, Udp(1, 2)));
  header[14] = 0x44;
  EXPECT_EQ(ReasonOf(header), BH_REASON_TRUNCATED);
  header[14] = 0x55;
  EXPECT_EQ(ReasonOf(header), BH_REASON_TRUNCATED);
  Bytes payload = Ethernet(kIp6, Ipv6(17, Udp(1, 2)));
  Put16(payload, 18, 13);
  EXPECT_EQ(ReasonOf(payload), BH_REASON_TRUNCATED);
  Bytes offset = Ethernet(kIp4, Ipv4(6, Tcp(1, 2, 2)));
  offset[14 + 20 + 12] = 4 << 4;
  EXPECT_EQ(ReasonOf(offset), BH_REASON_TRUNCATED);
  offset[14 + 20 + 12] = 6 << 4;
  EXPECT_EQ(ReasonOf(offset), BH_REASON_TRUNCATED);
}

TEST(Parse, PaddingIsNoPartOfThePacket) {
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(17, Udp(1, 2))) + Bytes(20)), BH_REASON_NONE);
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(17, Bytes(7))) + Bytes(20)), BH_REASON_TRUNCATED);
}

TEST(Parse, FragmentsMustShowTheirPorts) {
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(6, Bytes(16), 0x2000))), BH_REASON_FRAGMENT);
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(17, Bytes(7), 0x2000))), BH_REASON_FRAGMENT);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(6, 1) + Bytes(16)))), BH_REASON_FRAGMENT);
  const bh_packet later = Parse(Ethernet(kIp4, Ipv4(6, Bytes(40), 3))).packet;
  EXPECT_EQ(later.reason, BH_REASON_NONE);
  EXPECT_EQ(later.fragment, BH_FRAGMENT_LATER);
  EXPECT_EQ(later.tcp_flags, 0);
}

TEST(Parse, WhereFragmentsBeginAndEnd) {
  EXPECT_EQ(Parse(Ethernet(kIp4, Ipv4(17, Udp(1, 2) + Bytes(16), 0x2000))).packet.fragment_edge, 28);
  EXPECT_EQ(Parse(Ethernet(kIp4, Ipv4(17, Bytes(16), 3))).packet.fragment_edge, 24);
  EXPECT_EQ(Parse(Ethernet(kIp6, Ipv6(44, FragmentHeader(60, 1) + Extension(17) + Udp(1, 2)))).packet.fragment_edge, 20)
      << "the headers behind the fragment header as well";
  EXPECT_EQ(Parse(Ethernet(kIp6, Ipv6(60, Extension(44) + FragmentHeader(17, 48) + Bytes(8)))).packet.fragment_edge, 48);
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(17, Bytes(7), 0x1fff))), BH_REASON_NONE) << "65535 bytes";
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(17, Bytes(8), 0x1fff))), BH_REASON_TRUNCATED);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(17, 0xfff8) + Bytes(7)))), BH_REASON_NONE);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(17, 0xfff8) + Bytes(8)))), BH_REASON_TRUNCATED);
}

TEST(Parse, ExtensionHeadersToAFixedDepth) {
  Bytes six = Udp(1, 2);
  uint8_t next = 17;
  for (int i = 0; i < 6; ++i, next = 60) six = Extension(next) + six;
  const bh_packet packet = Parse(Ethernet(kIp6, Ipv6(60, six))).packet;
  EXPECT_EQ(packet.reason, BH_REASON_NONE);
  EXPECT_EQ(ntohs(packet.destination_port), 2);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(60, Extension(60) + six))), BH_REASON_EXTENSION);
  for (uint8_t unknown : {135, 139, 140, 253, 254}) {
    EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(unknown, Bytes(16)))), BH_REASON_EXTENSION) << int{unknown};
    EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(0, Extension(unknown) + Bytes(16)))), BH_REASON_EXTENSION) << int{unknown};
  }
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(44, 0) + FragmentHeader(17, 0) + Udp(1, 2)))), BH_REASON_EXTENSION);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(17, 0) + Udp(1, 2)))), BH_REASON_NONE);
}

TEST(Parse, AuthenticationHeaderCountsInFours) {
  Bytes ah(16);
  ah[0] = 17;
  ah[1] = 2;  // (2 + 2) * 4 bytes
  const bh_packet packet = Parse(Ethernet(kIp6, Ipv6(51, ah + Udp(1, 2)))).packet;
  EXPECT_EQ(packet.reason, BH_REASON_NONE);
  EXPECT_EQ(packet.transport, 14 + 40 + 16);
}

TEST(Parse, IcmpKinds) {
  EXPECT_EQ(Parse(Ethernet(kIp4, Ipv4(1, Icmp(3, 0)))).packet.kind, BH_KIND_ICMP_ERROR);
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(1, Icmp(5, 0)))), BH_REASON_ICMP_TYPE);
  EXPECT_EQ(ReasonOf(Ethernet(kIp4, Ipv4(1, Icmp(13, 0)))), BH_REASON_ICMP_TYPE);
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(58, Icmp(139, 0)))), BH_REASON_ICMP_TYPE);
  EXPECT_EQ(Parse(Ethernet(kIp6, Ipv6(58, Icmp(134, 0)))).packet.kind, BH_KIND_ND);
  // Neighbour discovery in fragments, atomic ones too (RFC 6980).
  EXPECT_EQ(ReasonOf(Ethernet(kIp6, Ipv6(44, FragmentHeader(58, 0) + Icmp(134, 0)))), BH_REASON_FRAGMENT);
  // Listener reports pass unjudged, so only to groups.
  Bytes report = Ethernet(kIp6, Ipv6(58, Icmp(143, 0)));
  EXPECT_EQ(ReasonOf(report), BH_REASON_ICMP_TYPE);
  report[14 + 24] = 0xff;
  EXPECT_EQ(Parse(report).packet.kind, BH_KIND_MLD);
}

TEST(Parse, Groups) {
  EXPECT_TRUE(Parse(Ethernet(kIp4, Ipv4(17, Udp(1, 2)), 0x01)).packet.flags & BH_PACKET_GROUP);
  Bytes frame = Ethernet(kIp4, Ipv4(17, Udp(1, 2)));
  EXPECT_FALSE(Parse(frame).packet.flags & BH_PACKET_GROUP);
  frame[14 + 16] = 239;
  EXPECT_TRUE(Parse(frame).packet.flags & BH_PACKET_MULTICAST);
  for (int i = 0; i < 4; ++i) frame[static_cast<size_t>(14 + 16 + i)] = 255;
  EXPECT_EQ(Parse(frame).packet.flags & (BH_PACKET_GROUP | BH_PACKET_MULTICAST), BH_PACKET_GROUP);
}

TEST(Parse, VlanAndOtherEthertypes) {
  EXPECT_EQ(ReasonOf(Ethernet(0x8100, Bytes(40))), BH_REASON_VLAN);
  EXPECT_EQ(ReasonOf(Ethernet(0x88a8, Bytes(40))), BH_REASON_VLAN);
  EXPECT_EQ(ReasonOf(Ethernet(0x0026, Bytes(40))), BH_REASON_ETHERTYPE);
  const Bytes tagged = Ethernet(kIp4, Ipv4(17, Udp(1, 2)));
  const Placed placed(tagged, tagged.size(), tagged.size(), 0);
  bh_packet packet{};
  bh_parse(&placed.frame(), 1, &packet);
  EXPECT_EQ(packet.reason, BH_REASON_VLAN);
}

TEST(Parse, SegmentationOffloadBeyond64K) {
  Bytes big = Ethernet(kIp4, Ipv4(6, Tcp(1, 2, 16)));
  Put16(big, 16, 0);
  const Placed placed(big, big.size(), 100000, 0);
  bh_frame frame = placed.frame();
  frame.offloaded = 1;
  EXPECT_EQ(Parse(frame).packet.reason, BH_REASON_NONE);
  frame.offloaded = 0;
  EXPECT_EQ(Parse(frame).packet.reason, BH_REASON_TRUNCATED);
}

TEST(Parse, ArpOfAnotherKind) {
  Bytes arp = Arp();
  EXPECT_EQ(ReasonOf(Ethernet(0x0806, arp)), BH_REASON_NONE);
  arp[4] = 8;
  EXPECT_EQ(ReasonOf(Ethernet(0x0806, arp)), BH_REASON_TRUNCATED);
}

}  // namespace
}  // namespace bulkhead::bpf_test
