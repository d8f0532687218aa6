// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/propose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/policy/parse.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ProposeTest : public testing::Test {
 protected:
  std::vector<Proposal> All(std::string_view scope = "") {
    auto proposals = Propose(seen_.Get(), scope, view_);
    EXPECT_TRUE(proposals.ok()) << proposals.status();
    return proposals.ok() ? *std::move(proposals) : std::vector<Proposal>{};
  }
  Proposal Of(const std::string& ns, const std::string& service) {
    auto proposals = All(ns + "/" + service);
    EXPECT_EQ(proposals.size(), 1u);
    return proposals.empty() ? Proposal{} : proposals[0];
  }
  static Policy Parse(const Proposal& proposal) {
    const PolicyFile file = ParsePolicies(proposal.yaml, "proposal");
    EXPECT_THAT(file.errors, ElementsAre()) << proposal.yaml;
    EXPECT_EQ(file.documents.policies.size(), 1u) << proposal.yaml;
    return file.documents.policies.empty() ? Policy{} : file.documents.policies[0];
  }

  EvidenceBuilder seen_;
  View view_;
  size_t web_ = seen_.Service("shop", "web", {{"app", "web"}}, "sha256:0123456789abcdef0123");
  size_t db_ = seen_.Service("shop", "db", {{"app", "db"}}, "sha256:fedcba9876543210");
};

TEST_F(ProposeTest, BothEndsAgree) {
  seen_.Answered(web_, db_, 5432, 214);
  const Policy db = Parse(Of("shop", "db"));
  EXPECT_EQ(db.ns, "shop");
  EXPECT_EQ(db.name, "db");
  EXPECT_EQ(db.pod_selector.match_labels, (Labels{{"app", "db"}}));
  EXPECT_TRUE(db.isolates_ingress && db.isolates_egress);
  EXPECT_TRUE(db.egress.empty());
  ASSERT_EQ(db.ingress.size(), 1u);
  ASSERT_EQ(db.ingress[0].peers.size(), 1u);
  EXPECT_EQ(db.ingress[0].peers[0].pod_selector->match_labels, (Labels{{"app", "web"}}));
  EXPECT_FALSE(db.ingress[0].peers[0].namespace_selector.has_value());
  ASSERT_EQ(db.ingress[0].ports.size(), 1u);
  EXPECT_EQ(db.ingress[0].ports[0].first, 5432);
  const Policy web = Parse(Of("shop", "web"));
  ASSERT_EQ(web.egress.size(), 1u);
  EXPECT_TRUE(web.ingress.empty());
  EXPECT_EQ(web.egress[0].peers[0].pod_selector->match_labels, (Labels{{"app", "db"}}));
}

TEST_F(ProposeTest, SaysWhatItWasMadeFrom) {
  seen_.Answered(web_, db_, 5432, 214);
  const Proposal proposal = Of("shop", "db");
  EXPECT_EQ(proposal.answered_flows, 214u);
  EXPECT_EQ(proposal.covered_flows, 214u);
  EXPECT_EQ(proposal.set_aside, 0u);
  EXPECT_THAT(proposal.yaml, HasSubstr("# shop/db: covers 214/214 answered flows; 0 set aside"));
  EXPECT_THAT(proposal.yaml, HasSubstr("# from shop/web 5432/tcp: 214 answered flows, 2023-11-14 22:13 .. 2023-11-15 00:23 UTC, 3 hours; "
                                       "client image 0123456789ab; server image fedcba987654; confidence medium\n"));
}

TEST_F(ProposeTest, ClientsHoursAndNamesAreInTheComments) {
  Edge& edge = seen_.Answered(web_, db_, 5432, 500);
  edge.source_workloads = 0b111;
  edge.windows.back().answered -= 9;
  for (uint64_t hour = 0; hour < 9; ++hour) edge.windows.insert(edge.windows.begin(), {edge.windows.front().start - 3600, 1, 1, 0, 0, 0});
  EXPECT_THAT(Of("shop", "db").yaml, HasSubstr("500 answered flows of 3 clients, 2023-11-14 22:13 .. 2023-11-15 00:23 UTC, 12 hours; "));
  EXPECT_THAT(Of("shop", "db").yaml, HasSubstr("; confidence high\n"));
  seen_.InWindows(web_, db_, 9187, {0, 1, 2}, 0b111);
  EXPECT_THAT(Of("shop", "db").yaml, HasSubstr("9187/tcp: 3 answered flows of 3 clients, 2023-11-14 22:00 .. 2023-11-15 00:00 UTC, 3 hours; client image "
                                               "0123456789ab; server image fedcba987654; confidence medium\n"));
}

