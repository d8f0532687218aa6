// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/learn/propose.h"
#include "controlplane/policy/parse.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using testing::HasSubstr;

constexpr char kWebToDb[] = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    ports:
    - port: 5432
)";

class ReplayTest : public testing::Test {
 protected:
  absl::StatusOr<api::Replay> Ask(const std::string& text, uint64_t since = 0) {
    const auto draft = ParseCandidate({{"draft.yaml", text}});
    if (!draft.ok()) return draft.status();
    return ReplayHistory(seen_.Get(), Sift(seen_.Get()), *draft, view_, since);
  }
  api::Replay Of(const std::string& text, uint64_t since = 0) {
    const auto replay = Ask(text, since);
    EXPECT_TRUE(replay.ok()) << replay.status();
    return replay.ok() ? *replay : api::Replay{};
  }
  static api::ReplayCounts CountsOf(const api::Replay& replay, const std::string& service) {
    for (const api::ReplayService& row : replay.by_service) {
      if (row.service == service) return row.counts;
    }
    ADD_FAILURE() << service;
    return {};
  }

  EvidenceBuilder seen_;
  View view_;
  size_t web_ = seen_.Service("shop", "web", {{"app", "web"}});
  size_t db_ = seen_.Service("shop", "db", {{"app", "db"}});
  size_t api_ = seen_.Service("shop", "api", {{"app", "api"}});
};

TEST_F(ReplayTest, CountsWhatPassesAndWhatDoesNot) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(api_, db_, 5432, 7);
  seen_.Answered(web_, api_, 80, 30);
  const api::Replay replay = Of(kWebToDb);
  EXPECT_EQ(replay.total.permitted_edges, 2u);
  EXPECT_EQ(replay.total.permitted_flows, 230u);
  EXPECT_EQ(replay.total.rejected_edges, 1u);
  EXPECT_EQ(replay.total.rejected_flows, 7u);
  EXPECT_EQ(CountsOf(replay, "web").rejected_edges, 0u);
  EXPECT_EQ(CountsOf(replay, "web").permitted_flows, 230u);
  EXPECT_EQ(CountsOf(replay, "db").rejected_flows, 7u);
  EXPECT_EQ(CountsOf(replay, "api").permitted_flows, 30u);
  ASSERT_EQ(replay.rejected.size(), 1u);
  EXPECT_EQ(replay.rejected[0].from, "shop/api");
  EXPECT_EQ(replay.rejected[0].to, "shop/db");
  EXPECT_EQ(replay.rejected[0].answered, 7u);
  EXPECT_EQ(replay.rejected[0].side, "ingress");
  EXPECT_EQ(replay.rejected[0].policy, "shop/db");
  EXPECT_THAT(replay.rejected[0].position, HasSubstr("draft.yaml:"));
}

TEST_F(ReplayTest, CountsWhatIsAllowedAndWasNeverSeen) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(web_, api_, 80, 30);
  const api::Replay replay = Of(kWebToDb);
  // Three services and the world, two ports: 9 pairs of services, and 6 with the world. To db only web on 5432; to web, api and the world
  // everything, of which web>api 80 was seen.
  EXPECT_EQ(replay.services, 3u);
  EXPECT_EQ(replay.ports, 2u);
  EXPECT_EQ(replay.total.possible, 30u);
  EXPECT_EQ(replay.total.allowed, 23u);
  EXPECT_EQ(replay.total.escaped, 21u);
  EXPECT_EQ(CountsOf(replay, "db").possible, 14u);
  EXPECT_EQ(CountsOf(replay, "db").allowed, 7u);  // as a client of web, api and the world, and web's
  EXPECT_EQ(CountsOf(replay, "db").escaped, 6u);
  ASSERT_EQ(replay.escaped.size(), 11u);
  EXPECT_EQ(replay.escaped.front().count, 2u);
  EXPECT_EQ(replay.escaped.back().from, "shop/web");
  EXPECT_EQ(replay.escaped.back().ports, "5432/tcp");
}

TEST_F(ReplayTest, TheProposalRejectsNothingAndLetsNothingEscape) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(web_, api_, 80, 30);
  seen_.Answered(EvidenceBuilder::kHost, api_, 80, 30);
  seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(203, 0, 113, 9));
  std::string all;
  const auto proposals = Propose(seen_.Get(), "", view_);
  ASSERT_TRUE(proposals.ok());
  for (const Proposal& proposal : *proposals) all += (all.empty() ? "" : "---\n") + proposal.yaml;
  const api::Replay replay = Of(all);
  EXPECT_EQ(replay.total.permitted_edges, 4u);
  EXPECT_EQ(replay.total.rejected_edges, 0u);
  EXPECT_EQ(replay.total.escaped, 0u);
  EXPECT_TRUE(replay.rejected.empty());
  EXPECT_TRUE(replay.escaped.empty());
}

