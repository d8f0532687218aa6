// SPDX-License-Identifier: Apache-2.0
// What the documents mean, tier by tier.
#include "controlplane/policy/evaluate.h"

#include "gtest/gtest.h"
#include "tests/unit/policy/tiers.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

constexpr RuleAction kAccept = RuleAction::kAccept, kDeny = RuleAction::kDeny, kPass = RuleAction::kPass;

// shop/web asks shop/db for 5432/tcp, unless a test says otherwise.
class EvaluateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    namespaces_["shop"] = {{"team", "shop"}};
    namespaces_["lab"] = {{"team", "lab"}};
    question_.namespaces = &namespaces_;
    question_.nodes = &nodes_;
    question_.source = Workload("shop", "web", "198.18.0.1");
    question_.destination = Workload("shop", "db", "198.18.0.2");
    question_.port = 5432;
  }

  static Party Workload(const std::string& ns, const std::string& app, const char* address) {
    Party party;
    party.kind = Party::Kind::kWorkload;
    party.ns = ns;
    party.labels = {{"app", app}};
    party.address = IpAddress::Parse(address);
    party.id = ns + "/" + app;
    return party;
  }
  static Party Other(Party::Kind kind, const char* address) {
    Party party;
    party.kind = kind;
    party.address = IpAddress::Parse(address);
    return party;
  }

  std::string Ingress() { return Side(Direction::kIngress); }
  std::string Egress() { return Side(Direction::kEgress); }
  std::string Side(Direction direction) {
    question_.documents = &maker_.documents();
    const Answer answer = Evaluate(question_);
    const std::string text = Text(answer);
    const size_t middle = text.find(" / ");
    return direction == Direction::kEgress ? text.substr(0, middle) : text.substr(middle + 3);
  }

  DocumentsMaker maker_;
  std::map<std::string, Labels> namespaces_;
  std::vector<KnownNode> nodes_;
  Question question_;
};

Policy WithIngress(Policy policy, std::vector<PolicyRule> rules) {
  policy.ingress = std::move(rules);
  return policy;
}
Policy WithEgress(Policy policy, std::vector<PolicyRule> rules) {
  policy.egress = std::move(rules);
  return policy;
}
Policy AdminIngress(int priority, const std::string& name, std::vector<PolicyRule> rules) {
  return WithIngress(ClusterPolicy(Tier::kAdmin, priority, name), std::move(rules));
}
Policy BaselineIngress(int priority, const std::string& name, std::vector<PolicyRule> rules) {
  return WithIngress(ClusterPolicy(Tier::kBaseline, priority, name), std::move(rules));
}
Policy DbAllows(const std::string& app) {
  return WithIngress(NetworkPolicy("shop", "db", {{"app", "db"}}, true, false), {Rule(kAccept, {OwnPods({{"app", app}})})});
}

TEST_F(EvaluateTest, NothingDecides) {
  EXPECT_EQ(Ingress(), "allow default");
  question_.options.default_allow = false;
  EXPECT_EQ(Ingress(), "deny default");
}

