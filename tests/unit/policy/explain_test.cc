// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/explain.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/tiers.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

using Kind = Party::Kind;
using ::testing::ElementsAre;

constexpr char kPolicies[] = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 5432}]
  - from: [{ipBlock: {cidr: 198.18.0.0/16, except: [198.18.9.0/24]}}, {namespaceSelector: {matchLabels: {team: x}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}, {protocol: UDP, port: 1000, endPort: 2000}, {port: http}, {protocol: SCTP}]
)";

class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    input_.documents = Documents(kPolicies);
    web_ = {Kind::kWorkload, AddIdentity(&input_, "shop", "app=web,tier=front"), {}};
    db_ = {Kind::kWorkload, AddIdentity(&input_, "shop", "app=db"), {}};
    api_ = {Kind::kWorkload, AddIdentity(&input_, "shop", "app=api"), {}};
    lab_ = {Kind::kWorkload, AddIdentity(&input_, "lab", "app=api"), {}};
  }
  Explanation Ask(const TestParty& source, const TestParty& destination, uint8_t protocol, uint16_t port) {
    return Explain(MakeQuestion(input_, source, destination, protocol, port));
  }
  static TestParty World(const char* address) { return {Kind::kWorld, 0, IpAddress::Parse(address)}; }

  CompileInput input_;
  TestParty web_, db_, api_, lab_;
};

TEST_F(ExplainTest, ADeniedSideListsItsRulesAndTheChange) {
  const Explanation explanation = Ask(web_, db_, kProtoTcp, 5432);
  EXPECT_FALSE(explanation.allow);
  EXPECT_THAT(RenderSide(explanation.egress), ElementsAre("  egress   allow  web egress[0]   test.yaml:18"));
  EXPECT_THAT(
      RenderSide(explanation.ingress),
      ElementsAre(
          "  ingress  deny   db isolates; no rule matched   test.yaml:1",
          "              ingress[0] from app=api" + std::string(57, ' ') + "no: peer has app=web",
          "              ingress[1] from 198.18.0.0/16 except 198.18.9.0/24 or all in namespaces team=x  no: peer has no address; "
          "namespace shop has no team"));
  EXPECT_THAT(RenderToAllow(explanation), ElementsAre("add to db ingress[0].from: podSelector {app: web}"));
}

TEST_F(ExplainTest, AnAllowedSideNamesRuleAndLine) {
  const Explanation explanation = Ask(api_, db_, kProtoTcp, 5432);
  EXPECT_TRUE(explanation.allow);
  EXPECT_THAT(RenderSide(explanation.egress), ElementsAre("  egress   allow  no policy isolates"));
  EXPECT_THAT(RenderSide(explanation.ingress), ElementsAre("  ingress  allow  db ingress[0]   test.yaml:7"));
  EXPECT_THAT(RenderToAllow(explanation), ElementsAre());
  ASSERT_EQ(explanation.ingress.considered.size(), 1u);
  EXPECT_TRUE(explanation.ingress.considered[0].matches);
}

TEST_F(ExplainTest, PortsThatDoNotMatchAreNamed) {
  const Explanation explanation = Ask(web_, db_, kProtoTcp, 22);
  EXPECT_EQ(explanation.egress.considered[0].why, "port is 22/tcp, not 5432/tcp, 1000-2000/udp, http/tcp, all sctp");
  EXPECT_THAT(RenderToAllow(explanation),
              ElementsAre("add to web egress[0].ports: {protocol: TCP, port: 22}",
                          "add to db ingress a rule from: podSelector {app: web}, ports: {protocol: TCP, port: 22}"));
}

TEST_F(ExplainTest, OtherNamespacesAreNamed) {
  const Explanation explanation = Ask(lab_, db_, kProtoTcp, 5432);
  EXPECT_EQ(explanation.ingress.considered[0].why, "peer is in namespace lab");
  EXPECT_THAT(
      RenderToAllow(explanation),
      ElementsAre("add to db ingress[0].from: namespaceSelector {kubernetes.io/metadata.name: lab} with podSelector {app: api}"));
}

TEST_F(ExplainTest, AddressesAreNamed) {
  const Explanation outside = Ask(World("198.19.0.1"), db_, kProtoTcp, 5432);
  EXPECT_EQ(outside.ingress.considered[0].why, "peer is no workload");
  EXPECT_EQ(outside.ingress.considered[1].why, "peer is 198.19.0.1; peer is no workload");
  EXPECT_THAT(RenderToAllow(outside), ElementsAre("add to db ingress[0].from: ipBlock {cidr: 198.19.0.1/32}"));
  EXPECT_EQ(Ask(World("198.18.9.9"), db_, kProtoTcp, 1).ingress.considered[1].why,
            "peer 198.18.9.9 is in except; peer is no workload");
}

TEST_F(ExplainTest, IcmpNeedsARuleWithoutPorts) {
  EXPECT_THAT(RenderToAllow(Ask(api_, db_, kProtoIcmp, 0)),
              ElementsAre("add to db ingress a rule from: podSelector {app: api}, without ports"));
}