// Everybody to everybody on these ports, and nothing else.
std::string AllOn(const std::string& ports) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all, namespace: shop}\n"
         "spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]" +
         ports + "}], egress: [{to: [{podSelector: {}}]" + ports + "}]}\n";
}

TEST_F(ReplayTest, APortThatTheDraftOpensAndNobodyUsedEscapes) {
  seen_.Answered(web_, db_, 5432, 200);
  const api::Replay replay = Of(AllOn(", ports: [{port: 5432}, {port: 22}]"));
  EXPECT_EQ(replay.ports, 2u);
  EXPECT_EQ(replay.total.possible, 2u * (4 + 4));
  EXPECT_EQ(replay.total.allowed, 2u * 4);
  EXPECT_EQ(replay.total.escaped, 7u);
  ASSERT_EQ(replay.escaped.size(), 4u);
  EXPECT_EQ(replay.escaped.back().ports, "22/tcp");
}

TEST_F(ReplayTest, BothEndsOfARangeAreTried) {
  seen_.Answered(web_, db_, 5432, 200);
  const api::Replay replay = Of(AllOn(", ports: [{port: 1, endPort: 65535}]"));
  EXPECT_EQ(replay.ports, 3u);
  EXPECT_EQ(replay.total.escaped, 3u * 4 - 1);
  EXPECT_EQ(replay.escaped.front().ports, "1/tcp, 5432/tcp, 65535/tcp");
}

TEST_F(ReplayTest, AllPortsAreTriedOnOneThatIsUnused) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(web_, db_, 1, 200);
  const api::Replay tcp = Of(AllOn(", ports: [{protocol: TCP}]"));
  EXPECT_EQ(tcp.escaped.front().ports, "1/tcp, 2/tcp, 5432/tcp");
  const api::Replay any = Of(AllOn(""));
  EXPECT_EQ(any.escaped.front().ports, "1/tcp, 2/tcp, 5432/tcp, 1/udp");
  EXPECT_EQ(any.total.escaped, 4u * 4 - 2);
}

TEST_F(ReplayTest, APortsNameIsTriedAsTheNumbersThatItHas) {
  seen_.Answered(web_, db_, 5432, 200);
  const Party& db = seen_.Get().parties[db_];
  view_.identities[db.latest] = {db.latest, db.ns, db.service, db.labels, db.image_digest, {{"admin", kProtoTcp, 9900}}};
  const api::Replay replay = Of(AllOn(", ports: [{port: 5432}, {port: admin}]"));
  ASSERT_FALSE(replay.escaped.empty());
  EXPECT_EQ(replay.escaped.front().ports, "5432/tcp, 9900/tcp");
}

TEST_F(ReplayTest, TheWorldIsTriedToo) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Outside(web_, EvidenceBuilder::kWorld, 443, IpAddress::V4(203, 0, 113, 9));
  const std::string closed = AllOn(", ports: [{port: 5432}]");
  const api::Replay replay = Of(closed + R"(---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 443}, {port: 25}]
)");
  // web > world on 25, which was not seen; and 5432 between the services, of which one of four was.
  EXPECT_EQ(replay.total.escaped, 1u + 3);
  EXPECT_EQ(CountsOf(replay, "web").escaped, 1u + 2);
  const auto out = std::find_if(replay.escaped.begin(), replay.escaped.end(), [](const api::ReplayEscape& row) { return row.to == "world"; });
  ASSERT_NE(out, replay.escaped.end());
  EXPECT_EQ(out->from, "shop/web");
  EXPECT_EQ(out->ports, "25/tcp");
}

TEST_F(ReplayTest, WhosePortItIsNeedNotBeKnownToBeMissed) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Mutable().listeners.push_back({db_, kProtoTcp, 5432, 1, 2, 9});
  seen_.Add(web_, db_, kProtoUdp, 5000, 9, 9);
  const api::Replay replay = Of(kWebToDb);
  EXPECT_EQ(replay.total.rejected_edges, 1u);
  ASSERT_EQ(replay.rejected.size(), 1u);
  EXPECT_EQ(replay.rejected[0].standing, StandingReason(Standing::kUndecided));
}

