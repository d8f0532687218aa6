// SPDX-License-Identifier: Apache-2.0
// Which packets are handed straight to their receiver, past the bridge and its egress hook.
#include <gtest/gtest.h>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

std::vector<uint16_t> All() {
  std::vector<uint16_t> slots;
  for (const Actor& actor : Cast()) slots.push_back(actor.slot());
  return slots;
}

class FastPathTest : public testing::TestWithParam<Carrier> {
 protected:
  void SetUp() override {
    if (SharedWorld() == nullptr) GTEST_SKIP() << "needs ebpf";
  }
  Frame Asks(const Actor& from, const Actor& to, uint8_t flags) const {
    return Between(from, to, GetParam().family) / Ask(GetParam(), flags);
  }
  Frame Answers(const Actor& from, const Actor& to, uint8_t flags) const {
    return Between(from, to, GetParam().family) / Answer(GetParam(), flags);
  }
  // web and db have greeted each other.
  void Greet(Stage& stage) const {
    EXPECT_FALSE(stage.Travels(kWeb, kDb, Asks(kWeb, kDb, kSyn)).fast) << "the first packet";
    EXPECT_FALSE(stage.Travels(kDb, kWeb, Answers(kDb, kWeb, kSyn | kAck)).fast) << "the first answer";
  }
  Outcome WebSends(Stage& stage) const { return stage.Leaves(kWeb, Asks(kWeb, kDb, kAck)); }
  Outcome DbSends(Stage& stage) const { return stage.Leaves(kDb, Answers(kDb, kWeb, kAck)); }
  static uint64_t FastFlows() { return SharedWorld()->backend().ReadCounters().value()[BH_COUNTER_FLOWS_FAST]; }
};
INSTANTIATE_TEST_SUITE_P(, FastPathTest, testing::ValuesIn(AllCarriers()), CarrierName);

MATCHER(Fast, "is handed over") { return arg.pass && arg.established && arg.fast; }
MATCHER(Slow, "passes as established, over the bridge") { return arg.pass && arg.established && !arg.fast; }

TEST_P(FastPathTest, BothDirectionsOnceAnsweredAndCounted) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  stage.SetFastPath(All());
  const uint64_t before = FastFlows();
  Greet(stage);
  EXPECT_EQ(FastFlows(), before + 1);
  EXPECT_THAT(WebSends(stage), Fast());
  EXPECT_THAT(DbSends(stage), Fast());
  for (const auto& [key, flow] : stage.Flows()) {
    EXPECT_EQ(flow.packets[0], 2u);
    EXPECT_EQ(flow.packets[1], 2u);
  }
  EXPECT_FALSE(stage.Leaves(kEvil, Asks(kEvil, kDb, kSyn)).fast);
}

TEST_P(FastPathTest, NotUnlessBothEndsAreReadyWhenItBegins) {
  for (const uint16_t missing : {kWeb.slot(), kDb.slot()}) {
    Stage stage({});
    std::vector<uint16_t> some = All();
    std::erase(some, missing);
    stage.SetFastPath(some);
    Greet(stage);
    stage.SetFastPath(All());
    EXPECT_THAT(WebSends(stage), Slow());
    EXPECT_THAT(DbSends(stage), Slow());
  }
}

TEST_P(FastPathTest, NotForAnotherMacThanTheReceivers) {
  Stage stage({});
  stage.SetFastPath(All());
  Greet(stage);
  const int family = GetParam().family;
  for (const MacAddress& mac : {GatewayMac(), kEvil.mac()}) {
    EXPECT_THAT(stage.Leaves(kWeb, Headers(family, kWeb.mac(), kWeb.ip(family), mac, kDb.ip(family)) / Ask(GetParam(), kAck)), Slow());
  }
  EXPECT_FALSE(stage.Leaves(kWeb, Headers(family, kWeb.mac(), kWeb.ip(family), Broadcast(), kDb.ip(family)) / Ask(GetParam(), kAck)).fast);
  EXPECT_THAT(WebSends(stage), Fast()) << "the flow is as it was";
}

TEST_P(FastPathTest, NotWhenTheFirstPacketWasToBeRouted) {
  Stage stage({});
  stage.SetFastPath(All());
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, kDb.ip(GetParam().family)) / Ask(GetParam(), kSyn)), Allowed());
  stage.Leaves(kDb, Answers(kDb, kWeb, kSyn | kAck));
  EXPECT_THAT(WebSends(stage), Slow());
  EXPECT_THAT(DbSends(stage), Slow());
}