TEST_F(ExplainTest, SaysWhenNoRuleCanHelp) {
  const Explanation unknown = Ask({Kind::kUnknown, 0, {}}, db_, kProtoTcp, 5432);
  EXPECT_EQ(unknown.ingress.considered[0].why, "peer is unknown");
  EXPECT_THAT(RenderToAllow(unknown), ElementsAre("no rule can name this peer: it is no known workload and has no known address"));
  input_.options.default_allow = false;
  EXPECT_THAT(RenderToAllow(Ask(api_, World("198.18.0.1"), kProtoTcp, 1)),
              ElementsAre("allow it to shop/api with a NetworkPolicy: podSelector {app: api}, policyTypes: [Egress], "
                          "to: ipBlock {cidr: 198.18.0.1/32}, ports: {protocol: TCP, port: 1}"));
  EXPECT_THAT(RenderSide(Ask(api_, World("198.18.0.1"), kProtoTcp, 1).egress),
              ElementsAre("  egress   deny   no policy isolates; default_verdict is deny"));
}

TEST_F(ExplainTest, HostAndSelf) {
  EXPECT_THAT(RenderSide(Ask({Kind::kHost, 0, {}}, db_, kProtoTcp, 1).ingress),
              ElementsAre("  ingress  allow  from the host (allow_from_host)"));
  Question self = MakeQuestion(input_, db_, db_, kProtoTcp, 1);
  self.source.id = self.destination.id = "docker/1";
  EXPECT_THAT(RenderSide(Explain(self).ingress), ElementsAre("  ingress  allow  a workload to itself"));
}

TEST_F(ExplainTest, SeveralPoliciesAreToldApart) {
  input_.documents =
      Documents(std::string(kPolicies) +
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: all}\n"
                "spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: ops}}}]}]}\n");
  const auto lines = RenderSide(Ask(web_, db_, kProtoTcp, 5432).ingress);
  EXPECT_EQ(lines[0], "  ingress  deny   all, db isolate; no rule matched   test.yaml:21");
  EXPECT_THAT(lines[1], ::testing::StartsWith("              all ingress[0] from app=ops "));
  EXPECT_THAT(lines[2], ::testing::StartsWith("              db ingress[0] from app=api "));
}

TEST_F(ExplainTest, EveryRuleThatAllowsMustGo) {
  input_.documents = Documents(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: web}\n"
      "spec: {podSelector: {}, policyTypes: [Egress], egress: [{}, {ports: [{port: 22}]}, {ports: [{port: 80}, {port: 81}]}]}\n");
  EXPECT_THAT(RenderToDeny(Ask(web_, db_, kProtoTcp, 80)),
              ElementsAre("remove from web egress[2].ports: {protocol: TCP, port: 80}; "
                          "remove web egress[0]"));
  input_.documents = Documents(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: web}\n"
      "spec: {podSelector: {}, policyTypes: [Egress], egress: [{}, {ports: [{port: 80}]}]}\n");
  EXPECT_THAT(RenderToDeny(Ask(web_, db_, kProtoTcp, 80)),
              ElementsAre("remove web egress[1]; remove web egress[0] (Egress must stay in its policyTypes)"));
}

// A ClusterNetworkPolicy has at most 25 rules.
TEST_F(ExplainTest, AFullPolicyIsEditedRatherThanExtended) {
  Policy full = ClusterPolicy(Tier::kAdmin, 1, "full");
  full.ingress.assign(24, Rule(RuleAction::kDeny, {Namespaces({{"team", "x"}})}));
  full.ingress.push_back(Rule(RuleAction::kDeny, {Namespaces({{"team", "y"}}), Namespaces({})}));
  input_.documents = std::make_shared<PolicyDocuments>(DocumentsMaker().Add(full).documents());
  EXPECT_THAT(RenderToAllow(Ask(web_, db_, kProtoTcp, 22)), ElementsAre("remove from cnp:full ingress[24].from: namespaces {}"));
  full.ingress[0] = full.ingress[24];
  input_.documents = std::make_shared<PolicyDocuments>(DocumentsMaker().Add(full).documents());
  EXPECT_THAT(RenderToAllow(Ask(web_, db_, kProtoTcp, 22)), ElementsAre("no single change does it"));
  full.ingress.erase(full.ingress.begin() + 1);
  input_.documents = std::make_shared<PolicyDocuments>(DocumentsMaker().Add(full).documents());
  EXPECT_THAT(RenderToAllow(Ask(web_, db_, kProtoTcp, 22)),
              ElementsAre("add before cnp:full ingress[0] a rule action: Accept, from: pods namespaceSelector "
                          "{kubernetes.io/metadata.name: shop} with podSelector {app: web}, protocols: {tcp: {destinationPort: "
                          "{number: 22}}}"));
}

}  // namespace
}  // namespace bulkhead
