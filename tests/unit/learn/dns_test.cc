// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

class DnsTest : public testing::Test {
 protected:
  std::vector<Relation> All() {
    std::vector<Relation> relations = Sift(seen_.Get());
    AddResolvers(view_, {{"shop", "web"}, {"kube-system", "dns"}}, &relations);
    return relations;
  }
  // Those that get a rule: "shop/web>kube-system/dns 53/udp", with * where it was not seen.
  std::set<std::string> Permitted() {
    std::set<std::string> out;
    for (const Relation& relation : All()) {
      if (relation.standing != Standing::kSupports) continue;
      out.insert(NodeName(relation.source) + ">" + NodeName(relation.destination) + " " + std::to_string(relation.port) + "/" +
                 ProtocolName(relation.protocol) + (relation.assumed.empty() ? "" : "*"));
    }
    return out;
  }
  static std::string NodeName(const Node& node) { return node.IsService() ? node.service : node.kind == PartyKind::kHost ? "host" : "world"; }

  EvidenceBuilder seen_;
  View view_;
  size_t web_ = seen_.Service("shop", "web", {{"app", "web"}});
  size_t dns_ = seen_.Service("kube-system", "dns", {{"k8s-app", "dns"}});
};

TEST_F(DnsTest, AResolverThatWasSeenGetsBothProtocols) {
  seen_.Add(web_, dns_, kProtoUdp, 53, 90, 88);
  EXPECT_THAT(Permitted(), testing::ElementsAre("web>dns 53/tcp*", "web>dns 53/udp"));
}

TEST_F(DnsTest, OtherPortsGetNothing) {
  seen_.Add(web_, dns_, kProtoUdp, 5353, 90, 88);
  EXPECT_THAT(Permitted(), testing::ElementsAre("web>dns 5353/udp"));
}

TEST_F(DnsTest, OneThatNeverAnsweredGetsNothing) {
  seen_.Add(web_, dns_, kProtoUdp, 53, 90, 0);
  EXPECT_THAT(Permitted(), testing::ElementsAre());
}

TEST_F(DnsTest, AnOutsideResolverKeepsItsAddress) {
  seen_.Add(web_, EvidenceBuilder::kWorld, kProtoUdp, 53, 90, 88).peer = IpAddress::V4(203, 0, 113, 53);
  for (const Relation& relation : All()) {
    ASSERT_EQ(relation.peers.size(), 1u);
    EXPECT_EQ(relation.peers.begin()->first.ToString(), "203.0.113.53");
  }
  EXPECT_EQ(All().size(), 2u);
}

TEST_F(DnsTest, WhatWasSeenTooSeldomIsNotLetInWithTheResolver) {
  seen_.Add(web_, EvidenceBuilder::kWorld, kProtoUdp, 53, 90, 88).peer = IpAddress::V4(203, 0, 113, 53);
  for (uint8_t i = 1; i <= 17; ++i) {
    seen_.InWindows(web_, EvidenceBuilder::kWorld, 53, {1}, 1).peer = IpAddress::V4(9, i, 9, 9);
  }
  for (const Relation& relation : All()) {
    EXPECT_EQ(relation.standing, Standing::kSupports);
    EXPECT_EQ(relation.peers.size(), 1u);
    EXPECT_EQ(relation.set_aside_peers.size(), relation.protocol == kProtoTcp ? 17u : 0u);
  }
}

TEST_F(DnsTest, WhatPolicyDeniesStaysDenied) {
  seen_.Add(web_, dns_, kProtoUdp, 53, 90, 88);
  Edge& denied = seen_.Add(web_, dns_, kProtoTcp, 53, 0, 0);
  denied.verdict = Verdict::kDeny;
  denied.denied = 3;
  EXPECT_THAT(Permitted(), testing::ElementsAre("web>dns 53/udp"));
}

TEST_F(DnsTest, ConfiguredResolversAreForEveryServiceAndAreWhoHasTheAddress) {
  view_.resolvers = {"203.0.113.53", "198.18.0.1", "198.18.0.10"};
  view_.host_addresses = {"198.18.0.1"};
  Workload workload;
  workload.ns = "kube-system";
  workload.service = "dns";
  workload.endpoints.emplace_back().addresses.push_back(IpAddress::V4(198, 18, 0, 10));
  view_.workloads["x"] = workload;
  EXPECT_THAT(Permitted(), testing::ElementsAre("dns>host 53/tcp*", "dns>host 53/udp*", "dns>world 53/tcp*", "dns>world 53/udp*",
                                                "web>dns 53/tcp*", "web>dns 53/udp*", "web>host 53/tcp*", "web>host 53/udp*",
                                                "web>world 53/tcp*", "web>world 53/udp*"));
}

TEST_F(DnsTest, RelationsStaySorted) {
  seen_.Add(web_, dns_, kProtoUdp, 53, 90, 88);
  seen_.Answered(dns_, web_, 80);
  seen_.Answered(web_, dns_, 9153);
  const auto relations = All();
  EXPECT_EQ(relations.size(), 4u);
  EXPECT_TRUE(std::is_sorted(relations.begin(), relations.end(), [](const Relation& a, const Relation& b) {
    return std::tie(a.source, a.destination, a.protocol, a.port) < std::tie(b.source, b.destination, b.protocol, b.port);
  }));
}

}  // namespace
}  // namespace bulkhead::learn