TEST_F(ProposeTest, NamesOfPeersOutsideAreThoseSeen) {
  seen_.Outside(web_, EvidenceBuilder::kWorld, 443, IpAddress::V4(203, 0, 113, 9));
  for (const char* name : {"d.example", "a.example", "c.example", "b.example"}) {
    seen_.Name(IpAddress::V4(203, 0, 113, 9), name);
  }
  seen_.Name(IpAddress::V4(203, 0, 113, 10), "other.example");
  EXPECT_THAT(Of("shop", "web").yaml, HasSubstr("#   203.0.113.9 (a.example, b.example, c.example and 1 more name)\n"));
}

TEST_F(ProposeTest, AScanIsSetAside) {
  for (uint16_t port = 1; port <= 30; ++port) seen_.Add(web_, db_, kProtoTcp, port, 1, 0);
  seen_.Answered(web_, db_, 5432);
  const Proposal proposal = Of("shop", "db");
  EXPECT_EQ(proposal.set_aside, 30u);
  ASSERT_EQ(Parse(proposal).ingress.size(), 1u);
  EXPECT_EQ(Parse(proposal).ingress[0].ports.size(), 1u);
  EXPECT_THAT(proposal.yaml, HasSubstr("from shop/web 1/tcp: never answered (1 unanswered flow, "));
  EXPECT_THAT(proposal.yaml, HasSubstr("and 10 more"));
}

TEST_F(ProposeTest, WhatWasAnsweredOnceIsForAPersonToDecide) {
  seen_.Answered(web_, db_, 5432, 1);
  seen_.Answered(web_, db_, 9187, 3);
  const Proposal proposal = Of("shop", "db");
  EXPECT_EQ(proposal.answered_flows, 4u);
  EXPECT_EQ(proposal.covered_flows, 3u);
  EXPECT_EQ(proposal.set_aside, 1u);
  ASSERT_EQ(Parse(proposal).ingress.size(), 1u);
  EXPECT_EQ(Parse(proposal).ingress[0].ports[0].first, 9187);
  EXPECT_THAT(proposal.yaml, HasSubstr("from shop/web 5432/tcp: answered once only (1 answered flow, "));
}

TEST_F(ProposeTest, WhatPolicyDeniesNeverBecomesARule) {
  seen_.Add(web_, db_, kProtoTcp, 5432, 50, 50).verdict = Verdict::kWouldDeny;
  Edge& denied = seen_.Add(web_, db_, kProtoTcp, 22, 0, 0);
  denied.verdict = Verdict::kDeny;
  denied.denied = 14;
  const Proposal proposal = Of("shop", "db");
  EXPECT_TRUE(Parse(proposal).ingress.empty());
  EXPECT_EQ(proposal.set_aside, 2u);
  EXPECT_EQ(proposal.answered_flows, 50u);
  EXPECT_EQ(proposal.covered_flows, 0u);
  EXPECT_THAT(proposal.yaml, HasSubstr("22/tcp: denied by policy, or would be (14 denied packets, "));
}

TEST_F(ProposeTest, AClientsPortNeverBecomesARule) {
  for (uint16_t port = 40000; port < 40010; ++port) seen_.Answered(db_, web_, port, 2);
  seen_.Answered(db_, web_, 50051, 100);  // as often answered as a service's port
  const Policy web = Parse(Of("shop", "web"));
  ASSERT_EQ(web.ingress.size(), 1u);
  ASSERT_EQ(web.ingress[0].ports.size(), 1u);
  EXPECT_EQ(web.ingress[0].ports[0].first, 50051);
  EXPECT_EQ(Of("shop", "web").set_aside, 10u);
}

TEST_F(ProposeTest, OneHighPortIsAService) {
  seen_.Answered(web_, db_, 50051, 3);
  EXPECT_EQ(Parse(Of("shop", "db")).ingress.size(), 1u);
}

TEST_F(ProposeTest, PortsWithTheSamePeersShareARule) {
  const size_t api = seen_.Service("shop", "api", {{"app", "api"}});
  seen_.Answered(web_, db_, 5432);
  seen_.Answered(api, db_, 5432);
  seen_.Answered(web_, db_, 5433);
  seen_.Answered(api, db_, 5433);
  seen_.Answered(web_, db_, 9187);
  const Policy db = Parse(Of("shop", "db"));
  ASSERT_EQ(db.ingress.size(), 2u);
  EXPECT_EQ(db.ingress[0].peers.size(), 2u);
  EXPECT_EQ(db.ingress[0].ports.size(), 2u);
  EXPECT_EQ(db.ingress[1].ports[0].first, 9187);
}

