// SPDX-License-Identifier: Apache-2.0
// TCP: handshakes, ends, port re-use, connections found in the middle.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class TcpTest : public testing::TestWithParam<int> {
 protected:
  Frame Asks(uint8_t flags) const { return Between(kWeb, kDb, GetParam()) / Ask({GetParam(), kProtoTcp}, flags); }
  Frame Answers(uint8_t flags) const { return Between(kDb, kWeb, GetParam()) / Answer({GetParam(), kProtoTcp}, flags); }
  static Setting OneWay() {
    return {.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]") + IsolateEgress("db") + IsolateIngress("web")};
  }
  static void Handshake(Stage& stage, const TcpTest& test) {
    EXPECT_THAT(stage.Travels(kWeb, kDb, test.Asks(kSyn)), Established());
    EXPECT_THAT(stage.Travels(kDb, kWeb, test.Answers(kSyn | kAck)), Established());
    EXPECT_THAT(stage.Travels(kWeb, kDb, test.Asks(kAck)), Established());
  }
  static Flow Only(Stage& stage) {
    const auto flows = stage.Flows();
    EXPECT_EQ(flows.size(), 1u);
    return flows.empty() ? Flow() : flows.begin()->second;
  }
  static uint64_t FlowsOfEdges(Stage& stage) {
    uint64_t flows = 0;
    for (const EdgeRecord& edge : stage.Edges()) flows += edge.flows;
    return flows;
  }
};
INSTANTIATE_TEST_SUITE_P(, TcpTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(TcpTest, SynAgainstTheEntryIsJudgedAsNew) {
  Stage stage(OneWay());
  Handshake(stage, *this);
  EXPECT_THAT(stage.Leaves(kDb, Answers(kSyn)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kWeb, Answers(kSyn), kDb.slot(), kDb.ifindex()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established()) << "the connection is as it was";
}

TEST_P(TcpTest, SynAgainstTheEntryThatIsAllowedTurnsIt) {
  Stage stage({});
  Handshake(stage, *this);
  EXPECT_THAT(stage.Leaves(kDb, Answers(kSyn)), Allowed());
  EXPECT_THAT(stage.Arrives(kWeb, Answers(kSyn), kDb.slot(), kDb.ifindex()), Established());
  const Flow flow = Only(stage);
  EXPECT_EQ(flow.state, BH_FLOW_UNANSWERED);
  EXPECT_EQ(flow.ruling.source, kDb.endpoint.identity);
  EXPECT_EQ(FlowsOfEdges(stage), 2u);
}

TEST_P(TcpTest, SimultaneousOpen) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kSyn)), Established());
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kSyn)), Established()) << "RFC 9293 section 3.5, figure 7";
  EXPECT_EQ(Only(stage).state, BH_FLOW_UNANSWERED);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kSyn | kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_ESTABLISHED);
  EXPECT_THAT(stage.Leaves(kDb, Answers(kSyn)), Denied(BH_REASON_POLICY));
}

TEST_P(TcpTest, RepeatedSynRides) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kSyn)), Established());
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kSyn)), Established());
  EXPECT_EQ(FlowsOfEdges(stage), 1u);
}

TEST_P(TcpTest, BothFinsClose) {
  Stage stage(OneWay());
  Handshake(stage, *this);
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kFin | kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_CLOSING);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_CLOSING);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kFin | kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_CLOSED);
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kAck)), Established()) << "the last acknowledgement";
  stage.Advance(12);
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(TcpTest, AResetCloses) {
  Stage stage(OneWay());
  Handshake(stage, *this);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kRst)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_CLOSED);
}

TEST_P(TcpTest, ARefusalIsNoAnswer) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks(kSyn));
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kRst | kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_CLOSED);
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].answered, 0u);
}

TEST_P(TcpTest, ASynWithFinIsNoAnswer) {
  Stage stage({});
  stage.Travels(kWeb, kDb, Asks(kSyn));
  EXPECT_TRUE(stage.Travels(kDb, kWeb, Answers(kSyn | kFin)).pass);
  for (const EdgeRecord& edge : stage.Edges()) EXPECT_EQ(edge.answered, 0u);
}

TEST_P(TcpTest, SynOnAClosedEntryIsANewFlow) {
  for (const uint8_t end : {kRst, kFin}) {
    Stage stage(OneWay());
    Handshake(stage, *this);
    stage.Travels(kWeb, kDb, Asks(end | kAck));
    EXPECT_THAT(stage.Leaves(kWeb, Asks(kSyn)), Allowed());
    EXPECT_THAT(stage.Arrives(kDb, Asks(kSyn), kWeb.slot(), kWeb.ifindex()), Established());
    const Flow flow = Only(stage);
    EXPECT_EQ(flow.state, BH_FLOW_UNANSWERED);
    EXPECT_EQ(flow.packets[flow.opener], 1u);
    EXPECT_FALSE(flow.fin[0] || flow.fin[1]);
    EXPECT_EQ(FlowsOfEdges(stage), 2u);
  }
}