TEST_F(EvaluateTest, TheFirstRuleThatMatchesDecides) {
  maker_.Add(AdminIngress(5, "guard",
                          {Rule(kDeny, {Namespaces({{"team", "lab"}})}), Rule(kAccept, {Namespaces({{"team", "shop"}})}),
                           Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "allow cnp:guard ingress[1]");
  question_.source = Workload("lab", "web", "198.18.0.3");
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
  question_.source = Workload("ops", "web", "198.18.0.3");
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[2]");
  EXPECT_EQ(Egress(), "allow default");  // it has no egress rules
}

TEST_F(EvaluateTest, PoliciesComeByPriorityThenKindThenName) {
  const std::vector<PolicyRule> deny = {Rule(kDeny, {Namespaces({})})};
  maker_.Add(AdminIngress(7, "a", deny));
  EXPECT_EQ(Ingress(), "deny cnp:a ingress[0]");
  maker_.Add(WithIngress(AdminPolicy(6, "a"), deny));
  EXPECT_EQ(Ingress(), "deny anp:a ingress[0]");
  maker_.Add(AdminIngress(6, "y", deny));
  EXPECT_EQ(Ingress(), "deny cnp:y ingress[0]");
  maker_.Add(AdminIngress(6, "x", deny));
  EXPECT_EQ(Ingress(), "deny cnp:x ingress[0]");
}

TEST_F(EvaluateTest, AdminGoesBeforeNetworkPolicy) {
  maker_.Add(DbAllows("web"));
  EXPECT_EQ(Ingress(), "allow shop/db ingress[0]");
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
  maker_.Add(AdminIngress(0, "open", {Rule(kAccept, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "allow cnp:open ingress[0]");
}

TEST_F(EvaluateTest, PassLeavesTheWholeTier) {
  maker_.Add(AdminIngress(1, "pass", {Rule(kPass, {Namespaces({})})}));
  maker_.Add(AdminIngress(2, "deny", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "allow default");
  maker_.Add(BaselineIngress(1, "pass-too", {Rule(kPass, {Namespaces({})})}));
  maker_.Add(BaselineIngress(2, "base", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "allow default");
  question_.options.default_allow = false;
  EXPECT_EQ(Ingress(), "deny default");
  maker_.Add(DbAllows("api"));
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
}

TEST_F(EvaluateTest, BaselineIsForWhomNoNetworkPolicyIsolates) {
  maker_.Add(WithIngress(BaselineAdminPolicy(), {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "deny banp:default ingress[0]");
  maker_.Add(BaselineIngress(1000, "last", {Rule(kAccept, {Namespaces({{"team", "shop"}})})}));
  EXPECT_EQ(Ingress(), "allow cnp:last ingress[0]");
  maker_.Add(DbAllows("api"));
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
  maker_.Add(WithIngress(NetworkPolicy("shop", "more", {}, true, false), {Rule(kAccept, {OwnPods({{"app", "web"}})})}));
  EXPECT_EQ(Ingress(), "allow shop/more ingress[0]");
}

TEST_F(EvaluateTest, SubjectsAreWorkloadsByNamespaceAndLabels) {
  Policy about = AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({})})});
  about.namespace_selector.match_labels = {{"team", "shop"}};
  about.subject_is_pods = true;
  about.pod_selector.match_labels = {{"app", "db"}};
  maker_.Add(about);
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
  question_.destination = Workload("shop", "api", "198.18.0.2");
  EXPECT_EQ(Ingress(), "allow default");
  question_.destination = Workload("lab", "db", "198.18.0.2");
  EXPECT_EQ(Ingress(), "allow default");
}

TEST_F(EvaluateTest, HostAndWorldAndTheUnknownAreNobodysSubject) {
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({})})}));
  for (const Party::Kind kind : {Party::Kind::kHost, Party::Kind::kWorld, Party::Kind::kUnknown}) {
    question_.destination = Other(kind, "198.18.0.2");
    EXPECT_EQ(Ingress(), "allow default");
  }
}

TEST_F(EvaluateTest, SelectorsOfATierNameWorkloadsOnly) {
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({}), Pods({}, {})})}));
  for (const Party::Kind kind : {Party::Kind::kHost, Party::Kind::kWorld, Party::Kind::kUnknown}) {
    question_.source = Other(kind, "198.18.0.1");
    EXPECT_EQ(Ingress(), "allow default");
  }
}

TEST_F(EvaluateTest, NetworksAndNodesNameAddresses) {
  nodes_ = {{"n1", {{"zone", "a"}}, {*IpAddress::Parse("198.18.5.1"), *IpAddress::Parse("fd00::5")}},
            {"n2", {{"zone", "b"}}, {*IpAddress::Parse("198.18.5.2")}}};
  maker_.Add(WithEgress(ClusterPolicy(Tier::kAdmin, 1, "guard"),
                        {Rule(kDeny, {Nodes({{"zone", "a"}})}), Rule(kDeny, {Networks({"198.19.0.0/16", "198.18.0.2/32"})})}));
  EXPECT_EQ(Egress(), "deny cnp:guard egress[1]");  // a workload's own address counts
  question_.destination.address.reset();
  EXPECT_EQ(Egress(), "allow default");
  question_.destination = Other(Party::Kind::kWorld, "198.19.9.9");
  EXPECT_EQ(Egress(), "deny cnp:guard egress[1]");
  for (const char* address : {"198.18.5.1", "fd00::5"}) {
    question_.destination = Other(Party::Kind::kHost, address);
    EXPECT_EQ(Egress(), "deny cnp:guard egress[0]");
  }
  question_.destination = Other(Party::Kind::kWorld, "198.18.5.2");
  EXPECT_EQ(Egress(), "allow default");
  question_.nodes = nullptr;
  question_.destination = Other(Party::Kind::kWorld, "198.18.5.1");
  EXPECT_EQ(Egress(), "allow default");
}

