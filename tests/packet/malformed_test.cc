// SPDX-License-Identifier: Apache-2.0
// Headers that are cut, lie, or say what nobody may say.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

// The smallest frame that the kernel's test runner takes: an Ethernet header with something behind it, an IP header whole. Shorter
// ones are sent over real interfaces (wire_test.cc).
size_t Shortest(const ByteVector& frame) { return frame[12] == 0x86 ? 54 : frame[13] == 0 ? 34 : 15; }

Outcome LeavesCut(Stage& stage, const Frame& frame, size_t length) {
  Packet packet{BH_HOOK_INGRESS, kWeb.zone(), kWeb.ifindex(), kWeb.ifindex(), 0, false, frame.Build()};
  packet.bytes.resize(length);
  return stage.Run(packet);
}

TEST(MalformedTest, CutAtEveryOffset) {
  Stage stage({});
  const Frame frames[] = {
      Between(kWeb, kDb) / Tcp{1, 2, kSyn, {}, {2, 4, 5, 0xb4}},
      Between(kWeb, kDb, 6) / Tcp{1, 2},
      Between(kWeb, kDb) / Udp{1, 2, {}},
      Between(kWeb, kDb, 6) / Sctp{1, 2},
      Between(kWeb, kDb) / Icmp{8, 0, 1, 1},
      Between(kWeb, kDb, 6) / Icmp6{128, 0, 1, 1},
      Between(kWeb, kDb, 6) / Extension{kHopByHop, 16, {}} / Extension{kDestinationOptions, 8, {}} / Udp{1, 2, {}},
      Between(kWeb, kDb, 6) / Extension{kAuthentication, 12, {}} / Udp{1, 2, {}},
      Ethernet{kWeb.mac(), Broadcast(), {}} / Arp{1, kWeb.mac(), kWeb.v4, {}, kDb.v4},
  };
  for (const Frame& frame : frames) {
    const size_t whole = frame.Build().size();
    for (size_t length = Shortest(frame.Build()); length < whole; ++length) {
      EXPECT_THAT(LeavesCut(stage, frame, length), Denied(BH_REASON_TRUNCATED)) << length << " of " << whole;
    }
    EXPECT_THAT(LeavesCut(stage, frame, whole), Passes());
    EXPECT_THAT(LeavesCut(stage, frame, whole + 7), Passes()) << "padding";
  }
}

TEST(MalformedTest, CutNeighbourDiscovery) {
  Stage stage({});
  const Frame whole =
      Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv6{kWeb.v6, kDb.v6, {}, 255} / NeighbourSolicitation(kDb.v6, kWeb.mac());
  const ByteVector bytes = whole.Build();
  for (size_t length = 54; length < bytes.size(); ++length) {
    ByteVector cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    cut[18] = 0;
    cut[19] = static_cast<uint8_t>(length - 54);  // it says so itself
    const Outcome outcome = stage.Run({BH_HOOK_INGRESS, 1, kWeb.ifindex(), kWeb.ifindex(), 0, false, cut});
    if (length == 78) {
      EXPECT_THAT(outcome, Allowed()) << "without its option";
    } else {
      EXPECT_THAT(outcome, Denied(BH_REASON_TRUNCATED)) << length;
    }
  }
}

TEST(MalformedTest, LyingV4Headers) {
  Stage stage({});
  const auto leaves = [&](const IPv4& header) {
    return stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / header / Udp{1, 2, {}} / Payload{30});
  };
  const IPv4 honest{kWeb.v4, kDb.v4};
  for (const uint8_t version : {0, 5, 6}) {
    IPv4 header = honest;
    header.version = version;
    EXPECT_THAT(leaves(header), Denied(BH_REASON_TRUNCATED));
  }
  for (const uint8_t words : {0, 1, 4}) {
    IPv4 header = honest;
    header.header_words = words;
    EXPECT_THAT(leaves(header), Denied(BH_REASON_TRUNCATED));
  }
  for (const uint16_t length : {0, 10, 19, 20, 27, 59, 1500, 65535}) {
    IPv4 header = honest;
    header.total_length = length;
    EXPECT_THAT(leaves(header), Denied(BH_REASON_TRUNCATED)) << length;
  }
  IPv4 beyond = honest;
  beyond.header_words = 15;
  beyond.total_length = 50;
  EXPECT_THAT(leaves(beyond), Denied(BH_REASON_TRUNCATED));
  IPv4 exact = honest;
  exact.total_length = 28;
  EXPECT_THAT(leaves(exact), Allowed()) << "the rest is padding";
}