TEST_F(ProposeTest, DnsOverBothProtocolsIsOneRule) {
  const size_t dns = seen_.Service("kube-system", "dns", {{"k8s-app", "dns"}});
  seen_.Answered(web_, dns, 53);
  seen_.Add(web_, dns, kProtoUdp, 53, 90, 88);
  const Policy web = Parse(Of("shop", "web"));
  ASSERT_EQ(web.egress.size(), 1u);
  EXPECT_EQ(web.egress[0].ports.size(), 2u);
  ASSERT_TRUE(web.egress[0].peers[0].namespace_selector.has_value());
  EXPECT_EQ(web.egress[0].peers[0].namespace_selector->match_labels, (Labels{{"kubernetes.io/metadata.name", "kube-system"}}));
}

TEST_F(ProposeTest, OutsidePeersAreNamedOneByOneOrAsNetworks) {
  for (uint8_t i = 1; i <= 3; ++i) seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(203, 0, i, 7), 3);
  for (uint8_t i = 1; i <= 5; ++i) seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(198, 51, 100, i), 1);
  seen_.Outside(web_, EvidenceBuilder::kWorld, 8443, *IpAddress::Parse("fd00::7"));
  const Proposal proposal = Of("shop", "web");
  const Policy web = Parse(proposal);
  ASSERT_EQ(web.ingress.size(), 1u);
  ASSERT_EQ(web.ingress[0].peers.size(), 4u);
  EXPECT_EQ(web.ingress[0].peers[0].ip_block->cidr.ToString(), "198.51.100.0/24");
  EXPECT_EQ(web.ingress[0].peers[1].ip_block->cidr.ToString(), "203.0.1.7/32");
  ASSERT_EQ(web.egress.size(), 1u);
  EXPECT_EQ(web.egress[0].peers[0].ip_block->cidr.ToString(), "fd00::7/128");
  EXPECT_THAT(proposal.yaml, HasSubstr("#   198.51.100.0/24, a network with 5 peers\n"));
  EXPECT_THAT(proposal.yaml, HasSubstr("# Peers outside: one by one; 4 or more of one /24"));
}

TEST_F(ProposeTest, ManyPublicPeersOpenThePortToTheInternetButNotToPrivateRanges) {
  for (uint8_t i = 1; i <= 17; ++i) seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(203, i, 113, 1), 1);
  const Proposal proposal = Of("shop", "web");
  const Policy web = Parse(proposal);
  ASSERT_EQ(web.ingress.size(), 1u);
  ASSERT_EQ(web.ingress[0].peers.size(), 2u);
  EXPECT_EQ(web.ingress[0].peers[0].ip_block->cidr.ToString(), "0.0.0.0/0");
  EXPECT_EQ(web.ingress[0].peers[0].ip_block->except.front().ToString(), "10.0.0.0/8");
  EXPECT_EQ(web.ingress[0].peers[1].ip_block->cidr.ToString(), "::/0");
  EXPECT_THAT(proposal.yaml, HasSubstr("of 17 addresses"));
  EXPECT_THAT(proposal.yaml, HasSubstr("#   0.0.0.0/0 but private ranges, the internet: 17 peers"));
  EXPECT_EQ(proposal.covered_flows, 17u);
}

TEST_F(ProposeTest, PeersWithTheSamePortsShareARuleWhereThatMakesFewer) {
  std::vector<size_t> clients;
  for (int i = 0; i < 3; ++i) {
    const std::string name(1, static_cast<char>('p' + i));
    clients.push_back(seen_.Service("shop", name, {{"app", name}}));
  }
  // The ports have three sets of peers, the peers two sets of ports.
  seen_.Answered(clients[0], db_, 80);
  seen_.Answered(clients[0], db_, 81);
  seen_.Answered(clients[0], db_, 82);
  for (const uint16_t port : {81, 82}) {
    seen_.Answered(clients[1], db_, port);
    seen_.Answered(clients[2], db_, port);
  }
  seen_.Answered(clients[1], db_, 83);
  seen_.Answered(clients[2], db_, 83);
  const Policy db = Parse(Of("shop", "db"));
  ASSERT_EQ(db.ingress.size(), 2u);
  EXPECT_EQ(db.ingress[0].peers.size(), 1u);
  EXPECT_EQ(db.ingress[0].ports.size(), 3u);
  EXPECT_EQ(db.ingress[1].peers.size(), 2u);
  EXPECT_EQ(db.ingress[1].ports.size(), 3u);
}

