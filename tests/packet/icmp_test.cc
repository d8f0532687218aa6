// SPDX-License-Identifier: Apache-2.0
// ICMP: errors belong to the flow that they quote; echo opens flows one way only; the rest is refused.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class IcmpTest : public testing::TestWithParam<int> {
 protected:
  int family() const { return GetParam(); }
  // What `reporter` says of a packet from web to db.
  Frame Inner(uint16_t port = kServicePort) const {
    if (family() == 4) return IPv4{kWeb.v4, kDb.v4} / Udp{kClientPort, port, {}};
    return IPv6{kWeb.v6, kDb.v6} / Udp{kClientPort, port, {}};
  }
  Frame Unreachable() const { return family() == 4 ? Frame(Icmp{3, 3}) : Frame(Icmp6{1, 4}); }
  Frame Error(const Actor& from, const Actor& to, const Frame& inner) const {
    return Between(from, to, family()) / Unreachable() / inner;
  }
  Frame Packet() const { return Between(kWeb, kDb, family()) / Udp{kClientPort, kServicePort, {}}; }
  static Setting WebMay() {
    return {.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5432}]") + IsolateEgress("db") + IsolateIngress("web")};
  }
};
INSTANTIATE_TEST_SUITE_P(, IcmpTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(IcmpTest, AnErrorOfAKnownFlow) {
  Stage stage(WebMay());
  EXPECT_THAT(stage.Leaves(kDb, Error(kDb, kWeb, Inner())), Denied(BH_REASON_ICMP_ORPHAN));
  stage.Travels(kWeb, kDb, Packet());
  EXPECT_THAT(stage.Travels(kDb, kWeb, Error(kDb, kWeb, Inner())), Allowed());
  EXPECT_THAT(stage.Leaves(kDb, Error(kDb, kWeb, Inner(99))), Denied(BH_REASON_ICMP_ORPHAN));
  ASSERT_EQ(stage.Flows().size(), 1u);
  EXPECT_EQ(stage.Flows().begin()->second.state, BH_FLOW_UNANSWERED) << "an error is no answer";
}

// A flow that is revoked stays in the table, but nobody may speak of it any more.
TEST_P(IcmpTest, AnErrorOfARevokedFlow) {
  Stage stage(WebMay());
  const Frame error = Error(kDb, kWeb, Inner());
  stage.Travels(kWeb, kDb, Packet());
  EXPECT_THAT(stage.Travels(kDb, kWeb, error), Allowed());
  stage.Apply({.policies = AllowIngress("db", "api", "") + IsolateEgress("db") + IsolateIngress("web")});
  EXPECT_THAT(stage.Leaves(kWeb, Packet()), Denied(BH_REASON_POLICY));
  ASSERT_EQ(stage.Flows().size(), 1u);
  EXPECT_THAT(stage.Leaves(kDb, error), Denied(BH_REASON_ICMP_ORPHAN));
  EXPECT_THAT(stage.Arrives(kWeb, error, kDb.slot(), kDb.ifindex()), Denied(BH_REASON_ICMP_ORPHAN));
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, FromGateway(Outside(family()), kWeb) / Unreachable() / Inner()),
              Denied(BH_REASON_ICMP_ORPHAN));
  stage.Apply(WebMay());
  EXPECT_THAT(stage.Leaves(kWeb, Packet()), Allowed());
  EXPECT_THAT(stage.Leaves(kDb, error), Allowed());
}

// Nor of one whose next packet has yet to be judged by the policy of today.
TEST_P(IcmpTest, AnErrorOfAFlowThatNobodyHasJudgedSince) {
  Stage stage(WebMay());
  const Frame error = Error(kDb, kWeb, Inner());
  stage.Travels(kWeb, kDb, Packet());
  stage.Apply({.policies = AllowIngress("db", "api", "") + IsolateEgress("db") + IsolateIngress("web")});
  EXPECT_THAT(stage.Leaves(kDb, error), Denied(BH_REASON_ICMP_ORPHAN)) << "no longer allowed";
  stage.Apply(WebMay());
  EXPECT_THAT(stage.Leaves(kDb, error), Denied(BH_REASON_ICMP_ORPHAN)) << "allowed, but who knows?";
  EXPECT_THAT(stage.Arrives(kWeb, error, kDb.slot(), kDb.ifindex()), Denied(BH_REASON_ICMP_ORPHAN));
  EXPECT_THAT(stage.Leaves(kWeb, Packet()), Allowed());
  EXPECT_THAT(stage.Travels(kDb, kWeb, error), Allowed());
}

