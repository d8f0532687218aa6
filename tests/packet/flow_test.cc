// SPDX-License-Identifier: Apache-2.0
// Entries of the flow table: what rides on them, how they change state, when they end.
#include <gtest/gtest.h>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class FlowTest : public testing::TestWithParam<Carrier> {
 protected:
  Frame Asks(uint8_t flags = kSyn) const { return Between(kWeb, kDb, GetParam().family) / Ask(GetParam(), flags); }
  Frame Answers(uint8_t flags = kSyn | kAck) const { return Between(kDb, kWeb, GetParam().family) / Answer(GetParam(), flags); }
  static Flow Only(Stage& stage) {
    const auto flows = stage.Flows();
    EXPECT_EQ(flows.size(), 1u);
    return flows.empty() ? Flow() : flows.begin()->second;
  }

  // Nothing but web -> db is allowed, neither there nor back.
  Setting OneWay() const {
    return {.policies = AllowIngress("db", "web", GetParam().ports()) + IsolateEgress("db") + IsolateIngress("web") +
                        AllowEgress("web", "db", GetParam().ports())};
  }
};
INSTANTIATE_TEST_SUITE_P(, FlowTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(FlowTest, AnswersRideOnTheEntry) {
  Stage stage(OneWay());
  EXPECT_THAT(stage.Leaves(kDb, Answers()), testing::Not(Passes())) << "unasked";
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_EQ(Only(stage).state, BH_FLOW_UNANSWERED);
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers()), Established());
  const Flow flow = Only(stage);
  EXPECT_EQ(flow.state, BH_FLOW_ESTABLISHED);
  EXPECT_EQ(flow.packets[0] + flow.packets[1], 2u) << "each packet is counted once, though two hooks see it";
  EXPECT_EQ(flow.bytes[flow.opener], Asks().Build().size());
  EXPECT_EQ(flow.bytes[flow.responder()], Answers().Build().size());
}

TEST_P(FlowTest, AddsUpOneEdge) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  EXPECT_EQ(stage.Edges()[0].answered, GetParam().tcp() ? 0u : 1u) << "a SYN-ACK goes to whatever address the SYN had";
  stage.Travels(kDb, kWeb, Answers(kAck));
  stage.Travels(kDb, kWeb, Answers(kAck));
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].source_identity, kWeb.endpoint.identity);
  EXPECT_EQ(edges[0].destination_identity, kDb.endpoint.identity);
  EXPECT_EQ(edges[0].port, GetParam().echo() ? 0 : kServicePort);
  EXPECT_EQ(edges[0].protocol, GetParam().protocol);
  EXPECT_EQ(edges[0].flows, 1u);
  EXPECT_EQ(edges[0].answered, 1u);
  EXPECT_EQ(edges[0].denied, 0u);
}

TEST_P(FlowTest, EdgesTellWorkloadsApart) {
  const int family = GetParam().family;
  const uint64_t web = bh_workload_bit(kWeb.ifindex()), web2 = bh_workload_bit(kWeb2.ifindex()),
                 db = bh_workload_bit(kDb.ifindex());
  ASSERT_NE(web, web2);
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].source_workloads, web);
  EXPECT_EQ(stage.Edges()[0].destination_workloads, db);
  stage.Travels(kWeb2, kDb, Between(kWeb2, kDb, family) / Ask(GetParam()));
  stage.Travels(kDb, kWeb, Answers());
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].source_workloads, web | web2);
  EXPECT_EQ(stage.Edges()[0].destination_workloads, db);
}

TEST_P(FlowTest, EdgesTellWorkloadsOfAnotherZoneAndDeniedOnes) {
  const int family = GetParam().family;
  Stage stage({.policies = IsolateIngress("db")});
  stage.Travels(kWeb, kCache, ToGateway(kWeb, kCache.ip(family)) / Ask(GetParam()));
  stage.Leaves(kEvil, Between(kEvil, kDb, family) / Ask(GetParam()));
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 2u);
  for (const EdgeRecord& edge : edges) {
    const bool denied = edge.verdict == Verdict::kDeny;
    EXPECT_EQ(edge.source_workloads, bh_workload_bit(denied ? kEvil.ifindex() : kWeb.ifindex()));
    EXPECT_EQ(edge.destination_workloads, bh_workload_bit(denied ? kDb.ifindex() : kCache.ifindex()));
  }
}