TEST_F(ReplayTest, WhatAScannerGotIsApartAndSaidToBeDenied) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.InWindows(api_, db_, 22, {1}, 1);
  seen_.InWindows(api_, web_, 22, {1}, 1);
  seen_.Mutable().quarantines.push_back(
      {api_, IpAddress{}, EvidenceBuilder::kBegin + EvidenceBuilder::kWindow, 1, ScanReason::kFailures, 9, 9});
  const api::Replay replay = Of(kWebToDb);
  EXPECT_EQ(replay.total.rejected_edges, 0u);
  EXPECT_EQ(replay.total.apart_edges, 2u);
  EXPECT_EQ(replay.total.apart_denied_edges, 1u);
}

TEST_F(ReplayTest, OutsidePeersAreJudgedByAddress) {
  const std::string text = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
)";
  seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(203, 0, 113, 9), 5);
  for (uint8_t i = 1; i <= 5; ++i) seen_.Outside(EvidenceBuilder::kWorld, web_, 443, IpAddress::V4(198, 51, 100, i), 2);
  const api::Replay replay = Of(text);
  EXPECT_EQ(replay.total.permitted_flows, 5u);
  EXPECT_EQ(replay.total.rejected_flows, 10u);
  EXPECT_EQ(replay.total.rejected_edges, 1u);
  EXPECT_EQ(replay.total.permitted_edges, 0u);
  ASSERT_EQ(replay.rejected.size(), 1u);
  EXPECT_EQ(replay.rejected[0].peers, "198.51.100.1, 198.51.100.2, 198.51.100.3 and 2 more");
}

TEST_F(ReplayTest, OnlyTheAskedTimeCounts) {
  Edge& old = seen_.Answered(api_, db_, 5432, 7);
  old.last_seen = old.first_seen + 60;
  const uint64_t start = old.first_seen;
  old.windows = {{.start = start - 800, .flows = 7, .answered = 7}};
  Edge& both = seen_.Answered(web_, db_, 5432, 100);
  both.last_seen = start + 7200;
  both.windows = {{.start = start - 3000, .flows = 60, .answered = 60}, {.start = start + 3600, .flows = 40, .answered = 40}};
  const api::Replay replay = Of(kWebToDb, start + 3700);
  EXPECT_EQ(replay.total.rejected_edges, 0u);
  EXPECT_EQ(replay.total.permitted_flows, 40u);
  EXPECT_EQ(replay.services, 2u);
  EXPECT_EQ(replay.first_seen_unix, start + 3700);
}

TEST_F(ReplayTest, WhatNobodyCanTellIsApart) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Outside(EvidenceBuilder::kUnknown, db_, 5432, IpAddress::V4(198, 18, 0, 9), 3);
  for (uint16_t port = 40000; port < 40010; ++port) seen_.Answered(web_, db_, port, 2);
  const api::Replay replay = Of(kWebToDb);
  EXPECT_EQ(replay.total.rejected_edges, 0u);
  EXPECT_EQ(replay.total.apart_edges, 11u);
  EXPECT_EQ(replay.total.apart_flows, 23u);
  EXPECT_EQ(replay.ports, 1u);  // a client's port is no service's
  ASSERT_EQ(replay.apart.size(), 11u);
  EXPECT_EQ(replay.apart[0].standing, "the peer is not known");
  EXPECT_TRUE(replay.apart[0].denied);
}

TEST_F(ReplayTest, WhatSomebodyRejectedIsApartAlsoWhereTheDraftPermitsIt) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(api_, db_, 5432, 9);
  Evidence evidence = seen_.Get();
  for (const char* client : {"web", "api"}) {
    evidence.decisions.push_back({{PartyKind::kService, "shop", client}, {PartyKind::kService, "shop", "db"}, kProtoTcp, 5432, false, "ada", 1});
  }
  const auto draft = ParseCandidate({{"draft.yaml", kWebToDb}});
  const auto replay = ReplayHistory(evidence, Sift(evidence), *draft, view_, 0);
  ASSERT_TRUE(replay.ok());
  EXPECT_EQ(replay->total.rejected_edges, 0u);
  EXPECT_EQ(replay->total.permitted_edges, 0u);
  ASSERT_EQ(replay->apart.size(), 2u);
  EXPECT_EQ(replay->apart[0].from, "shop/web");
  EXPECT_FALSE(replay->apart[0].denied);
  EXPECT_TRUE(replay->apart[1].denied);
  EXPECT_EQ(replay->apart[1].standing, "rejected");
}