TEST_P(TcpTest, FoundInTheMiddle) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kAck)), Allowed());
  const Flow flow = Only(stage);
  EXPECT_TRUE(flow.midstream);
  EXPECT_EQ(flow.state, BH_FLOW_UNANSWERED);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_ESTABLISHED);
}

TEST_P(TcpTest, FoundInTheMiddleByAnAnswer) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Leaves(kDb, Answers(kAck | kPsh)), Allowed());
  const Flow flow = Only(stage);
  EXPECT_TRUE(flow.midstream);
  EXPECT_EQ(flow.state, BH_FLOW_ESTABLISHED);
  EXPECT_EQ(flow.ruling.source, kWeb.endpoint.identity) << "judged in the connection's own direction";
  EXPECT_EQ(flow.service_port, kServicePort);
  EXPECT_THAT(stage.Arrives(kWeb, Answers(kAck | kPsh), kDb.slot(), kDb.ifindex()), Established());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kAck)), Established());
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].flows, 1u);
  EXPECT_EQ(stage.Edges()[0].answered, 0u) << "an ACK scan must not look like evidence";
}

TEST_P(TcpTest, FoundInTheMiddleByAnAnswerFromOutside) {
  const int family = GetParam();
  Stage stage({.policies = IsolateIngress("web")});
  const Frame answer = FromGateway(Outside(family), kWeb) / Answer({family, kProtoTcp}, kAck);
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, answer), Allowed());
  EXPECT_EQ(Only(stage).ruling.source, kWeb.endpoint.identity);
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, Outside(family)) / Ask({family, kProtoTcp}, kAck)), Established());
}

TEST_P(TcpTest, WhatIsAllowedEitherWayIsOpenedByTheEphemeralPort) {
  Stage stage({});
  EXPECT_THAT(stage.Leaves(kDb, Answers(kAck)), Allowed());
  EXPECT_EQ(Only(stage).ruling.source, kWeb.endpoint.identity);
  EXPECT_EQ(Only(stage).service_port, kServicePort);
}

TEST_P(TcpTest, FoundInTheMiddleButDenied) {
  Stage stage(OneWay());
  const Frame frame = Between(kEvil, kDb, GetParam()) / Ask({GetParam(), kProtoTcp}, kAck);
  EXPECT_THAT(stage.Leaves(kEvil, frame), Denied(BH_REASON_POLICY));
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(TcpTest, AClientsPacketIsNeverTakenForAnAnswer) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame frame = Between(kEvil, kDb, GetParam()) / Ask({GetParam(), kProtoTcp}, kAck);
  EXPECT_THAT(stage.Leaves(kEvil, frame), Denied(BH_REASON_POLICY)) << "db may open connections to evil, but this is none of them";
  const Frame unclear = Between(kEvil, kDb, GetParam()) / Tcp{50000, 40000, kAck};
  EXPECT_THAT(stage.Leaves(kEvil, unclear), Allowed()) << "as an answer";
  EXPECT_EQ(Only(stage).ruling.source, kDb.endpoint.identity);
}

TEST_P(TcpTest, SoManyAnswersAndNoMore) {
  Stage stage(OneWay());
  DataplaneOptions options = Stage::Options();
  options.midstream_per_second = 0;
  stage.SetOptions(options);
  EXPECT_THAT(stage.Leaves(kDb, Answers(kAck)), Denied(BH_REASON_POLICY)) << "as it stands";
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kAck)), Allowed()) << "as it stands";
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established());
}

TEST_P(TcpTest, AnAnswerBeyondTheLimitTeachesNothing) {
  Stage stage({});
  DataplaneOptions options = Stage::Options();
  options.midstream_per_second = 0;
  stage.SetOptions(options);
  EXPECT_THAT(stage.Leaves(kDb, Answers(kAck)), Allowed());
  EXPECT_TRUE(stage.Flows().empty());
  EXPECT_TRUE(stage.Edges().empty());
}

TEST_P(TcpTest, AResetOpensNothing) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Leaves(kDb, Answers(kRst)), Denied(BH_REASON_POLICY)) << "never turned round";
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kRst)), Allowed());
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(TcpTest, ASynAckOpensNothing) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Leaves(kDb, Answers(kSyn | kAck)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kSyn | kAck)), Allowed());
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(TcpTest, UdpIsNeverFoundInTheMiddle) {
  Stage stage({.policies = AllowIngress("db", "web", "") + IsolateIngress("web")});
  const Frame answer = Between(kDb, kWeb, GetParam()) / Answer({GetParam(), kProtoUdp});
  EXPECT_THAT(stage.Leaves(kDb, answer), Denied(BH_REASON_POLICY));
}

TEST_P(TcpTest, OptionsAndPayloadDoNotMatter) {
  Stage stage(OneWay());
  const Frame frame =
      Between(kWeb, kDb, GetParam()) / Tcp{kClientPort, kServicePort, kSyn, {}, {2, 4, 5, 0xb4, 1, 3, 3, 7}} / Payload{3};
  EXPECT_THAT(stage.Travels(kWeb, kDb, frame), Established());
}

}  // namespace
}  // namespace bulkhead::packet_test