TEST_P(FastPathTest, EndsAtOnceWhenAnEndIsTakenOff) {
  for (const uint16_t off : {kWeb.slot(), kDb.slot()}) {
    Stage stage({});
    stage.SetFastPath(All());
    Greet(stage);
    std::vector<uint16_t> some = All();
    std::erase(some, off);
    stage.SetFastPath(some);
    EXPECT_FALSE(WebSends(stage).fast);
    EXPECT_FALSE(DbSends(stage).fast);
    stage.SetFastPath(All());
    EXPECT_THAT(WebSends(stage), Slow()) << "it has lost the right for good";
    EXPECT_THAT(DbSends(stage), Slow());
  }
}

TEST_P(FastPathTest, EndsWhenNobodyVouchesAnyLonger) {
  Stage stage({});
  stage.SetFastPath(All(), 0);
  Greet(stage);
  EXPECT_THAT(WebSends(stage), Slow());
  stage.SetFastPath(All());
  EXPECT_THAT(WebSends(stage), Slow()) << "nobody vouched when it began";
}

TEST_P(FastPathTest, OutlivesWhatOnlyJudgesAgain) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  stage.SetFastPath(All());
  Greet(stage);
  stage.Apply({.policies = AllowIngress("db", "web", GetParam().ports()) + IsolateIngress("evil")});
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kWeb, kDb, kAck)), testing::Not(Fast())) << "judged again";
  EXPECT_THAT(WebSends(stage), Fast());
  EXPECT_THAT(DbSends(stage), Fast());
}

TEST_P(FastPathTest, ARevokedFlowIsStoppedInBothDirections) {
  Stage stage({});
  stage.SetFastPath(All());
  Greet(stage);
  EXPECT_THAT(WebSends(stage), Fast());
  stage.Apply({.policies = IsolateIngress("db")});
  EXPECT_THAT(WebSends(stage), Denied(BH_REASON_POLICY));
  EXPECT_THAT(DbSends(stage), Denied(BH_REASON_POLICY));
}

TEST_P(FastPathTest, NotToAnEndpointThatIsGoneOrReplaced) {
  Stage stage({});
  stage.SetFastPath(All());
  Greet(stage);
  stage.Remove(kDb.slot());
  EXPECT_FALSE(WebSends(stage).fast);
  stage.Put(kDb.endpoint);
  EXPECT_FALSE(WebSends(stage).fast) << "nobody has vouched for the new one";
  stage.SetFastPath(All());
  EXPECT_THAT(WebSends(stage), Slow());
}

TEST_P(FastPathTest, NotToAnEndpointThatNobodyKnows) {
  Stage stage({.mode = Mode::kLearn, .global_mode = Mode::kLearn});
  stage.SetFastPath(All());
  EndpointState unbound = kDb.endpoint;
  unbound.bound = false;
  stage.Put(unbound);
  Greet(stage);
  EXPECT_FALSE(WebSends(stage).fast);
  EXPECT_FALSE(DbSends(stage).fast);
}

// web asks the host for a published port; it is translated, and answered by db to web's own address and MAC.
TEST_P(FastPathTest, NotForTheAnswersOfATranslatedFlow) {
  const int family = GetParam().family;
  Stage stage({});
  stage.SetFastPath(All());
  EXPECT_FALSE(stage.Leaves(kWeb, ToGateway(kWeb, HostUplink(family)) / Ask(GetParam(), kSyn)).fast);
  stage.Arrives(kDb, FromGateway(kWeb.ip(family), kDb) / Ask(GetParam(), kSyn), kWeb.slot(), kWeb.ifindex());
  EXPECT_FALSE(DbSends(stage).fast);
  EXPECT_FALSE(stage.Leaves(kWeb, ToGateway(kWeb, HostUplink(family)) / Ask(GetParam(), kAck)).fast);
  stage.Arrives(kDb, FromGateway(kWeb.ip(family), kDb) / Ask(GetParam(), kAck), kWeb.slot(), kWeb.ifindex());
  EXPECT_FALSE(DbSends(stage).fast);
  // The entry is forgotten, and db's next answer opens one of its own.
  stage.Advance(9 * 3600);
  EXPECT_FALSE(DbSends(stage).fast);
  stage.Arrives(kDb, FromGateway(kWeb.ip(family), kDb) / Ask(GetParam(), kAck), kWeb.slot(), kWeb.ifindex());
  EXPECT_FALSE(DbSends(stage).fast);
  EXPECT_FALSE(DbSends(stage).fast);
}

