// SPDX-License-Identifier: Apache-2.0
// Where packets may go and whose they are when they arrive: ports, tags, zones, translation.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class DeliveryTest : public testing::TestWithParam<int> {
 protected:
  Frame Udp4321(const Actor& from, const Actor& to) const { return Between(from, to, GetParam()) / Udp{kClientPort, 4321, {}}; }
};
INSTANTIATE_TEST_SUITE_P(, DeliveryTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(DeliveryTest, AFloodedFrameIsNotReadByAThird) {
  Stage stage({});
  const Frame frame = Udp4321(kWeb, kDb);
  EXPECT_THAT(stage.Arrives(kEvil, frame, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
  stage.Travels(kWeb, kDb, frame);
  EXPECT_THAT(stage.Arrives(kEvil, frame, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT)) << "an entry does not help";
  EXPECT_THAT(stage.Arrives(kStranger, frame, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
  EXPECT_THAT(stage.Travels(kWeb, kDb, frame), Established());
}

TEST_P(DeliveryTest, AMisaddressedFrameIsNotRead) {
  Stage stage({});
  const Frame to_evils_mac = Headers(GetParam(), kWeb.mac(), kWeb.ip(GetParam()), kEvil.mac(), kDb.ip(GetParam())) / Udp{1, 2, {}};
  EXPECT_THAT(stage.Arrives(kEvil, to_evils_mac, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
  const Frame to_dbs_mac = Headers(GetParam(), kWeb.mac(), kWeb.ip(GetParam()), kDb.mac(), kEvil.ip(GetParam())) / Udp{1, 2, {}};
  EXPECT_THAT(stage.Arrives(kEvil, to_dbs_mac, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
  EXPECT_THAT(stage.Arrives(kDb, to_dbs_mac, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
}

TEST_P(DeliveryTest, ABroadcastFrameIsJudgedByWhoReadsIt) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame frame = Headers(GetParam(), kEvil.mac(), kEvil.ip(GetParam()), Broadcast(), kDb.ip(GetParam())) / Udp{1, 2, {}};
  EXPECT_THAT(stage.Leaves(kEvil, frame), Allowed());
  EXPECT_THAT(stage.Arrives(kDb, frame, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kApi, frame, kEvil.slot(), kEvil.ifindex()), Allowed());
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(DeliveryTest, MulticastIsJudgedByEachReceiver) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: UDP, port: 5353}]") + AllowEgress("api", "db", "")});
  const IpAddress group = Ip(GetParam() == 4 ? "224.0.0.251" : "ff02::fb");
  const MacAddress mac{{1, 0, 0x5e, 0, 0, 0xfb}};
  const auto mdns = [&](const Actor& from) {
    return Headers(GetParam(), from.mac(), from.ip(GetParam()), mac, group) / Udp{5353, 5353, {}};
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(stage.Travels(kWeb, kDb, mdns(kWeb)), Allowed());
    EXPECT_THAT(stage.Travels(kEvil, kDb, mdns(kEvil)), Denied(BH_REASON_POLICY));
    EXPECT_THAT(stage.Arrives(kEvil, mdns(kWeb), kWeb.slot(), kWeb.ifindex()), Allowed());
    EXPECT_THAT(stage.Leaves(kApi, mdns(kApi)), Denied(BH_REASON_POLICY)) << "its egress policy names db alone";
  }
  EXPECT_TRUE(stage.Flows().empty()) << "no entry is made, none is used";
}

TEST_P(DeliveryTest, MulticastFromTheHostAndFromOutside) {
  Stage stage({.policies = IsolateIngress("db")});
  const IpAddress group = Ip(GetParam() == 4 ? "224.0.0.251" : "ff02::fb");
  const auto mdns = [&](const IpAddress& from) {
    return Headers(GetParam(), GatewayMac(), from, kDb.mac(), group) / Udp{5353, 5353, {}};
  };
  EXPECT_THAT(stage.ArrivesFromHost(kDb, mdns(Gateway(1, GetParam()))), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, mdns(Outside(GetParam()))), Denied(BH_REASON_POLICY));
}

TEST_P(DeliveryTest, AWorkloadsAddressWithoutItsTagIsForged) {
  Stage stage({});
  const Frame frame = Udp4321(kWeb, kDb);
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, frame), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kDb, frame, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, Udp4321(kCache, kDb)), Denied(BH_REASON_SPOOFED_IP)) << "on another bridge";
  EXPECT_THAT(stage.Arrives(kDb, Udp4321(kCache, kDb), kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, Udp4321(kTwin, kDb)), Denied(BH_REASON_SPOOFED_IP)) << "whoever's of the two";
}

TEST_P(DeliveryTest, TheHostsAddressFromOutsideIsForged) {
  Stage stage({});
  const Frame frame = FromGateway(HostUplink(GetParam()), kDb) / Udp{1, 2, {}};
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, frame), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.ArrivesFromHost(kDb, frame), Allowed());
}

TEST_P(DeliveryTest, AMasqueradedSourceIsItsTag) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]")});
  const Frame frame = FromGateway(Gateway(1, GetParam()), kDb) / Tcp{50001, kServicePort};
  const Outcome allowed = stage.Arrives(kDb, frame, kWeb.slot(), kWeb.ifindex());
  EXPECT_THAT(allowed, Allowed());
  EXPECT_EQ(allowed.source_identity, kWeb.endpoint.identity);
  ASSERT_EQ(stage.Flows().size(), 1u);
  EXPECT_TRUE(stage.Flows().begin()->second.linked);
  EXPECT_TRUE(stage.Edges().empty()) << "the first sight of the flow has the edge";
  const Frame answer = ToGateway(kDb, Gateway(1, GetParam())) / Tcp{kServicePort, 50001, kSyn | kAck};
  EXPECT_THAT(stage.Leaves(kDb, answer), Established());
  const Frame evils = FromGateway(Gateway(1, GetParam()), kDb) / Tcp{50002, kServicePort};
  EXPECT_THAT(stage.Arrives(kDb, evils, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kDb, frame, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY)) << "on another's entry";
}