TEST_P(FlowTest, EdgesTellOneLifeOfASlotFromTheNext) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  EndpointState again = kWeb.endpoint;
  again.ifindex = kNoEndpoint;
  stage.Remove(kWeb.slot());
  stage.Put(again);
  Actor reborn = kWeb;
  reborn.endpoint = again;
  stage.Advance(400);
  stage.Sweep();
  stage.Travels(reborn, kDb, Asks());
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].source_workloads, bh_workload_bit(kWeb.ifindex()) | bh_workload_bit(kNoEndpoint));
}

TEST_P(FlowTest, IdleEdgesAreTakenOutWhole) {
  if (SharedWorld() == nullptr) GTEST_SKIP() << "no kernel to ask";
  EbpfBackend& backend = SharedWorld()->backend();
  Stage stage({});
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  stage.Travels(kDb, kWeb, Answers(kAck));
  stage.Leaves(kWeb, ToGateway(kWeb, Outside(GetParam().family)) / Ask(GetParam()));
  const auto before = stage.Edges();
  ASSERT_EQ(before.size(), 2u);
  std::vector<EdgeRecord> taken;
  const auto take = [&](const EdgeRecord& edge) { taken.push_back(edge); };
  ASSERT_TRUE(backend.TakeIdleEdges(1, 1, take).ok());
  EXPECT_TRUE(taken.empty()) << "none is as old";
  stage.TakeIdleEdges(UINT64_MAX, 0, take);
  ASSERT_EQ(taken.size(), 1u) << "that with an outside peer gives way by itself";
  EXPECT_EQ(taken[0].flows, 1u);
  EXPECT_EQ(taken[0].answered, 1u);
  EXPECT_EQ(taken[0].source_workloads, bh_workload_bit(kWeb.ifindex()));
  EXPECT_EQ(stage.Edges().size(), 1u);
  stage.Leaves(kWeb2, Between(kWeb2, kDb, GetParam().family) / Ask(GetParam()));
  EXPECT_EQ(stage.Edges().size(), 2u) << "a later flow makes a new one";
}

TEST_P(FlowTest, EdgesThatWereNeverAnsweredAreTakenOutHoweverYoung) {
  if (SharedWorld() == nullptr) GTEST_SKIP() << "no kernel to ask";
  Stage stage({});
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  stage.Travels(kDb, kWeb, Answers(kAck));
  stage.Leaves(kEvil, Between(kEvil, kDb, GetParam().family) / Ask(GetParam()));
  ASSERT_EQ(stage.Edges().size(), 2u);
  std::vector<EdgeRecord> taken;
  stage.TakeIdleEdges(0, UINT64_MAX, [&](const EdgeRecord& edge) { taken.push_back(edge); });
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].answered, 0u);
  EXPECT_EQ(stage.Edges().size(), 1u);
}

TEST_P(FlowTest, EdgesWithTheOutsideBearItsAddress) {
  const int family = GetParam().family;
  Stage stage({});
  stage.Leaves(kWeb, ToGateway(kWeb, Outside(family)) / Ask(GetParam()));
  stage.ArrivesFromOutside(kDb, FromGateway(Outside(family, 9), kDb) / Ask(GetParam()));
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 2u);
  for (const EdgeRecord& edge : edges) {
    const bool outwards = edge.destination_identity == kIdentityWorld;
    EXPECT_EQ(edge.peer, Outside(family, outwards ? 7 : 9));
    EXPECT_EQ(edge.source_workloads, outwards ? bh_workload_bit(kWeb.ifindex()) : 0u);
    EXPECT_EQ(edge.destination_workloads, outwards ? 0u : bh_workload_bit(kDb.ifindex()));
  }
}