TEST_F(ReplayTest, WhatWaitsForReviewIsSaidToAndCounts) {
  seen_.Answered(api_, db_, 5432, 1);
  const api::Replay replay = Of(kWebToDb);
  ASSERT_EQ(replay.rejected.size(), 1u);
  EXPECT_EQ(replay.rejected[0].standing, "answered once only");
}

TEST_F(ReplayTest, OnceIsEnoughToBeMissed) {
  seen_.Answered(api_, db_, 5432, 1);
  EXPECT_EQ(Of(kWebToDb).total.rejected_edges, 1u);
}

TEST_F(ReplayTest, WhatOnlyTheModeLetPassWouldBeMissedAsWell) {
  seen_.Answered(api_, db_, 5432, 9).verdict = Verdict::kWouldDeny;
  EXPECT_EQ(Of(kWebToDb).total.rejected_flows, 9u);
}

TEST_F(ReplayTest, UnansweredAndDeniedAreNot) {
  seen_.Add(api_, db_, kProtoTcp, 5432, 9, 0);
  Edge& denied = seen_.Add(api_, db_, kProtoTcp, 22, 0, 0);
  denied.verdict = Verdict::kDeny;
  denied.denied = 5;
  const api::Replay replay = Of(kWebToDb);
  EXPECT_EQ(replay.total.rejected_edges, 0u);
  EXPECT_EQ(replay.total.permitted_edges, 0u);
  EXPECT_EQ(replay.first_seen_unix, 0u);
  EXPECT_EQ(replay.services, 2u);
}

TEST_F(ReplayTest, StandsBesideWhatIsInForceAndInPlaceOfItsOwnName) {
  seen_.Answered(web_, db_, 5432, 200);
  seen_.Answered(web_, api_, 80, 30);
  auto documents = std::make_shared<PolicyDocuments>();
  const auto deny_all = [&](const std::string& name) {
    Policy policy;
    policy.ns = "shop";
    policy.name = name;
    policy.pod_selector.match_labels["app"] = name;
    policy.isolates_ingress = true;
    documents->policies.push_back(policy);
  };
  deny_all("db");
  deny_all("api");
  view_.documents = documents;
  const api::Replay replay = Of(kWebToDb);
  ASSERT_EQ(replay.rejected.size(), 1u);
  EXPECT_EQ(replay.rejected[0].policy, "shop/api");
  EXPECT_EQ(replay.total.permitted_flows, 200u);
}

TEST_F(ReplayTest, APolicyInAuditRejectsNothing) {
  seen_.Answered(api_, db_, 5432, 9);
  std::string text = kWebToDb;
  text.replace(text.find("namespace: shop}"), 16, "namespace: shop, annotations: {bulkhead.dev/mode: audit}}");
  EXPECT_EQ(Of(text).total.rejected_edges, 0u);
}

TEST_F(ReplayTest, NamedPortsAreThoseOfWhoIsHere) {
  seen_.Answered(web_, db_, 5432, 200);
  std::string text = kWebToDb;
  text.replace(text.find("port: 5432"), 10, "port: sql");
  EXPECT_EQ(Of(text).total.rejected_edges, 1u);
  const Party& db = seen_.Get().parties[db_];
  view_.identities[db.latest] = {db.latest, db.ns, db.service, db.labels, db.image_digest, {{"sql", kProtoTcp, 5432}}};
  EXPECT_EQ(Of(text).total.rejected_edges, 0u);
}

TEST_F(ReplayTest, WorkloadsAddressesAreThoseOfNow) {
  seen_.Answered(web_, db_, 5432, 200);
  const std::string by_address = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{ipBlock: {cidr: 198.18.1.0/24}}]
)";
  EXPECT_EQ(Of(by_address).total.rejected_edges, 1u);
  const Party& web = seen_.Get().parties[web_];
  view_.identities[web.latest] = {web.latest, web.ns, web.service, web.labels, web.image_digest, {}};
  const auto replica = [&](const char* key, const IpAddress& address) {
    Workload workload;
    workload.identity = web.latest;
    workload.endpoints.emplace_back().addresses.push_back(address);
    view_.workloads[key] = workload;
  };
  replica("a", IpAddress::V4(198, 18, 1, 7));
  EXPECT_EQ(Of(by_address).total.rejected_edges, 0u);
  replica("b", IpAddress::V4(198, 18, 2, 7));
  EXPECT_EQ(Of(by_address).total.rejected_edges, 1u);
}

}  // namespace
}  // namespace bulkhead::learn
