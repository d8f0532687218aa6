// SPDX-License-Identifier: Apache-2.0
// Fragments: the first has the ports, the others are what it was.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint16_t kId = 4711;

// Linux fragments anew what it forwards, and leaves out where it came in: such fragments look like the host's own, but no socket sent
// them. BPF_PROG_TEST_RUN gives a socket to every packet: so the reference alone, and tests/e2e/netns/fragments.py.
TEST(RemadeFragmentTest, TheHostsOwnHaveASocket) {
  const auto runner = NewReferenceRunner();
  std::vector<EndpointState> endpoints;
  for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
  const Setting isolated{.policies = AllowIngress("db", "web", "")};
  ASSERT_TRUE(runner->backend().ApplyPolicy(std::make_shared<CompiledPolicy>(CompileSetting(isolated, endpoints, 1))).ok());
  for (const EndpointState& endpoint : endpoints) ASSERT_TRUE(runner->backend().PutEndpoint(endpoint).ok());
  ASSERT_TRUE(runner->backend().SetHostAddresses(HostAddresses()).ok());
  const auto delivered = [&](const IpAddress& from, const Frame& fragment, bool socket) {
    const Frame ethernet = Ethernet{GatewayMac(), kDb.mac(), {}};
    const Frame below = Udp{kClientPort, kServicePort, uint16_t{1408}} / Payload{16};
    const Frame ip4 = IPv4{from, kDb.v4, kProtoUdp, 64, 7, true}, ip6 = IPv6{from, kDb.v6};
    const Frame frame = ethernet / (from.IsV4() ? ip4 : ip6 / fragment) / below;
    return runner->Run({BH_HOOK_EGRESS, kDb.zone(), kDb.ifindex(), 0, 0, false, frame.Build(), socket}).value();
  };
  const Frame whole, first = Fragment6{0, true, 7, kProtoUdp}, atomic = Fragment6{0, false, 7, kProtoUdp};
  for (const Frame& fragment : {first, atomic}) {
    EXPECT_THAT(delivered(Outside(6), fragment, false), Denied(BH_REASON_POLICY)) << "the world's";
    EXPECT_THAT(delivered(Gateway(1, 6), fragment, false), Denied(BH_REASON_SPOOFED_IP)) << "nobody outside has the host's address";
  }
  EXPECT_THAT(delivered(HostUplink(6), whole, false), Allowed()) << "where whole packets came in is known";
  EXPECT_THAT(delivered(Gateway(1, 4), whole, false), Allowed()) << "of IPv4, where fragments did";
  EXPECT_THAT(delivered(Gateway(1, 6), first, true), Allowed()) << "the host's own";
}

class FragmentTest : public testing::TestWithParam<int> {
 protected:
  // A fragment at `offset` with what is below it; protocol: of the whole packet.
  Frame Piece(const Actor& from, const Actor& to, uint16_t offset, bool more, uint8_t protocol, const Frame& below,
              uint16_t id = kId) const {
    const Frame ethernet = Ethernet{from.mac(), to.mac(), {}};
    if (GetParam() == 4) return ethernet / IPv4{from.v4, to.v4, protocol, 64, id, more, offset} / below;
    return ethernet / IPv6{from.v6, to.v6} / Fragment6{offset, more, id, protocol} / below;
  }
  Frame First(const Actor& from, const Actor& to, uint16_t port = kServicePort, uint16_t id = kId) const {
    return Piece(from, to, 0, true, kProtoUdp, Udp{kClientPort, port, uint16_t{1408}} / Payload{16}, id);
  }
  Frame Later(const Actor& from, const Actor& to, uint16_t id = kId) const {
    return Piece(from, to, 24, false, kProtoUdp, Payload{100}, id);
  }
  static Setting WebMay() { return {.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")}; }
};
INSTANTIATE_TEST_SUITE_P(, FragmentTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(FragmentTest, LaterOnesFollowTheFirst) {
  Stage stage(WebMay());
  EXPECT_THAT(stage.Travels(kWeb, kDb, First(kWeb, kDb)), Established());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Later(kWeb, kDb)), Established());
  const auto flows = stage.Flows();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows.begin()->second.packets[flows.begin()->second.opener], 2u);
}

