// SPDX-License-Identifier: Apache-2.0
// A policy that is staged beside the active one: it judges the same flows, is counted, and decides nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class StagedTest : public testing::TestWithParam<Carrier> {
 protected:
  Frame Asks(uint8_t flags = kSyn) const { return Between(kWeb, kDb, GetParam().family) / Ask(GetParam(), flags); }
  Frame Answers(uint8_t flags = kSyn | kAck) const { return Between(kDb, kWeb, GetParam().family) / Answer(GetParam(), flags); }
  Frame EvilAsks() const { return Between(kEvil, kDb, GetParam().family) / Ask(GetParam()); }
  Setting WebOnly() const { return {.policies = AllowIngress("db", "web", GetParam().ports())}; }
  Setting ApiOnly() const { return {.policies = AllowIngress("db", "api", GetParam().ports())}; }
  static StagedEdgeRecord Only(Stage& stage) {
    const auto edges = stage.StagedEdges();
    EXPECT_EQ(edges.size(), 1u);
    return edges.empty() ? StagedEdgeRecord() : edges.front();
  }
};
INSTANTIATE_TEST_SUITE_P(, StagedTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(StagedTest, ANewFlowIsJudgedByBoth) {
  Stage stage(WebOnly());
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_TRUE(stage.StagedEdges().empty()) << "nothing is staged";
  stage.StageDraft(ApiOnly());
  EXPECT_THAT(stage.Leaves(kApi, Between(kApi, kDb, GetParam().family) / Ask(GetParam())), Denied(BH_REASON_POLICY));
  const StagedEdgeRecord edge = Only(stage);
  EXPECT_EQ(edge.edge.source_identity, kApi.endpoint.identity);
  EXPECT_EQ(edge.edge.destination_identity, kDb.endpoint.identity);
  EXPECT_EQ(edge.edge.port, GetParam().echo() ? 0 : kServicePort);
  EXPECT_EQ(edge.edge.protocol, GetParam().protocol);
  EXPECT_EQ(edge.edge.verdict, Verdict::kDeny) << "the active policy's";
  EXPECT_EQ(edge.staged, Verdict::kAllow);
  EXPECT_EQ(stage.RuleKey(edge.source_rule), "default");
  EXPECT_THAT(stage.RuleKey(edge.destination_rule), testing::HasSubstr("ingress[0]"));
  EXPECT_EQ(edge.edge.flows, 0u);
  EXPECT_EQ(edge.edge.denied, 1u);
}

TEST_P(StagedTest, AFlowThatExistsIsJudgedAgainOnce) {
  Stage stage(WebOnly());
  ASSERT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  ASSERT_THAT(stage.Travels(kDb, kWeb, Answers()), Established());
  stage.StageDraft(ApiOnly());
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kAck)), Allowed()) << "judged, and allowed by who decides";
  EXPECT_THAT(stage.Arrives(kDb, Asks(kAck), kWeb.slot(), kWeb.ifindex()), Established());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established());
    EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kAck)), Established());
  }
  const StagedEdgeRecord edge = Only(stage);
  EXPECT_EQ(edge.edge.verdict, Verdict::kAllow);
  EXPECT_EQ(edge.staged, Verdict::kDeny);
  EXPECT_EQ(edge.edge.flows, 1u);
  EXPECT_EQ(edge.edge.denied, 0u);
  EXPECT_EQ(edge.edge.answered, 0u);
  EXPECT_THAT(stage.RuleKey(edge.destination_rule), testing::HasSubstr("isolated"));
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].flows, 1u) << "the same flow as before";
}

TEST_P(StagedTest, AnAnswerIsJudgedInTheFlowsDirection) {
  Stage stage(WebOnly());
  ASSERT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  stage.StageDraft({.policies = IsolateIngress("web")});
  EXPECT_THAT(stage.Leaves(kDb, Answers()), Allowed());
  const StagedEdgeRecord edge = Only(stage);
  EXPECT_EQ(edge.edge.source_identity, kWeb.endpoint.identity);
  EXPECT_EQ(edge.staged, Verdict::kAllow) << "web is not asked";
}