TEST_F(EvaluateTest, DomainNamesNameNobody) {
  PolicyPeer names;
  names.domain_names = {"*.example.org"};
  maker_.Add(WithEgress(ClusterPolicy(Tier::kAdmin, 1, "guard"), {Rule(kDeny, {names})}));
  EXPECT_EQ(Egress(), "allow default");
  question_.destination = Other(Party::Kind::kWorld, "198.19.9.9");
  EXPECT_EQ(Egress(), "allow default");
}

TEST_F(EvaluateTest, PortsAreNamedByTheDestination) {
  question_.source.named_ports = {{"postgres", kProtoTcp, 1}};
  question_.destination.named_ports = {{"postgres", kProtoTcp, 5432}, {"postgres", kProtoUdp, 5433}};
  const std::vector<PolicyRule> rules = {Rule(kDeny, {Namespaces({})}, {PortNamed("postgres")})};
  Policy both = AdminIngress(1, "guard", rules);
  both.egress = rules;
  maker_.Add(both);
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
  EXPECT_EQ(Egress(), "deny cnp:guard egress[0]");
  question_.protocol = kProtoUdp;  // the name is another port's there
  EXPECT_EQ(Ingress(), "allow default");
  question_.port = 5433;
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
}

TEST_F(EvaluateTest, ANetworkPolicysPortNameHasAProtocol) {
  question_.destination.named_ports = {{"postgres", kProtoUdp, 5432}};
  Policy policy = DbAllows("web");
  policy.ingress[0].ports = {PortNamed("postgres", kProtoTcp)};
  maker_.Add(policy);
  question_.protocol = kProtoUdp;
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
  question_.protocol = kProtoTcp;
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
}

TEST_F(EvaluateTest, IcmpMatchesOnlyRulesWithoutPorts) {
  question_.protocol = kProtoIcmp;
  question_.port = 0;
  maker_.Add(AdminIngress(1, "guard",
                          {Rule(kAccept, {Namespaces({})}, {Port(5432), PortNamed("postgres"), {kProtoUdp, 0, 0, "", {}}}),
                           Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[1]");
}

TEST_F(EvaluateTest, AWorkloadMayAlwaysAskItself) {
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({})})}));
  question_.source = question_.destination;
  EXPECT_EQ(Ingress(), "allow self");
  question_.source.id.clear();
  question_.destination.id.clear();
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
}

TEST_F(EvaluateTest, TheHostPassesIsolationAndTheDefaultButNotTheTiers) {
  question_.source = Other(Party::Kind::kHost, "198.18.5.1");
  question_.options.default_allow = false;
  EXPECT_EQ(Ingress(), "allow from-host");
  // No such rule can be written in these kinds, but the tiers are asked as they are of anybody.
  maker_.Add(BaselineIngress(1, "base", {Rule(kDeny, {Networks({"198.18.5.1/32"})})}));
  EXPECT_EQ(Ingress(), "deny cnp:base ingress[0]");
  maker_.Add(DbAllows("api"));
  EXPECT_EQ(Ingress(), "allow from-host");
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Networks({"198.18.5.1/32"})})}));
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
  question_.options.allow_from_host = false;
  maker_ = {};
  maker_.Add(DbAllows("api"));
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
}

// ---- audit ----