TEST_F(ProposeTest, TheHostNeedsNoRuleInwardsAndItsAddressesOutwards) {
  view_.host_addresses = {"127.0.0.1", "198.18.1.1", "fe80::1", "fd00::1"};
  seen_.Answered(EvidenceBuilder::kHost, web_, 8080);
  seen_.Answered(web_, EvidenceBuilder::kHost, 9100);
  const Proposal proposal = Of("shop", "web");
  const Policy web = Parse(proposal);
  EXPECT_TRUE(web.ingress.empty());
  EXPECT_THAT(proposal.yaml, HasSubstr("From the host 8080/tcp: 10 answered flows; permitted by default"));
  ASSERT_EQ(web.egress.size(), 1u);
  ASSERT_EQ(web.egress[0].peers.size(), 2u);
  EXPECT_EQ(web.egress[0].peers[0].ip_block->cidr.ToString(), "198.18.1.1/32");
  EXPECT_EQ(proposal.covered_flows, 20u);
  EXPECT_EQ(proposal.set_aside, 0u);
}

TEST_F(ProposeTest, PeersThatNobodyKnowsAndIcmpAreSetAside) {
  seen_.Outside(EvidenceBuilder::kUnknown, web_, 80, IpAddress::V4(198, 18, 0, 9));
  seen_.Add(web_, db_, kProtoIcmp, 0, 5, 5);
  const Proposal proposal = Of("shop", "web");
  EXPECT_TRUE(Parse(proposal).ingress.empty());
  EXPECT_TRUE(Parse(proposal).egress.empty());
  EXPECT_EQ(proposal.set_aside, 2u);
  EXPECT_THAT(proposal.yaml, HasSubstr("to shop/db icmp: a NetworkPolicy cannot name this protocol (5 answered flows, "));
}

TEST_F(ProposeTest, OnlyTheScopeIsShown) {
  const size_t other = seen_.Service("lab", "probe", {{"app", "probe"}});
  seen_.Answered(web_, db_, 5432);
  seen_.Answered(other, web_, 80);
  EXPECT_EQ(All().size(), 3u);
  EXPECT_EQ(All("shop").size(), 2u);
  EXPECT_EQ(All("lab").size(), 1u);
  EXPECT_EQ(All("db").size(), 1u);
  EXPECT_EQ(All("db")[0].ns, "shop");
  seen_.Answered(seen_.Service("lab", "db", {{"app", "db"}}), web_, 80);
  EXPECT_EQ(Propose(seen_.Get(), "db", view_).status().message(), "\"db\" could be lab/db, shop/db");
  seen_.Answered(seen_.Service("db", "x", {{"app", "x"}}), web_, 80);
  EXPECT_EQ(All("db")[0].ns, "db");
  EXPECT_EQ(Propose(seen_.Get(), "nothing", view_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Propose(seen_.Get(), "sho", view_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ProposeTest, AServiceThatCannotBeNamedGetsNoPolicyAndNoRule) {
  const size_t odd = seen_.Service("My Project", "x", {{"app", "x"}});
  const size_t rude = seen_.Service("shop", "bad\nname: {", {});
  seen_.Answered(odd, db_, 5432);
  seen_.Answered(rude, db_, 5432);
  seen_.Answered(web_, db_, 5432);
  const Policy db = Parse(Of("shop", "db"));
  ASSERT_EQ(db.ingress.size(), 1u);
  EXPECT_EQ(db.ingress[0].peers.size(), 1u);
  const Proposal proposal = Of("My Project", "x");
  EXPECT_THAT(proposal.yaml, HasSubstr("No policy can be written for this service"));
  EXPECT_TRUE(ParsePolicies(proposal.yaml, "x").documents.policies.empty());
  for (const Proposal& each : All()) EXPECT_THAT(each.yaml, Not(HasSubstr("bad\nname")));
}

TEST_F(ProposeTest, NamesThatObjectsCannotHaveAreBentAndKeptApart) {
  const size_t one = seen_.Service("shop", "My_Api", {{"app", "one"}});
  const size_t two = seen_.Service("shop", "my-api", {{"app", "two"}});
  seen_.Answered(one, two, 80);
  EXPECT_EQ(Parse(Of("shop", "My_Api")).name, "my-api");
  EXPECT_EQ(Parse(Of("shop", "my-api")).name, "my-api-2");
}

TEST_F(ProposeTest, TheSameEvidenceGivesTheSameText) {
  seen_.Answered(web_, db_, 5432);
  EXPECT_EQ(Of("shop", "db").yaml, Of("shop", "db").yaml);
}

}  // namespace
}  // namespace bulkhead::learn