TEST(MalformedTest, V4OptionsAreSkipped) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")});
  for (const size_t length : {1, 4, 39, 40}) {
    IPv4 header{kWeb.v4, kDb.v4};
    header.options = ByteVector(length, 1);
    EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / header / Udp{kClientPort, kServicePort, {}}), Passes());
    EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / header / Udp{kClientPort, 99, {}}),
                Denied(BH_REASON_POLICY));
  }
}

TEST(MalformedTest, LyingV6Headers) {
  Stage stage({});
  const auto leaves = [&](const IPv6& header) {
    return stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / header / Udp{1, 2, {}} / Payload{30});
  };
  IPv6 header{kWeb.v6, kDb.v6};
  header.version = 4;
  EXPECT_THAT(leaves(header), Denied(BH_REASON_TRUNCATED));
  header.version = 6;
  for (const uint16_t length : {0, 7, 39, 65535}) {
    header.payload_length = length;
    EXPECT_THAT(leaves(header), Denied(BH_REASON_TRUNCATED)) << length;
  }
  header.payload_length = 8;
  EXPECT_THAT(leaves(header), Allowed());
}

TEST(MalformedTest, LyingTcpHeaders) {
  for (const int family : {4, 6}) {
    Stage stage({});
    for (const uint8_t words : {0, 4, 6, 15}) {
      EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb, family) / Tcp{1, 2, kSyn, words, {}}), Denied(BH_REASON_TRUNCATED))
          << int{words};
    }
    EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb, family) / Tcp{1, 2, kSyn, uint8_t{6}, {}} / Payload{4}), Allowed());
  }
}

TEST(MalformedTest, UdpsOwnLengthIsNotOurs) {
  Stage stage({});
  EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb) / Udp{1, 2, uint16_t{3}}), Allowed());
}

TEST(MalformedTest, Ethertypes) {
  Stage stage({});
  for (const uint16_t type : {0x88cc, 0x8847, 0x0842, 0x0000, 0x05dc, 0x9100}) {
    const Frame frame = Ethernet{kWeb.mac(), kDb.mac(), type} / Payload{46};
    EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_ETHERTYPE)) << type;
    EXPECT_THAT(stage.ArrivesFromOutside(kWeb, frame), Denied(BH_REASON_ETHERTYPE)) << type;
  }
}

TEST(MalformedTest, VlanTags) {
  Stage stage({});
  for (const uint16_t tpid : {0x8100, 0x88a8}) {
    const Frame frame = Ethernet{kWeb.mac(), kDb.mac(), {}} / Vlan{7, tpid, {}} / IPv4{kWeb.v4, kDb.v4} / Udp{1, 2, {}};
    EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_VLAN));
    EXPECT_THAT(stage.Arrives(kDb, frame, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_VLAN));
  }
}

TEST(MalformedTest, WhoseModeCounts) {
  const Frame frame = Ethernet{kWeb.mac(), kDb.mac(), uint16_t{0x88cc}} / Payload{46};
  const auto arrives = [&](const Setting& setting, uint16_t tag) {
    return Stage(setting).Arrives(kDb, frame, tag, kWeb.ifindex());
  };
  const Setting sender{.mode = Mode::kLearn, .modes = {{"web", Mode::kEnforce}}, .global_mode = Mode::kLearn};
  const Setting receiver{.mode = Mode::kLearn, .modes = {{"db", Mode::kEnforce}}, .global_mode = Mode::kLearn};
  const Setting nobody{.mode = Mode::kAudit, .global_mode = Mode::kEnforce};
  EXPECT_THAT(Stage(sender).Leaves(kWeb, frame), Denied(BH_REASON_ETHERTYPE));
  EXPECT_THAT(Stage(receiver).Leaves(kWeb, frame), WouldBeDenied(BH_REASON_ETHERTYPE));
  EXPECT_THAT(Stage(nobody).Leaves(kWeb, frame), WouldBeDenied(BH_REASON_ETHERTYPE));
  EXPECT_THAT(Stage(nobody).Leaves(kStranger, frame), Denied(BH_REASON_ETHERTYPE)) << "unknown: the global mode";
  EXPECT_THAT(arrives(sender, kWeb.slot()), Denied(BH_REASON_ETHERTYPE)) << "a known sender's counts too";
  EXPECT_THAT(arrives(sender, 0), WouldBeDenied(BH_REASON_ETHERTYPE));
  EXPECT_THAT(arrives(receiver, kWeb.slot()), Denied(BH_REASON_ETHERTYPE));
  EXPECT_THAT(arrives(nobody, kStranger.slot()), WouldBeDenied(BH_REASON_ETHERTYPE)) << "the receiver's alone";
}