TEST_P(IcmpTest, EveryTypeOfError) {
  Stage stage(WebMay());
  stage.Travels(kWeb, kDb, Packet());
  const std::vector<uint8_t> errors = family() == 4 ? std::vector<uint8_t>{3, 11, 12} : std::vector<uint8_t>{1, 2, 3, 4};
  for (const uint8_t type : errors) {
    const Frame message = family() == 4 ? Frame(Icmp{type}) : Frame(Icmp6{type});
    EXPECT_THAT(stage.Leaves(kDb, Between(kDb, kWeb, family()) / message / Inner()), Allowed()) << int{type};
  }
}

TEST_P(IcmpTest, TheHostAndRoutersReportToo) {
  Stage stage(WebMay());
  stage.Travels(kWeb, kDb, Packet());
  const Frame from_host = FromGateway(Gateway(1, family()), kWeb) / Unreachable() / Inner();
  EXPECT_THAT(stage.ArrivesFromHost(kWeb, from_host), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, FromGateway(Outside(family()), kWeb) / Unreachable() / Inner()), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, FromGateway(Outside(family()), kWeb) / Unreachable() / Inner(99)),
              Denied(BH_REASON_ICMP_ORPHAN));
}

TEST_P(IcmpTest, AThirdMayNotBreakAFlow) {
  Stage stage(WebMay());
  stage.Travels(kWeb, kDb, Packet());
  EXPECT_THAT(stage.Leaves(kEvil, Error(kEvil, kWeb, Inner())), Denied(BH_REASON_ICMP_ORPHAN));
  EXPECT_THAT(stage.Leaves(kWeb, Error(kWeb, kDb, Inner())), Denied(BH_REASON_ICMP_ORPHAN)) << "it quotes its own packet";
  EXPECT_THAT(stage.Leaves(kDb, Error(kDb, kApi, Inner())), Denied(BH_REASON_ICMP_ORPHAN)) << "to another than the packet's sender";
}

TEST_P(IcmpTest, AnErrorAboutAnAnswer) {
  Stage stage(WebMay());
  stage.Travels(kWeb, kDb, Packet());
  const Frame inner = family() == 4 ? IPv4{kDb.v4, kWeb.v4} / Udp{kServicePort, kClientPort, {}}
                                    : IPv6{kDb.v6, kWeb.v6} / Udp{kServicePort, kClientPort, {}};
  EXPECT_THAT(stage.Travels(kWeb, kDb, Error(kWeb, kDb, inner)), Allowed());
}

TEST_P(IcmpTest, QuotedEcho) {
  Stage stage({});
  const Frame echo = Ask({family(), kProtoIcmp});
  stage.Travels(kWeb, kDb, Between(kWeb, kDb, family()) / echo);
  const Frame inner = (family() == 4 ? Frame(IPv4{kWeb.v4, kDb.v4}) : Frame(IPv6{kWeb.v6, kDb.v6})) / echo;
  EXPECT_THAT(stage.Travels(kDb, kWeb, Error(kDb, kWeb, inner)), Allowed());
}