TEST_P(FragmentTest, StraysAreDropped) {
  Stage stage(WebMay());
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Denied(BH_REASON_FRAGMENT_STRAY));
  stage.Leaves(kWeb, First(kWeb, kDb));
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb, kId + 1)), Denied(BH_REASON_FRAGMENT_STRAY)) << "another packet";
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kApi)), Denied(BH_REASON_FRAGMENT_STRAY)) << "another receiver";
  EXPECT_THAT(stage.Leaves(kDb, Later(kDb, kWeb)), Denied(BH_REASON_FRAGMENT_STRAY)) << "the other way";
  const Outcome other = stage.Leaves(kWeb, Piece(kWeb, kDb, 24, false, kProtoTcp, Payload{100}));
  if (GetParam() == 4) {
    EXPECT_THAT(other, Denied(BH_REASON_FRAGMENT_STRAY)) << "another protocol";
  } else {
    EXPECT_THAT(other, Established()) << "RFC 8200 section 4.5: only the first one's next header counts";
  }
}

TEST_P(FragmentTest, OneThatOvertakesTheFirstIsAStray) {
  Stage stage(WebMay());
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Denied(BH_REASON_FRAGMENT_STRAY));
  EXPECT_THAT(stage.Leaves(kWeb, First(kWeb, kDb)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Established());
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Established()) << "the same twice";
  EXPECT_THAT(stage.Leaves(kWeb, First(kWeb, kDb)), Established()) << "the first again";
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Established());
}

TEST_P(FragmentTest, AfterAMinuteItIsAnotherPacket) {
  Stage stage(WebMay());
  stage.Leaves(kWeb, First(kWeb, kDb));
  stage.Advance(58);
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Passes());
  stage.Advance(3);
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Denied(BH_REASON_FRAGMENT_STRAY));
  const Frame shorter = Piece(kWeb, kDb, 0, true, kProtoUdp, Udp{kClientPort, kServicePort, uint16_t{1408}} / Payload{8});
  EXPECT_THAT(stage.Leaves(kWeb, shorter), Passes());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 16, false, kProtoUdp, Payload{100})), Established())
      << "the old one's length is gone";
}

TEST_P(FragmentTest, NoneMayLieOverTheFirst) {
  Stage stage(WebMay());
  const auto leaves = [&](uint16_t offset) { return stage.Leaves(kWeb, Piece(kWeb, kDb, offset, false, kProtoUdp, Payload{100})); };
  stage.Leaves(kWeb, First(kWeb, kDb));
  for (const uint16_t offset : {8, 16}) EXPECT_THAT(leaves(offset), Denied(BH_REASON_FRAGMENT_OVERLAP)) << offset;
  for (const uint16_t offset : {24, 32, 65000}) EXPECT_THAT(leaves(offset), Established()) << offset;
  const Frame crooked = Piece(kWeb, kDb, 0, true, kProtoUdp, Udp{kClientPort, kServicePort, uint16_t{1408}} / Payload{17});
  EXPECT_THAT(stage.Leaves(kWeb, crooked), Established()) << "which ends within eight bytes";
  EXPECT_THAT(leaves(24), Denied(BH_REASON_FRAGMENT_OVERLAP));
  EXPECT_THAT(leaves(32), Established());
}

TEST_P(FragmentTest, OfTwoFirstOnesTheLongerCounts) {
  Stage stage(WebMay());
  const auto first = [&](size_t length) {
    return stage.Leaves(kWeb,
                        Piece(kWeb, kDb, 0, true, kProtoUdp, Udp{kClientPort, kServicePort, uint16_t{1408}} / Payload{length}));
  };
  first(56);
  EXPECT_THAT(first(8), Established());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 16, false, kProtoUdp, Payload{100})), Denied(BH_REASON_FRAGMENT_OVERLAP))
      << "the receiver may have kept either";
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 64, false, kProtoUdp, Payload{100})), Established());
}

TEST_P(FragmentTest, BeyondTheLargestPacket) {
  Stage stage(WebMay());
  stage.Leaves(kWeb, First(kWeb, kDb));
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 65528, false, kProtoUdp, Payload{7})), Established());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 65528, false, kProtoUdp, Payload{8})), Denied(BH_REASON_TRUNCATED));
}

TEST_P(FragmentTest, AReceiversHookRemembersForItself) {
  Stage stage(WebMay());
  stage.Leaves(kWeb, First(kWeb, kDb));
  const auto arrives = [&](const Frame& frame) { return stage.ArrivesFromOutside(kDb, frame); };
  const Frame headers = Ethernet{GatewayMac(), kDb.mac(), {}};
  const auto piece = [&](uint16_t offset, bool more, const Frame& below) {
    if (GetParam() == 4) return headers / IPv4{Outside(4), kDb.v4, kProtoUdp, 64, kId, more, offset} / below;
    return headers / IPv6{Outside(6), kDb.v6} / Fragment6{offset, more, kId, kProtoUdp} / below;
  };
  EXPECT_THAT(arrives(piece(24, false, Payload{8})), Denied(BH_REASON_FRAGMENT_STRAY));
  EXPECT_THAT(arrives(piece(0, true, Udp{kClientPort, kServicePort, uint16_t{24}} / Payload{16})), Denied(BH_REASON_POLICY));
  EXPECT_THAT(arrives(piece(24, false, Payload{8})), Denied(BH_REASON_FRAGMENT_STRAY));
}