TEST_P(FlowTest, DeniedPacketsAreOnlyAddedUp) {
  Stage stage(OneWay());
  for (int i = 0; i < 3; ++i) stage.Leaves(kEvil, Between(kEvil, kDb, GetParam().family) / Ask(GetParam()));
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].verdict, Verdict::kDeny);
  EXPECT_EQ(edges[0].denied, 3u);
  EXPECT_EQ(edges[0].flows, 0u);
}

TEST_P(FlowTest, ExpiresUnanswered) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  stage.Advance(GetParam().tcp() ? 58 : 28);
  EXPECT_EQ(stage.Flows().size(), 1u);
  stage.Advance(4);
  EXPECT_TRUE(stage.Flows().empty());
  EXPECT_THAT(stage.Leaves(kDb, Answers()), testing::Not(Passes())) << "nothing to answer any more";
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Allowed());
}

TEST_P(FlowTest, TrafficKeepsItAlive) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  stage.Travels(kDb, kWeb, Answers(kAck));
  for (int i = 0; i < 5; ++i) {
    stage.Advance(50);
    EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kAck)), Established());
  }
  const uint32_t timeout = GetParam().tcp() ? 8 * 3600 : GetParam().protocol == kProtoUdp ? 180 : 60;
  stage.Advance(timeout - 2);
  EXPECT_EQ(stage.Flows().size(), 1u);
  stage.Advance(4);
  EXPECT_TRUE(stage.Flows().empty());
}

// Nobody needs to have got the SYN-ACK: neither what looks like the opener's next packet nor time makes more of it.
TEST_P(FlowTest, WhatWasOnlyAcceptedIsKeptLikeTheUnanswered) {
  if (!GetParam().tcp()) GTEST_SKIP() << "only TCP has a handshake";
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kAck)), Established());
  EXPECT_THAT(stage.Travels(kDb, kWeb, Answers()), Established()) << "sent again";
  EXPECT_EQ(Only(stage).state, BH_FLOW_ESTABLISHED);
  EXPECT_EQ(stage.Edges()[0].answered, 0u);
  stage.Advance(58);
  EXPECT_EQ(stage.Flows().size(), 1u);
  stage.Advance(4);
  EXPECT_TRUE(stage.Flows().empty());
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  stage.Travels(kDb, kWeb, Answers(kRst));
  EXPECT_EQ(stage.Edges()[0].answered, 0u) << "so a host answers what comes out of nowhere";
  stage.Travels(kWeb, kDb, Asks());
  stage.Travels(kDb, kWeb, Answers());
  stage.Travels(kWeb, kDb, Asks(kAck | kFin));
  stage.Travels(kDb, kWeb, Answers(kAck | kFin));
  EXPECT_EQ(stage.Edges()[0].answered, 1u) << "a connection of nothing but its ends";
}

TEST_P(FlowTest, AnswersFromOutsideAndFromTheHost) {
  const int family = GetParam().family;
  Stage stage({.policies = IsolateIngress("web")});
  for (const IpAddress& peer : {Outside(family), HostUplink(family)}) {
    EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, peer) / Ask(GetParam())), Allowed());
    const uint32_t came_in = peer == Outside(family) ? kUplink : 0;
    EXPECT_THAT(stage.Arrives(kWeb, FromGateway(peer, kWeb) / Answer(GetParam()), 0, came_in), Established());
  }
  for (const auto& [key, flow] : stage.Flows()) {
    EXPECT_EQ(flow.state, BH_FLOW_ESTABLISHED);
    EXPECT_EQ(flow.packets[0] + flow.packets[1], 2u);
  }
}

TEST_P(FlowTest, AnEntryIsNobodyElses) {
  Stage stage(OneWay());
  stage.Travels(kWeb, kDb, Asks());
  // The same addresses from another port: neither asker nor answerer.
  const Packet forged{BH_HOOK_INGRESS, 1, kEvil.ifindex(), kEvil.ifindex(), 0, false, Asks().Build()};
  EXPECT_THAT(stage.Run(forged), Denied(BH_REASON_SPOOFED_MAC));
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kDb, Asks(), 0, kUplink), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kEvil, Asks(), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Established()) << "the entry is as it was";
}

}  // namespace
}  // namespace bulkhead::packet_test