TEST_P(IcmpTest, AQuoteThatCannotBeRead) {
  Stage stage(WebMay());
  stage.Travels(kWeb, kDb, Packet());
  const ByteVector whole = Inner().Build();
  const size_t header = family() == 4 ? 20 : 40;
  for (size_t length = 0; length <= whole.size(); ++length) {
    const ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const Outcome outcome = stage.Leaves(kDb, Between(kDb, kWeb, family()) / Unreachable() / Raw{cut});
    if (length < header + 8) {
      EXPECT_THAT(outcome, Denied(BH_REASON_ICMP_ORPHAN)) << length;
    } else {
      EXPECT_THAT(outcome, Allowed()) << length;
    }
  }
  const Frame later = family() == 4
                          ? IPv4{kWeb.v4, kDb.v4, kProtoUdp, 64, 1, false, 8} / Udp{kClientPort, kServicePort, {}}
                          : IPv6{kWeb.v6, kDb.v6} / Fragment6{8, false, 1, kProtoUdp} / Udp{kClientPort, kServicePort, {}};
  EXPECT_THAT(stage.Leaves(kDb, Error(kDb, kWeb, later)), Denied(BH_REASON_ICMP_ORPHAN)) << "it has no ports";
}

TEST_P(IcmpTest, AnUnaskedEchoReplyOpensNothing) {
  Stage stage({});
  const Carrier echo{family(), kProtoIcmp};
  EXPECT_THAT(stage.Leaves(kDb, Between(kDb, kWeb, family()) / Answer(echo)), Denied(BH_REASON_ICMP_ORPHAN));
  EXPECT_THAT(stage.Arrives(kWeb, Between(kDb, kWeb, family()) / Answer(echo), kDb.slot(), kDb.ifindex()),
              Denied(BH_REASON_ICMP_ORPHAN));
}

TEST_P(IcmpTest, ARequestDoesNotRideOnAnothersEcho) {
  Stage stage({.policies = IsolateEgress("db")});
  const Carrier echo{family(), kProtoIcmp};
  stage.Travels(kWeb, kDb, Between(kWeb, kDb, family()) / Ask(echo));
  EXPECT_THAT(stage.Travels(kDb, kWeb, Between(kDb, kWeb, family()) / Answer(echo)), Established());
  EXPECT_THAT(stage.Leaves(kDb, Between(kDb, kWeb, family()) / Ask(echo)), Denied(BH_REASON_POLICY));
}

TEST_P(IcmpTest, NorWithTheIdZero) {
  Stage stage({.policies = IsolateEgress("db")});
  const auto echo = [&](bool reply) {
    return family() == 4 ? Frame(Icmp{static_cast<uint8_t>(reply ? 0 : 8)}) : Frame(Icmp6{static_cast<uint8_t>(reply ? 129 : 128)});
  };
  stage.Travels(kWeb, kDb, Between(kWeb, kDb, family()) / echo(false));
  EXPECT_THAT(stage.Leaves(kDb, Between(kDb, kWeb, family()) / echo(false)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Travels(kDb, kWeb, Between(kDb, kWeb, family()) / echo(true)), Established());
  EXPECT_THAT(stage.Leaves(kDb, Between(kDb, kWeb, family()) / echo(false)), Denied(BH_REASON_POLICY));
}

TEST_P(IcmpTest, OtherTypes) {
  Stage stage({});
  const std::vector<uint8_t> types =
      family() == 4 ? std::vector<uint8_t>{4, 5, 9, 10, 13, 17, 42} : std::vector<uint8_t>{0, 5, 100, 127, 138, 139, 144, 151, 200};
  for (const uint8_t type : types) {
    const Frame message = family() == 4 ? Frame(Icmp{type}) : Frame(Icmp6{type});
    EXPECT_THAT(stage.Leaves(kWeb, Between(kWeb, kDb, family()) / message / Payload{32}), Denied(BH_REASON_ICMP_TYPE)) << int{type};
    EXPECT_THAT(stage.ArrivesFromOutside(kDb, FromGateway(Outside(family()), kDb) / message / Payload{32}),
                Denied(BH_REASON_ICMP_TYPE));
  }
}

TEST(IcmpFamilyTest, TheOtherFamilysIcmpIsNoIcmp) {
  Stage stage({});
  EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv4{kWeb.v4, kDb.v4} / Icmp6{134}), Allowed())
      << "some protocol 58";
  EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv6{kWeb.v6, kDb.v6} / Icmp{5}), Allowed());
}

}  // namespace
}  // namespace bulkhead::packet_test
