// SPDX-License-Identifier: Apache-2.0
// Published ports: who asks the host for one is judged as asking the workload behind it; what docker-proxy makes anew is the
// world's.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint16_t kHostPort = 15432;

class PublishedTest : public testing::TestWithParam<int> {
 protected:
  int family() const { return GetParam(); }
  IpAddress Wildcard() const { return Ip(family() == 4 ? "0.0.0.0" : "::"); }
  PublishedTarget Db(const IpAddress& host, uint8_t protocol = kProtoTcp) const {
    return {host, kHostPort, protocol, kDb.ip(family()), kServicePort, kDb.zone()};
  }
  Frame ToHost(const Actor& from, const IpAddress& host, uint8_t flags = kSyn) const {
    return ToGateway(from, host) / Tcp{kClientPort, kHostPort, flags};
  }
  Frame FromHost(const IpAddress& host, const Actor& to, uint8_t flags) const {
    return FromGateway(host, to) / Tcp{kHostPort, kClientPort, flags};
  }
  static Setting WebMay() { return {.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]")}; }
};
INSTANTIATE_TEST_SUITE_P(, PublishedTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(PublishedTest, ByTheHostsAddress) {
  Stage stage(WebMay());
  stage.Publish({Db(HostUplink(family()))});
  const Outcome allowed = stage.Leaves(kWeb, ToHost(kWeb, HostUplink(family())));
  EXPECT_THAT(allowed, Allowed());
  EXPECT_EQ(allowed.destination_identity, kDb.endpoint.identity);
  EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, HostUplink(family()))), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, Gateway(1, family()))), Allowed())
      << "not published at that address: the host itself";
  ASSERT_EQ(stage.Edges().size(), 3u);
  for (const EdgeRecord& edge : stage.Edges()) {
    EXPECT_EQ(edge.port, edge.destination_identity == kDb.endpoint.identity ? kServicePort : kHostPort);
  }
}

TEST_P(PublishedTest, ByEveryAddress) {
  Stage stage(WebMay());
  stage.Publish({Db(Wildcard())});
  for (const IpAddress& host : {HostUplink(family()), Gateway(1, family()), Gateway(2, family())}) {
    EXPECT_THAT(stage.Leaves(kWeb, ToHost(kWeb, host)), Allowed());
    EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, host)), Denied(BH_REASON_POLICY));
  }
  EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, Outside(family()))), Allowed()) << "no address of the host";
}

TEST_P(PublishedTest, TheSingleAddressGoesFirst) {
  Stage stage(WebMay());
  PublishedTarget cache = Db(Wildcard());
  cache.target = kCache.ip(family());
  cache.target_zone = kCache.zone();
  stage.Publish({cache, Db(HostUplink(family()))});
  EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, HostUplink(family()))), Denied(BH_REASON_POLICY));
  const Outcome outcome = stage.Leaves(kEvil, ToHost(kEvil, Gateway(1, family())));
  EXPECT_THAT(outcome, Allowed());
  EXPECT_EQ(outcome.destination_identity, kCache.endpoint.identity);
}

TEST_P(PublishedTest, OfItsProtocolAlone) {
  Stage stage(WebMay());
  stage.Publish({Db(Wildcard(), kProtoUdp)});
  EXPECT_THAT(stage.Leaves(kEvil, ToHost(kEvil, HostUplink(family()))), Allowed());
  EXPECT_THAT(stage.Leaves(kEvil, ToGateway(kEvil, HostUplink(family())) / Udp{kClientPort, kHostPort, {}}),
              Denied(BH_REASON_POLICY));
}