TEST_P(FragmentTest, WithoutEnforcementTheyPassAndAreReported) {
  Stage stage({.mode = Mode::kAudit, .global_mode = Mode::kAudit});
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), WouldBeDenied(BH_REASON_FRAGMENT_STRAY));
  stage.Leaves(kWeb, First(kWeb, kDb));
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 8, false, kProtoUdp, Payload{8})), WouldBeDenied(BH_REASON_FRAGMENT_OVERLAP));
}

TEST_P(FragmentTest, ADeniedFirstOneIsNotRemembered) {
  Stage stage(WebMay());
  EXPECT_THAT(stage.Leaves(kEvil, First(kEvil, kDb)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kEvil, Later(kEvil, kDb)), Denied(BH_REASON_FRAGMENT_STRAY));
}

TEST_P(FragmentTest, TheSameIdOfAnotherFlowGoesByItsOwnFirst) {
  Stage stage(WebMay());
  stage.Leaves(kWeb, First(kWeb, kDb));
  EXPECT_THAT(stage.Leaves(kWeb, First(kWeb, kDb, 99)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Established());
}

TEST_P(FragmentTest, TheFirstMustHoldItsPorts) {
  Stage stage({});
  for (const size_t length : {0, 1, 4, 7}) {
    EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, kProtoUdp, Payload{length})), Denied(BH_REASON_FRAGMENT)) << length;
  }
  for (const size_t length : {8, 16, 19}) {
    EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, kProtoTcp, Payload{length})), Denied(BH_REASON_FRAGMENT))
        << "TCP's flags, RFC 1858: " << length;
  }
  for (const uint8_t words : {4, 6}) {
    EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, kProtoTcp, Tcp{kClientPort, kServicePort, kSyn, words, {}})),
                Denied(BH_REASON_FRAGMENT))
        << "a header of that many words: " << int{words};
  }
}

TEST_P(FragmentTest, TheFlagsCannotBeOverwritten) {
  Stage stage({});
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, kProtoTcp, Tcp{kClientPort, kServicePort, kSyn, {}, {}} / Payload{4})),
              Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 8, false, kProtoTcp, Payload{40})), Denied(BH_REASON_FRAGMENT_OVERLAP));
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 16, false, kProtoTcp, Payload{40})), Denied(BH_REASON_FRAGMENT_OVERLAP));
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 24, false, kProtoTcp, Payload{40})), Established());
}

TEST_P(FragmentTest, OtherProtocolsAndEcho) {
  Stage stage({});
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, 47, Payload{16})), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 16, false, 47, Payload{16})), Established());
  const uint8_t icmp = GetParam() == 4 ? kProtoIcmp : kProtoIcmp6;
  const Frame echo = Ask({GetParam(), kProtoIcmp});
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 0, true, icmp, echo)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Piece(kWeb, kDb, 40, false, icmp, Payload{16})), Established());
}

TEST_P(FragmentTest, ARemovedFirstBytesLieIsStillAFragment) {
  Stage stage({});
  // More to come, yet at offset 0 twice: the second first one replaces what was remembered.
  EXPECT_THAT(stage.Leaves(kWeb, First(kWeb, kDb, 1000)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, First(kWeb, kDb, 2000)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Later(kWeb, kDb)), Established());
  for (const auto& [key, flow] : stage.Flows()) {
    EXPECT_EQ(flow.packets[flow.opener], flow.service_port == 2000 ? 2u : 1u);
  }
}

// A whole report passes unjudged; what comes in pieces is judged, and so are the pieces behind.
TEST(FragmentHeaderTest, NoReportComesInPieces) {
  Stage stage({.policies = IsolateEgress("web") + IsolateIngress("db")});
  const MacAddress reports{{1, 0, 0x5e, 0, 0, 0x16}};
  const auto piece = [&](uint16_t offset, bool more) {
    return Ethernet{kWeb.mac(), reports, {}} / IPv4{kWeb.v4, Ip("224.0.0.22"), uint8_t{2}, 1, kId, more, offset} / Payload{16};
  };
  EXPECT_THAT(stage.Leaves(kWeb, piece(0, false)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, piece(0, true)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kWeb, piece(16, false)), Denied(BH_REASON_FRAGMENT_STRAY));
}