TEST_P(StagedTest, ItsOwnModesMakeItsVerdict) {
  Stage stage({});
  Setting audit = ApiOnly();
  audit.mode = Mode::kAudit;
  stage.StageDraft(audit);
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_EQ(Only(stage).staged, Verdict::kWouldDeny);
}

TEST_P(StagedTest, PacketsThatAreDeniedAreCountedEachTime) {
  Stage stage(WebOnly());
  stage.StageDraft({});
  for (int i = 0; i < 3; ++i) EXPECT_THAT(stage.Leaves(kEvil, EvilAsks()), Denied(BH_REASON_POLICY));
  EXPECT_EQ(Only(stage).edge.denied, 3u);
  EXPECT_EQ(Only(stage).staged, Verdict::kAllow);
}

TEST_P(StagedTest, WhatNeverReachesPolicyIsNotCounted) {
  Stage stage(WebOnly());
  stage.StageDraft(ApiOnly());
  const Frame forged = Headers(GetParam().family, kEvil.mac(), kWeb.ip(GetParam().family), kDb.mac(), kDb.ip(GetParam().family));
  EXPECT_THAT(stage.Leaves(kEvil, forged / Ask(GetParam())), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_TRUE(stage.StagedEdges().empty());
}

TEST_P(StagedTest, ThePeerOutsideHasItsAddressAndItsSubjectInBoth) {
  const int family = GetParam().family;
  const std::string block = family == 4 ? "198.19.1.0/24" : "fd00:9:1::/64";
  Stage stage({});
  stage.StageDraft({.policies = AllowIngress("db", block, "") + AllowIngress("web", "db", "")});
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, FromGateway(Outside(family), kDb) / Ask(GetParam())), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, FromGateway(Outside(family), kWeb) / Ask(GetParam())), Allowed());
  auto edges = stage.StagedEdges();
  ASSERT_EQ(edges.size(), 2u);
  std::sort(edges.begin(), edges.end(), [](const auto& a, const auto& b) { return a.staged < b.staged; });
  for (const StagedEdgeRecord& edge : edges) EXPECT_EQ(edge.edge.peer, Outside(family));
  EXPECT_EQ(edges[0].edge.destination_identity, kDb.endpoint.identity);
  EXPECT_EQ(edges[0].staged, Verdict::kAllow);
  EXPECT_EQ(edges[1].edge.destination_identity, kWeb.endpoint.identity);
  EXPECT_EQ(edges[1].staged, Verdict::kDeny);
}

TEST_P(StagedTest, DiscardClearsAndChangesNothing) {
  Stage stage(WebOnly());
  stage.StageDraft(ApiOnly());
  ASSERT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  ASSERT_EQ(stage.StagedEdges().size(), 1u);
  const uint32_t stamp = stage.stamp();
  stage.Discard();
  EXPECT_TRUE(stage.StagedEdges().empty());
  EXPECT_EQ(stage.stamp(), stamp);
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_THAT(stage.Leaves(kEvil, EvilAsks()), Denied(BH_REASON_POLICY));
  EXPECT_TRUE(stage.StagedEdges().empty());
  stage.StageDraft(ApiOnly());
  EXPECT_TRUE(stage.StagedEdges().empty()) << "of the first one";
}

TEST_P(StagedTest, AnotherDraftBeginsAnew) {
  Stage stage({});
  stage.StageDraft(ApiOnly());
  ASSERT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_EQ(Only(stage).staged, Verdict::kDeny);
  stage.StageDraft(WebOnly());
  EXPECT_TRUE(stage.StagedEdges().empty());
  EXPECT_THAT(stage.Leaves(kWeb, Asks(kAck)), Allowed());
  EXPECT_EQ(Only(stage).staged, Verdict::kAllow);
}