TEST(MalformedTest, ExtensionHeadersAreWalked) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")});
  Frame headers = Between(kWeb, kDb, 6);
  for (int count = 1; count <= 7; ++count) {
    headers = headers / Extension{count == 1 ? kHopByHop : kDestinationOptions, static_cast<uint16_t>(8 * count), {}};
    const Outcome to_service = stage.Leaves(kWeb, headers / Udp{kClientPort, kServicePort, {}});
    const Outcome elsewhere = stage.Leaves(kWeb, headers / Udp{kClientPort, 99, {}});
    if (count <= 6) {
      EXPECT_THAT(to_service, Passes()) << count;
      EXPECT_THAT(elsewhere, Denied(BH_REASON_POLICY)) << count;
    } else {
      EXPECT_THAT(to_service, Denied(BH_REASON_EXTENSION));
    }
  }
}

TEST(MalformedTest, ExtensionHeadersThatAreCut) {
  Stage stage({});
  const auto leaves = [&](const Frame& headers, uint8_t kind) {
    return stage.Leaves(kWeb, headers / Raw{{kind, 200, 0, 0, 0, 0, 0, 0}});
  };
  Frame headers = Between(kWeb, kDb, 6);
  for (int count = 1; count <= 6; ++count) {
    headers = headers / Extension{kDestinationOptions, 8, kDestinationOptions};
    const bh_reason reason = count < 6 ? BH_REASON_TRUNCATED : BH_REASON_EXTENSION;
    // What would follow it does not matter, not even another header.
    for (const uint8_t kind : {kProtoUdp, kDestinationOptions, uint8_t{135}}) {
      EXPECT_THAT(leaves(headers, kind), Denied(reason)) << count << " before it, then " << int{kind};
    }
  }
}

TEST(MalformedTest, ExtensionHeadersOfEachKind) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")});
  for (const uint8_t kind : {kHopByHop, kRouting, kDestinationOptions, kAuthentication}) {
    const Frame headers = Between(kWeb, kDb, 6) / Extension{kind, 24, {}};
    EXPECT_THAT(stage.Leaves(kWeb, headers / Udp{kClientPort, kServicePort, {}}), Passes()) << int{kind};
    EXPECT_THAT(stage.Leaves(kWeb, headers / Udp{kClientPort, 99, {}}), Denied(BH_REASON_POLICY)) << int{kind};
  }
  for (const uint8_t kind : {135, 139, 140, 253, 254}) {
    const Frame frame = Between(kWeb, kDb, 6) / Extension{kind, 8, {}} / Udp{kClientPort, kServicePort, {}};
    EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_EXTENSION)) << int{kind};
  }
}

TEST(MalformedTest, OtherProtocolsHaveNoPorts) {
  Stage stage({.policies = AllowIngress("db", "web", "") + AllowIngress("api", "web", "[{protocol: TCP, port: 1}]")});
  for (const uint8_t protocol : {47, 50, 59, 255}) {
    for (const int family : {4, 6}) {
      const auto frame = [&](const Actor& to) {
        const Frame ethernet = Ethernet{kWeb.mac(), to.mac(), {}};
        return family == 4 ? ethernet / IPv4{kWeb.v4, to.v4, protocol} / Payload{3}
                           : ethernet / IPv6{kWeb.v6, to.v6, protocol} / Payload{3};
      };
      EXPECT_THAT(stage.Travels(kWeb, kDb, frame(kDb)), Established()) << int{protocol};
      EXPECT_THAT(stage.Leaves(kWeb, frame(kApi)), Denied(BH_REASON_POLICY)) << int{protocol};
    }
  }
}

TEST(MalformedTest, MappedAddressesAreNotTheV4Ones) {
  Stage stage({.policies = AllowIngress("db", "198.19.1.0/24", "")});
  IpAddress mapped = Ip("::ffff:198.19.1.7");
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, Headers(6, GatewayMac(), mapped, kDb.mac(), kDb.v6) / Udp{1, 2, {}}),
              Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, FromGateway(Outside(4), kDb) / Udp{1, 2, {}}), Allowed());
  const IpAddress mapped_web = Ip("::ffff:198.18.1.2");
  EXPECT_THAT(stage.Leaves(kWeb, Headers(6, kWeb.mac(), mapped_web, kDb.mac(), kDb.v6) / Udp{1, 2, {}}),
              Denied(BH_REASON_SPOOFED_IP));
}

}  // namespace
}  // namespace bulkhead::packet_test