TEST(FragmentHeaderTest, AnAtomicFragmentIsAWholePacket) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")});
  const Frame atomic = Between(kWeb, kDb, 6) / Fragment6{0, false, kId, {}};
  EXPECT_THAT(stage.Leaves(kWeb, atomic / Udp{kClientPort, kServicePort, {}}), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, atomic / Udp{kClientPort, 99, {}}), Denied(BH_REASON_POLICY));
  const Frame later = Between(kWeb, kDb, 6) / Fragment6{24, false, kId, kProtoUdp} / Payload{8};
  EXPECT_THAT(stage.Leaves(kWeb, later), Denied(BH_REASON_FRAGMENT_STRAY)) << "nothing was to follow";
}

TEST(FragmentHeaderTest, TwoFragmentHeaders) {
  Stage stage({});
  const Frame frame = Between(kWeb, kDb, 6) / Fragment6{0, false, 1, {}} / Fragment6{0, false, 2, {}} / Udp{1, 2, {}};
  EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_EXTENSION));
}

TEST(FragmentHeaderTest, ExtensionHeadersBehindTheFragmentHeader) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]")});
  const auto fragment = [](uint16_t offset, bool more) { return Fragment6{offset, more, kId, kDestinationOptions}; };
  const Frame first = Between(kWeb, kDb, 6) / fragment(0, true) / Extension{kDestinationOptions, 8, {}} /
                      Udp{kClientPort, kServicePort, {}} / Payload{8};
  EXPECT_THAT(stage.Leaves(kWeb, first), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb, 6) / fragment(24, false) / Payload{8}), Established());
}

// The TCP header of the first lies behind destination options: further in than a TCP header is long.
TEST(FragmentHeaderTest, NoneMayLieOverAHeaderBehindOptions) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]")});
  const auto piece = [](uint16_t offset, bool more, uint8_t next, const Frame& below) {
    return Between(kWeb, kDb, 6) / Fragment6{offset, more, kId, next} / below;
  };
  const Frame tcp = Tcp{kClientPort, kServicePort, kSyn, {}, {}} / Payload{4};
  EXPECT_THAT(stage.Leaves(kWeb, piece(0, true, kDestinationOptions, Extension{kDestinationOptions, 64, {}} / tcp)), Allowed());
  const Frame ports = Tcp{kClientPort, 99, kSyn, {}, {}};
  for (const uint8_t next : {kDestinationOptions, kProtoTcp, uint8_t{59}}) {
    for (const uint16_t offset : {8, 56, 64, 80}) {
      EXPECT_THAT(stage.Leaves(kWeb, piece(offset, false, next, ports)), Denied(BH_REASON_FRAGMENT_OVERLAP)) << offset;
    }
  }
  // Nor by way of another first one, shorter and with another next header, which receivers put together with the same others.
  EXPECT_THAT(stage.Leaves(kWeb, piece(0, true, kProtoTcp, tcp)), Established());
  EXPECT_THAT(stage.Leaves(kWeb, piece(64, false, kProtoTcp, ports)), Denied(BH_REASON_FRAGMENT_OVERLAP));
  EXPECT_THAT(stage.Leaves(kWeb, piece(88, false, kProtoTcp, ports)), Established());
}

TEST(FragmentHeaderTest, TheFirstMustHoldAllItsHeaders) {
  Stage stage({});
  const Frame first = Between(kWeb, kDb, 6) / Fragment6{0, true, kId, kDestinationOptions};
  const Frame cut = first / Raw{{kProtoUdp, 1, 0, 0, 0, 0, 0, 0}}, shorter = first / Raw{{kProtoUdp, 0, 0, 0}};
  EXPECT_THAT(stage.Leaves(kWeb, cut), Denied(BH_REASON_FRAGMENT)) << "RFC 7112";
  EXPECT_THAT(stage.Leaves(kWeb, shorter), Denied(BH_REASON_FRAGMENT));
}

TEST(FragmentHeaderTest, NeighbourDiscoveryIsNeverFragmented) {
  Stage stage({});
  const Frame frame = Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv6{kWeb.v6, kDb.v6, {}, 255} / Fragment6{0, false, 1, {}} /
                      NeighbourSolicitation(kDb.v6, kWeb.mac());
  EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_FRAGMENT)) << "RFC 6980";
}

}  // namespace
}  // namespace bulkhead::packet_test