TEST_P(StagedTest, ItOutlivesGenerationsAndGrowsWithThem) {
  Stage stage(WebOnly());
  stage.StageDraft({.policies = AllowIngress("db", "late", "")});
  stage.Apply({.policies = WebOnly().policies + IsolateIngress("evil")});
  EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
  EXPECT_EQ(Only(stage).staged, Verdict::kDeny);
  ASSERT_TRUE(stage.Grow(Late().endpoint.identity, "late"));
  stage.Put(Late().endpoint);
  EXPECT_THAT(stage.Leaves(Late(), Between(Late(), kDb, GetParam().family) / Ask(GetParam())), Denied(BH_REASON_POLICY));
  const auto edges = stage.StagedEdges();
  ASSERT_EQ(edges.size(), 2u);
  const auto late = std::find_if(edges.begin(), edges.end(), [](const StagedEdgeRecord& edge) {
    return edge.edge.source_identity == Late().endpoint.identity;
  });
  ASSERT_NE(late, edges.end());
  EXPECT_EQ(late->edge.verdict, Verdict::kDeny);
  EXPECT_EQ(late->staged, Verdict::kAllow);
}

TEST_P(StagedTest, ALinkedEntryIsNotCountedAgain) {
  Stage stage({});
  stage.StageDraft(ApiOnly());
  const int family = GetParam().family;
  // Translated on its way: the second hook sees another tuple, which the sender's tag links to the first.
  const Frame translated = Headers(family, GatewayMac(), HostUplink(family), kDb.mac(), kDb.ip(family)) / Ask(GetParam());
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, Outside(family)) / Ask(GetParam())), Allowed());
  EXPECT_THAT(stage.Arrives(kDb, translated, kWeb.slot(), kUplink), Allowed());
  ASSERT_EQ(stage.Flows().size(), 2u);
  EXPECT_EQ(Only(stage).edge.destination_identity, kIdentityWorld);
}

// A daemon that comes back does not know what was staged: it ends.
TEST(AdoptedStagedTest, IsClearedByALaterBackend) {
  EbpfWorld* world = SharedWorld();
  if (world == nullptr) GTEST_SKIP() << "needs ebpf";
  std::vector<EndpointState> endpoints;
  for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
  const auto runner = NewEbpfRunner(*world);
  ASSERT_TRUE(runner.ok()) << runner.status();
  EbpfBackend& backend = world->backend();
  ASSERT_TRUE(backend.ApplyPolicy(std::make_shared<const CompiledPolicy>(CompileSetting({}, endpoints, 1))).ok());
  ASSERT_TRUE(backend.StagePolicy(std::make_shared<const CompiledPolicy>(CompileSetting({}, endpoints, 2))).ok());
  for (const EndpointState& endpoint : endpoints) ASSERT_TRUE(backend.PutEndpoint(endpoint).ok());
  const Packet packet{BH_HOOK_INGRESS, 1, kWeb.ifindex(), kWeb.ifindex(), 0, false, (Between(kWeb, kDb) / Ask(Carrier())).Build()};
  ASSERT_TRUE((*runner)->Run(packet)->pass);
  const auto count = [](Backend& of) {
    int edges = 0;
    EXPECT_TRUE(of.ReadStagedEdges([&](const StagedEdgeRecord&) { return ++edges > 0; }).ok());
    return edges;
  };
  ASSERT_EQ(count(backend), 1);
  const auto later = world->Reopen();
  ASSERT_TRUE(later.ok()) << later;
  EXPECT_TRUE(world->backend().adopted().adopted);
  EXPECT_EQ(count(world->backend()), 0);
  ASSERT_TRUE(world->backend().StagePolicy(std::make_shared<const CompiledPolicy>(CompileSetting({}, endpoints, 3))).ok());
  EXPECT_EQ(count(world->backend()), 0) << "the earlier one's edge is gone";
}

}  // namespace
}  // namespace bulkhead::packet_test