TEST_P(PublishedTest, TranslatedOnTheSameBridgeWithItsAnswers) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]") + IsolateIngress("web") +
                           IsolateEgress("db") + IsolateIngress("evil")});
  stage.Publish({Db(Wildcard())});
  EXPECT_THAT(stage.Leaves(kWeb, ToHost(kWeb, HostUplink(family()))), Allowed());
  // DNAT, and MASQUERADE for the way back.
  const Frame translated = FromGateway(Gateway(1, family()), kDb) / Tcp{kClientPort, kServicePort};
  EXPECT_THAT(stage.Arrives(kDb, translated, kWeb.slot(), kWeb.ifindex()), Allowed());
  EXPECT_THAT(stage.Leaves(kDb, ToGateway(kDb, Gateway(1, family())) / Tcp{kServicePort, kClientPort, kSyn | kAck}), Established());
  EXPECT_THAT(stage.Arrives(kWeb, FromHost(HostUplink(family()), kWeb, kSyn | kAck), kDb.slot(), kDb.ifindex()), Established());
  EXPECT_THAT(stage.Leaves(kWeb, ToHost(kWeb, HostUplink(family()), kAck)), Established());
  EXPECT_THAT(stage.Leaves(kDb, ToGateway(kDb, Gateway(1, family())) / Tcp{kServicePort, kClientPort, kAck}), Established());
  EXPECT_THAT(stage.Arrives(kWeb, FromHost(HostUplink(family()), kWeb, kAck), kDb.slot(), kDb.ifindex()), Established());
  const auto edges = stage.Edges();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].answered, 1u);
  EXPECT_THAT(stage.Arrives(kWeb, FromHost(HostUplink(family()), kWeb, kAck), kEvil.slot(), kEvil.ifindex()),
              Denied(BH_REASON_SPOOFED_IP));
}

TEST_P(PublishedTest, AnswersOutliveANewGeneration) {
  const Setting setting = {.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]") +
                                       AllowEgress("web", "db", "[{protocol: TCP, port: 5432}]") + IsolateIngress("web") +
                                       IsolateEgress("db")};
  Stage stage(setting);
  stage.Publish({Db(Wildcard())});
  const Frame answer = FromHost(HostUplink(family()), kWeb, kAck);
  const Frame translated = FromGateway(Gateway(1, family()), kDb) / Tcp{kClientPort, kServicePort};
  const Frame translated_answer = ToGateway(kDb, Gateway(1, family())) / Tcp{kServicePort, kClientPort, kAck};
  stage.Leaves(kWeb, ToHost(kWeb, HostUplink(family())));
  stage.Arrives(kDb, translated, kWeb.slot(), kWeb.ifindex());
  stage.Leaves(kDb, translated_answer);
  stage.Arrives(kWeb, answer, kDb.slot(), kDb.ifindex());
  stage.Apply(setting);
  EXPECT_THAT(stage.Leaves(kDb, translated_answer), Allowed());
  EXPECT_THAT(stage.Arrives(kWeb, answer, kDb.slot(), kDb.ifindex()), Allowed());
  stage.Apply({.policies = IsolateIngress("db")});
  EXPECT_THAT(stage.Leaves(kDb, translated_answer), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kWeb, answer, kDb.slot(), kDb.ifindex()), Denied(BH_REASON_POLICY));
  for (const auto& [key, flow] : stage.Flows()) EXPECT_EQ(flow.ruling.verdict, Verdict::kDeny);
}

TEST_P(PublishedTest, DockerProxyIsTheWorld) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  stage.Publish({Db(Wildcard())});
  const Frame proxied = FromGateway(Gateway(1, family()), kDb) / Tcp{50000, kServicePort};
  const Outcome outcome = stage.ArrivesFromHost(kDb, proxied);
  EXPECT_THAT(outcome, Denied(BH_REASON_POLICY));
  EXPECT_EQ(outcome.source_identity, kIdentityWorld);
  const Frame other = FromGateway(Gateway(1, family()), kDb) / Tcp{50000, 22};
  EXPECT_THAT(stage.ArrivesFromHost(kDb, other), Allowed()) << "allow_from_host";
  stage.Apply({.policies = AllowIngress("db", family() == 4 ? "198.18.1.1/32" : "fd00:1::1/128", "")});
  EXPECT_THAT(stage.ArrivesFromHost(kDb, proxied), Allowed()) << "by its address";
}

TEST_P(PublishedTest, DockerProxysAnswersOutliveANewGeneration) {
  const Setting setting = {.policies =
                               AllowIngress("db", family() == 4 ? "198.18.1.0/24" : "fd00:1::/64", "") + IsolateEgress("db")};
  Stage stage(setting);
  stage.Publish({Db(Wildcard())});
  const Frame proxied = FromGateway(Gateway(1, family()), kDb) / Tcp{50000, kServicePort};
  const Frame answer = ToGateway(kDb, Gateway(1, family())) / Tcp{kServicePort, 50000, kSyn | kAck};
  EXPECT_THAT(stage.ArrivesFromHost(kDb, proxied), Allowed());
  EXPECT_THAT(stage.Leaves(kDb, answer), Established());
  stage.Apply(setting);
  EXPECT_THAT(stage.Leaves(kDb, answer), Allowed());
  stage.Apply({.policies = AllowIngress("db", "web", "")});
  EXPECT_THAT(stage.Leaves(kDb, answer), Denied(BH_REASON_POLICY)) << "as the world, not as the host";
}