TEST_P(FastPathTest, NotToOneselfNorToAnotherBridge) {
  Stage stage({});
  stage.SetFastPath(All());
  const int family = GetParam().family;
  const Frame to_cache = Headers(family, kWeb.mac(), kWeb.ip(family), kCache.mac(), kCache.ip(family)) / Ask(GetParam(), kSyn);
  stage.Leaves(kWeb, to_cache);
  stage.Leaves(kWeb, to_cache);
  const Frame back = Headers(family, kCache.mac(), kCache.ip(family), kWeb.mac(), kWeb.ip(family)) / Answer(GetParam(), kSyn | kAck);
  EXPECT_FALSE(stage.Leaves(kCache, back).fast);
  EXPECT_FALSE(stage.Leaves(kCache, back).fast);
  EXPECT_FALSE(stage.Leaves(kWeb, Asks(kWeb, kWeb, kSyn)).fast);
  EXPECT_FALSE(stage.Leaves(kWeb, Answers(kWeb, kWeb, kSyn | kAck)).fast);
  EXPECT_FALSE(stage.Leaves(kWeb, Asks(kWeb, kWeb, kAck)).fast);
}

class FastPathFamilyTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (SharedWorld() == nullptr) GTEST_SKIP() << "needs ebpf";
  }
};
INSTANTIATE_TEST_SUITE_P(, FastPathFamilyTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(FastPathFamilyTest, NotForTcpFoundInMidStream) {
  Stage stage({});
  stage.SetFastPath(All());
  const Frame answer = Between(kDb, kWeb, GetParam()) / Tcp{5432, kClientPort, kAck};
  const Frame ask = Between(kWeb, kDb, GetParam()) / Tcp{kClientPort, 5432, kAck};
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(stage.Leaves(kDb, answer).fast) << "netfilter may have to translate it back";
    EXPECT_FALSE(stage.Leaves(kWeb, ask).fast);
  }
}

TEST_P(FastPathFamilyTest, WhatEndsAConnectionToo) {
  Stage stage({});
  stage.SetFastPath(All());
  const auto ask = [&](uint8_t flags) { return Between(kWeb, kDb, GetParam()) / Tcp{kClientPort, 5432, flags}; };
  const auto answer = [&](uint8_t flags) { return Between(kDb, kWeb, GetParam()) / Tcp{5432, kClientPort, flags}; };
  stage.Travels(kWeb, kDb, ask(kSyn));
  stage.Travels(kDb, kWeb, answer(kSyn | kAck));
  EXPECT_THAT(stage.Leaves(kWeb, ask(kFin | kAck)), Fast());
  EXPECT_THAT(stage.Leaves(kDb, answer(kFin | kAck)), Fast());
  EXPECT_THAT(stage.Leaves(kWeb, ask(kAck)), Fast());
  EXPECT_THAT(stage.Leaves(kDb, answer(kRst)), Fast());
  EXPECT_FALSE(stage.Travels(kWeb, kDb, ask(kSyn)).fast) << "a new connection begins over the bridge";
}

// A query by way of the host's port and one without it may have the same tuple here.
TEST_P(FastPathFamilyTest, NotForUdpToWhatIsPublished) {
  Stage stage({});
  stage.SetFastPath(All());
  stage.Publish({{Ip(GetParam() == 4 ? "0.0.0.0" : "::"), 53, kProtoUdp, kDb.ip(GetParam()), 53, kDb.zone()}});
  for (const auto& [port, fast] : {std::pair(53, false), std::pair(54, true)}) {
    const auto service = static_cast<uint16_t>(port);
    const Frame ask = Between(kWeb, kDb, GetParam()) / Udp{kClientPort, service, {}};
    stage.Travels(kWeb, kDb, ask);
    stage.Travels(kDb, kWeb, Between(kDb, kWeb, GetParam()) / Udp{service, kClientPort, {}});
    EXPECT_EQ(stage.Leaves(kWeb, ask).fast, fast) << port;
  }
}

TEST_P(FastPathFamilyTest, FragmentsGoOverTheBridgeAndLateOnesToo) {
  Stage stage({});
  stage.SetFastPath(All());
  const Frame ask = Between(kWeb, kDb, GetParam()) / Udp{kClientPort, 54, {}};
  stage.Travels(kWeb, kDb, ask);
  stage.Travels(kDb, kWeb, Between(kDb, kWeb, GetParam()) / Udp{54, kClientPort, {}});
  EXPECT_THAT(stage.Leaves(kWeb, ask), Fast());
  const Frame ethernet = Ethernet{kWeb.mac(), kDb.mac(), {}};
  const auto piece = [&](uint16_t offset, bool more, const Frame& below) {
    if (GetParam() == 4) return ethernet / IPv4{kWeb.v4, kDb.v4, kProtoUdp, 64, 7, more, offset} / below;
    return ethernet / IPv6{kWeb.v6, kDb.v6} / Fragment6{offset, more, 7, kProtoUdp} / below;
  };
  EXPECT_THAT(stage.Leaves(kWeb, piece(0, true, Udp{kClientPort, 54, uint16_t{1408}} / Payload{16})), Slow());
  EXPECT_THAT(stage.Leaves(kWeb, piece(24, false, Payload{100})), Slow());
}

}  // namespace
}  // namespace bulkhead::packet_test