TEST_P(DeliveryTest, RoutedBetweenBridges) {
  Stage stage({.policies = AllowIngress("cache", "web", "[{protocol: TCP, port: 5432}]") + IsolateEgress("cache")});
  const Frame asks = Between(kWeb, kCache, GetParam()) / Tcp{kClientPort, kServicePort};
  const Frame answers = Between(kCache, kWeb, GetParam()) / Tcp{kServicePort, kClientPort, kSyn | kAck};
  EXPECT_THAT(stage.Leaves(kWeb, asks), Allowed());
  EXPECT_THAT(stage.Arrives(kCache, asks, kWeb.slot(), kWeb.ifindex()), Allowed()) << "first seen in zone 2";
  EXPECT_THAT(stage.Travels(kCache, kWeb, answers), Established());
  EXPECT_THAT(stage.Travels(kWeb, kCache, asks), Established());
  EXPECT_THAT(stage.Travels(kCache, kWeb, Between(kCache, kWeb, GetParam()) / Tcp{kServicePort, kClientPort, kAck}), Established());
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].answered, 1u);
  EXPECT_EQ(edges[0].flows, 1u);
  const Frame evil = Between(kEvil, kCache, GetParam()) / Tcp{kClientPort, kServicePort};
  EXPECT_THAT(stage.Leaves(kEvil, evil), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kCache, evil, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY));
}

TEST_P(DeliveryTest, AnswersKeepTheirProvenance) {
  Stage stage({.policies = AllowIngress("web", "api", "")});
  const Frame asks = Between(kWeb, kCache, GetParam()) / Udp{kClientPort, 53, {}};
  stage.Travels(kWeb, kCache, asks);
  const Frame answer = Between(kCache, kWeb, GetParam()) / Udp{53, kClientPort, {}};
  EXPECT_THAT(stage.Arrives(kWeb, answer, kCache.slot(), kCache.ifindex()), Established());
  EXPECT_THAT(stage.Arrives(kWeb, answer, kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kWeb, answer, 0, kUplink), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kWeb, answer, kCache.slot(), kCache.ifindex()), Established());
}

TEST_P(DeliveryTest, AReplacedServerOfAnotherBridgeGoesOnAnswering) {
  Stage stage({});
  const Frame asks = Between(kWeb, kCache, GetParam()) / Udp{kClientPort, 53, {}};
  const Frame answer = Between(kCache, kWeb, GetParam()) / Udp{53, kClientPort, {}};
  stage.Travels(kWeb, kCache, asks);
  EXPECT_THAT(stage.Arrives(kWeb, answer, kCache.slot(), kCache.ifindex()), Established());
  stage.Remove(kCache.slot());
  EndpointState replaced = kCache.endpoint;
  replaced.slot = 20;
  replaced.workload = 2000;
  stage.Put(replaced);
  EXPECT_THAT(stage.Arrives(kWeb, answer, 20, kCache.ifindex()), Allowed());
  EXPECT_THAT(stage.Arrives(kWeb, answer, 20, kCache.ifindex()), Established());
  stage.Remove(20);
}