TEST_F(EvaluateTest, ADenialInAuditIsTheAnswerWhenNothingElseDenies) {
  maker_.Add(AdminIngress(1, "trial", {Rule(kDeny, {Namespaces({})})}), true);
  EXPECT_EQ(Ingress(), "would-deny cnp:trial ingress[0]");
  maker_.Add(DbAllows("web"));
  EXPECT_EQ(Ingress(), "would-deny cnp:trial ingress[0]");
  maker_.Add(AdminIngress(2, "second", {Rule(kDeny, {Namespaces({})})}), true);
  EXPECT_EQ(Ingress(), "would-deny cnp:trial ingress[0]");
  maker_.Add(AdminIngress(3, "guard", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "deny cnp:guard ingress[0]");
}

TEST_F(EvaluateTest, AfterADenialInAuditTheNextRuleIsAsked) {
  maker_.Add(
      AdminIngress(1, "trial",
                   {Rule(kDeny, {Namespaces({{"team", "lab"}})}), Rule(kDeny, {Namespaces({})}), Rule(kAccept, {Namespaces({})})}),
      true);
  maker_.Add(AdminIngress(2, "guard", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "would-deny cnp:trial ingress[1]");
}

TEST_F(EvaluateTest, WhatAPolicyInAuditAllowsIsAllowed) {
  maker_.Add(AdminIngress(1, "trial", {Rule(kAccept, {Namespaces({})})}), true);
  maker_.Add(AdminIngress(2, "guard", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "allow cnp:trial ingress[0]");
  maker_.Add(AdminIngress(0, "pass", {Rule(kPass, {Namespaces({})})}), true);
  EXPECT_EQ(Ingress(), "allow default");
}

TEST_F(EvaluateTest, IsolationInAuditGoesOnToBaseline) {
  maker_.Add(DbAllows("api"), true);
  EXPECT_EQ(Ingress(), "would-deny shop/db isolated");
  maker_.Add(BaselineIngress(1, "base", {Rule(kAccept, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "would-deny shop/db isolated");
  maker_.Add(BaselineIngress(0, "strict", {Rule(kDeny, {Namespaces({})})}));
  EXPECT_EQ(Ingress(), "deny cnp:strict ingress[0]");
  question_.source = Workload("shop", "api", "198.18.0.3");
  EXPECT_EQ(Ingress(), "allow shop/db ingress[0]");
  question_.source = Workload("shop", "web", "198.18.0.1");
  maker_ = {};
  maker_.Add(DbAllows("api"), true);
  question_.options.default_allow = false;
  EXPECT_EQ(Ingress(), "deny default");
}

TEST_F(EvaluateTest, AnEnforcedIsolationIsNamedBeforeOneInAudit) {
  maker_.Add(WithIngress(NetworkPolicy("shop", "a-trial", {}, true, false), {Rule(kAccept, {OwnPods({{"app", "ops"}})})}), true);
  maker_.Add(DbAllows("api"));
  EXPECT_EQ(Ingress(), "deny shop/db isolated");
  question_.source = Workload("shop", "ops", "198.18.0.3");  // rules of both allow
  EXPECT_EQ(Ingress(), "allow shop/a-trial ingress[0]");
}

TEST_F(EvaluateTest, TheHostIsNotIsolatedInAuditEither) {
  maker_.Add(DbAllows("api"), true);
  question_.source = Other(Party::Kind::kHost, "198.18.5.1");
  EXPECT_EQ(Ingress(), "allow default");
  question_.options.allow_from_host = false;
  EXPECT_EQ(Ingress(), "would-deny shop/db isolated");
}

TEST_F(EvaluateTest, TheTraceHasWhatWasAsked) {
  maker_.Add(AdminIngress(1, "guard", {Rule(kDeny, {Namespaces({{"team", "lab"}})}), Rule(kPass, {Namespaces({})})}));
  maker_.Add(DbAllows("api"));
  question_.documents = &maker_.documents();
  Trace trace;
  EXPECT_EQ(EvaluateSide(question_, Direction::kIngress, &trace).rule, "isolated");
  ASSERT_EQ(trace.steps.size(), 3u);
  EXPECT_FALSE(trace.steps[0].matches);
  EXPECT_TRUE(trace.steps[1].matches);
  EXPECT_EQ(trace.steps[1].rule, 1u);
  EXPECT_EQ(trace.steps[2].policy->name, "db");
  EXPECT_EQ(trace.isolating, std::vector<const Policy*>{&maker_.documents().policies[1]});
  EXPECT_EQ(trace.decided, &maker_.documents().policies[1]);
  EXPECT_EQ(trace.rule, -1);
}

}  // namespace
}  // namespace bulkhead