TEST_P(PublishedTest, DockerProxyMayBeTrusted) {
  Stage stage({.policies = IsolateIngress("db")});
  stage.Publish({Db(Wildcard())});
  DataplaneOptions options = Stage::Options();
  options.proxy_is_world = false;
  stage.SetOptions(options);
  EXPECT_THAT(stage.ArrivesFromHost(kDb, FromGateway(Gateway(1, family()), kDb) / Tcp{50000, kServicePort}), Allowed());
}

TEST_P(PublishedTest, ToItself) {
  Stage stage({.policies = IsolateIngress("db") + IsolateEgress("db")});
  stage.Publish({Db(Wildcard())});
  const Outcome outcome = stage.Leaves(kDb, ToHost(kDb, HostUplink(family())));
  EXPECT_THAT(outcome, Allowed());
  EXPECT_EQ(stage.RuleKey(outcome.source_rule), "self");
  const Frame translated = FromGateway(Gateway(1, family()), kDb) / Tcp{kClientPort, kServicePort};
  EXPECT_THAT(stage.Arrives(kDb, translated, kDb.slot(), kDb.ifindex()), Allowed());
}

TEST_P(PublishedTest, WhoseWorkloadIsGone) {
  Stage stage({.policies = AllowEgress("web", "db", "")});
  stage.Publish({Db(Wildcard())});
  stage.Remove(kDb.slot());
  EXPECT_THAT(stage.Leaves(kWeb, ToHost(kWeb, HostUplink(family()))), Denied(BH_REASON_POLICY)) << "nobody known is behind it";
}

TEST_P(PublishedTest, FoundInTheMiddleByAnAnswer) {
  Stage stage({.policies = IsolateIngress("web") + AllowEgress("web", "db", "[{protocol: TCP, port: 5432}]")});
  stage.Publish({Db(Wildcard())});
  const Outcome outcome = stage.Arrives(kWeb, FromHost(HostUplink(family()), kWeb, kAck), kDb.slot(), kDb.ifindex());
  EXPECT_THAT(outcome, Allowed()) << "web asked for the published port, which is 5432 behind it";
  EXPECT_EQ(outcome.destination_identity, kDb.endpoint.identity);
}

TEST_P(PublishedTest, AForgedHostAddressIsNotTheHost) {
  // Nobody knows yet which addresses the stranger has. It answers from its own port, whatever the host's port leads to.
  Stage stage({});
  stage.Publish({Db(Wildcard())});
  const Frame forged = Headers(family(), kStranger.mac(), HostUplink(family()), kWeb.mac(), kWeb.ip(family()));
  EXPECT_THAT(stage.Leaves(kStranger, forged / Tcp{kHostPort, kClientPort, kAck}), Allowed());
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].source_identity, kWeb.endpoint.identity);
  EXPECT_EQ(stage.Edges()[0].port, kHostPort);
}

TEST_P(PublishedTest, WhatIsRevokedIsNamedByThePortThatWasAsked) {
  Stage stage({.policies = AllowEgress("db", "web", "")});
  stage.Publish({Db(HostUplink(family()))});
  const Frame frame = ToHost(kDb, HostUplink(family()));
  EXPECT_THAT(stage.Leaves(kDb, frame), Allowed()) << "itself";
  stage.Publish({});
  EXPECT_THAT(stage.Leaves(kDb, frame), Denied(BH_REASON_POLICY)) << "the host";
  ASSERT_EQ(stage.Edges().size(), 2u);
  for (const EdgeRecord& edge : stage.Edges()) EXPECT_EQ(edge.port, edge.denied != 0 ? kHostPort : kServicePort);
}

TEST(PublishedFamiliesTest, AV6PortOfAV4Workload) {
  Stage stage({.policies = AllowIngress("db", "web", "[{protocol: TCP, port: 5432}]")});
  stage.Publish({{Ip("::"), kHostPort, kProtoTcp, kDb.v4, kServicePort, kDb.zone()}});
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, HostUplink(6)) / Tcp{kClientPort, kHostPort}), Allowed());
  EXPECT_THAT(stage.Leaves(kEvil, ToGateway(kEvil, HostUplink(6)) / Tcp{kClientPort, kHostPort}), Denied(BH_REASON_POLICY));
}

}  // namespace
}  // namespace bulkhead::packet_test