TEST_P(DeliveryTest, EqualAddressesOnTwoBridgesNeverMeet) {
  Stage stage({.policies = AllowIngress("db", "web", "") + AllowIngress("cache", "twin", "")});
  EXPECT_THAT(stage.Travels(kWeb2, kDb, Udp4321(kWeb2, kDb)), Established());
  EXPECT_THAT(stage.Travels(kTwin, kCache, Udp4321(kTwin, kCache)), Established());
  EXPECT_THAT(stage.Leaves(kTwin, Udp4321(kTwin, kDb)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kWeb2, Udp4321(kWeb2, kCache)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kDb, Udp4321(kTwin, kDb), kTwin.slot(), kTwin.ifindex()), Denied(BH_REASON_SPOOFED_IP))
      << "web2 has that address here";
  for (const auto& [key, flow] : stage.Flows()) EXPECT_EQ(flow.ruling.source, (key.zone == 1 ? kWeb2 : kTwin).endpoint.identity);
}

TEST_P(DeliveryTest, AnAmbiguousAddressIsNobodys) {
  // Seen from elsewhere, the address of web2 and twin is neither's.
  Stage stage({.policies = AllowEgress("api", "web", "") + AllowEgress("db", "twin", "")});
  for (const Actor* from : {&kApi, &kDb}) {
    EndpointState routed = from->endpoint;
    routed.zone = 0;
    stage.Put(routed);
    const Packet packet{BH_HOOK_INGRESS, 0, from->ifindex(), from->ifindex(), 0, false, Udp4321(*from, kTwin).Build()};
    EXPECT_THAT(stage.Run(packet), Denied(BH_REASON_POLICY)) << from->name;
  }
}

TEST_P(DeliveryTest, AnAmbiguousSourceIsItsTag) {
  Stage stage({.policies = AllowIngress("api", "twin", "")});
  EndpointState routed = kApi.endpoint;
  routed.zone = 0;
  stage.Put(routed);
  const auto arrives = [&](const Actor& from) {
    return stage.Run({BH_HOOK_EGRESS, 0, kApi.ifindex(), from.ifindex(), from.slot(), false, Udp4321(from, kApi).Build()});
  };
  EXPECT_THAT(arrives(kTwin), Allowed());
  EXPECT_THAT(arrives(kWeb2), Denied(BH_REASON_POLICY));
}

TEST_P(DeliveryTest, AmbiguityOfItsAddressHidesNoTag) {
  Stage stage({.policies = AllowIngress("db", "api", "")});
  EndpointState routed = kApi.endpoint;
  routed.zone = 0;
  routed.addresses = kCache.endpoint.addresses;
  stage.Put(routed);
  const auto arrives = [&](const IpAddress& source) {
    return stage.Arrives(kDb, FromGateway(source, kDb) / Udp{kClientPort, 4321, {}}, kApi.slot(), kApi.ifindex());
  };
  EXPECT_THAT(arrives(kCache.ip(GetParam())), Allowed());
  EXPECT_THAT(arrives(Gateway(1, GetParam())), Allowed()) << "masqueraded";
}

TEST_P(DeliveryTest, AnUnboundRoutedReceiverGetsNothingOfAnothers) {
  Stage stage({});
  EndpointState routed = kStranger.endpoint;
  routed.zone = 0;
  stage.Put(routed);
  const auto arrives = [&](const Frame& frame) {
    return stage.Run({BH_HOOK_EGRESS, 0, kStranger.ifindex(), kWeb.ifindex(), kWeb.slot(), false, frame.Build()});
  };
  EXPECT_THAT(arrives(Udp4321(kWeb, kDb)), Denied(BH_REASON_WRONG_PORT)) << "db of zone 1 alone has the address";
  EXPECT_THAT(arrives(Udp4321(kWeb, kStranger)), Allowed());
  EXPECT_THAT(arrives(Udp4321(kWeb, kTwin)), Allowed()) << "two zones have it: it may be the receiver's as well";
}

TEST_P(DeliveryTest, AnUnboundReceiversEntriesHold) {
  Stage stage({});
  const Frame frame = Udp4321(kStranger, kDb), answer = Between(kDb, kStranger, GetParam()) / Udp{4321, kClientPort, {}};
  EXPECT_THAT(stage.Leaves(kStranger, frame), Allowed());
  EXPECT_THAT(stage.Arrives(kDb, frame, kStranger.slot(), kStranger.ifindex()), Established());
  EXPECT_THAT(stage.Leaves(kDb, answer), Established());
  EXPECT_THAT(stage.Arrives(kStranger, answer, kDb.slot(), kDb.ifindex()), Established());
}

}  // namespace
}  // namespace bulkhead::packet_test
