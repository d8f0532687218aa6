// SPDX-License-Identifier: Apache-2.0
// ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy: what is read, and what a document as a whole may not be.
#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/tier_text.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseTierTest, ReadsEveryFieldOfAClusterNetworkPolicy) {
  const Policy policy = OneTier(R"(
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: guard
  labels: {owner: security}
  annotations: {bulkhead.dev/mode: audit}
  uid: 0a
spec:
  tier: Baseline
  priority: 1000
  subject:
    pods:
      namespaceSelector: {matchLabels: {team: shop}}
      podSelector: {matchExpressions: [{key: app, operator: Exists}]}
  ingress:
  - name: from the outside
    action: Accept
    from:
    - namespaces: {matchLabels: {team: ops}}
    - pods: {podSelector: {matchLabels: {app: probe}}}
    protocols:
    - tcp: {destinationPort: {number: 443}}
    - udp: {destinationPort: {range: {start: 1, end: 65535}}}
    - sctp: {destinationPort: {number: 3868}}
    - destinationNamedPort: metrics
  - {action: Deny, from: [{namespaces: {}}]}
  egress:
  - action: Pass
    to:
    - nodes: {}
    - networks: [10.1.2.3/8, "2001:db8::/32"]
  - action: Accept
    to: [{domainNames: ["*.example.com", www.example.org.]}]
status: {conditions: []}
)");
  EXPECT_EQ(policy.kind, PolicyKind::kClusterNetworkPolicy);
  EXPECT_EQ(policy.tier, Tier::kBaseline);
  EXPECT_EQ(policy.priority, 1000);
  EXPECT_EQ(policy.ns, "");
  EXPECT_EQ(policy.name, "guard");
  EXPECT_EQ(policy.labels, (Labels{{"owner", "security"}}));
  EXPECT_TRUE(policy.audit);
  EXPECT_EQ(policy.pos, (SourcePos{"f", 2, 1}));
  EXPECT_TRUE(policy.subject_is_pods);
  EXPECT_EQ(policy.namespace_selector.match_labels, (Labels{{"team", "shop"}}));
  ASSERT_EQ(policy.pod_selector.match_expressions.size(), 1u);
  EXPECT_FALSE(policy.isolates_ingress || policy.isolates_egress);
  ASSERT_EQ(policy.ingress.size(), 2u);
  const PolicyRule& rule = policy.ingress[0];
  EXPECT_EQ(rule.action, RuleAction::kAccept);
  EXPECT_EQ(rule.name, "from the outside");
  EXPECT_EQ(rule.pos, (SourcePos{"f", 17, 5}));
  ASSERT_EQ(rule.peers.size(), 2u);
  EXPECT_TRUE(rule.peers[0].namespace_selector && !rule.peers[0].pod_selector);
  EXPECT_EQ(rule.peers[0].namespace_selector->match_labels, (Labels{{"team", "ops"}}));
  EXPECT_EQ(rule.peers[0].pos, (SourcePos{"f", 20, 7}));
  EXPECT_TRUE(rule.peers[1].namespace_selector && rule.peers[1].pod_selector);
  EXPECT_EQ(*rule.peers[1].namespace_selector, LabelSelector{});  // absent: all namespaces
  EXPECT_EQ(rule.peers[1].pod_selector->match_labels, (Labels{{"app", "probe"}}));
  EXPECT_THAT(rule.ports,
              ElementsAre(PolicyPort{kProtoTcp, 443, 443, "", {"f", 23, 7}}, PolicyPort{kProtoUdp, 1, 65535, "", {"f", 24, 7}},
                          PolicyPort{kProtoSctp, 3868, 3868, "", {"f", 25, 7}}, PolicyPort{0, 0, 0, "metrics", {"f", 26, 7}}));
  EXPECT_EQ(policy.ingress[1].action, RuleAction::kDeny);
  EXPECT_TRUE(policy.ingress[1].name.empty() && policy.ingress[1].ports.empty());
  ASSERT_EQ(policy.egress.size(), 2u);
  EXPECT_EQ(policy.egress[0].action, RuleAction::kPass);
  ASSERT_EQ(policy.egress[0].peers.size(), 2u);
  EXPECT_EQ(*policy.egress[0].peers[0].node_selector, LabelSelector{});
  EXPECT_FALSE(policy.egress[0].peers[0].namespace_selector || policy.egress[0].peers[1].namespace_selector);
  EXPECT_THAT(policy.egress[0].peers[1].networks, ElementsAre(*Prefix::Parse("10.0.0.0/8"), *Prefix::Parse("2001:db8::/32")));
  EXPECT_THAT(policy.egress[1].peers[0].domain_names, ElementsAre("*.example.com", "www.example.org."));
}

TEST(ParseTierTest, ReadsEveryFieldOfAnAdminNetworkPolicy) {
  const Policy policy = OneTier(R"({"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy",
    "metadata": {"name": "guard"}, "spec": {"priority": 0, "subject": {"namespaces": {"matchLabels": {"team": "shop"}}},
      "ingress": [{"name": "a", "action": "Allow", "from": [{"namespaces": {}}], "ports": [
        {"portNumber": {"protocol": "UDP", "port": 53}}, {"portNumber": {"port": 80}}, {"namedPort": "http"},
        {"portRange": {"protocol": "SCTP", "start": 5, "end": 6}}, {"portRange": {"start": 7, "end": 9}}]}],
      "egress": [{"action": "Pass", "to": [{"pods": {"namespaceSelector": {}, "podSelector": {}}}, {"nodes": {}}]},
        {"action": "Deny", "to": [{"networks": ["10.0.0.0/8"]}]},
        {"action": "Allow", "to": [{"domainNames": ["example.com"]}]}]}})");
  EXPECT_EQ(policy.kind, PolicyKind::kAdminNetworkPolicy);
  EXPECT_EQ(policy.tier, Tier::kAdmin);
  EXPECT_EQ(policy.priority, 0);
  EXPECT_FALSE(policy.subject_is_pods);
  EXPECT_EQ(policy.namespace_selector.match_labels, (Labels{{"team", "shop"}}));
  ASSERT_EQ(policy.ingress.size(), 1u);
  std::vector<PolicyPort> ports = policy.ingress[0].ports;
  for (PolicyPort& port : ports) port.pos = {};
  EXPECT_THAT(ports, ElementsAre(PolicyPort{kProtoUdp, 53, 53, "", {}}, PolicyPort{kProtoTcp, 80, 80, "", {}},
                                 PolicyPort{0, 0, 0, "http", {}}, PolicyPort{kProtoSctp, 5, 6, "", {}},
                                 PolicyPort{kProtoTcp, 7, 9, "", {}}));
  ASSERT_EQ(policy.egress.size(), 3u);
  EXPECT_EQ(policy.egress[0].action, RuleAction::kPass);
  EXPECT_EQ(policy.egress[1].action, RuleAction::kDeny);
  EXPECT_EQ(policy.egress[2].action, RuleAction::kAccept);
}

TEST(ParseTierTest, ABaselineAdminNetworkPolicyComesAfterEveryPriority) {
  const Policy policy =
      OneTier(Banp("ingress: [{action: Allow, from: [{namespaces: {}}]}], egress: [{action: Deny, to: [{nodes: {}}]}]"));
  EXPECT_EQ(policy.kind, PolicyKind::kBaselineAdminNetworkPolicy);
  EXPECT_EQ(policy.tier, Tier::kBaseline);
  EXPECT_EQ(policy.priority, kLastPriority);
  EXPECT_EQ(policy.ingress[0].action, RuleAction::kAccept);
  EXPECT_EQ(policy.egress[0].action, RuleAction::kDeny);
}

TEST(ParseTierTest, RulesMayBeAbsentEmptyOrNull) {
  for (const char* rules : {"ingress: []", "ingress: null, egress: ", "egress: []"}) {
    const Policy policy = OneTier(Cnp(rules));
    EXPECT_TRUE(policy.ingress.empty() && policy.egress.empty()) << rules;
    EXPECT_FALSE(policy.Judges(Direction::kIngress) || policy.Judges(Direction::kEgress)) << rules;
  }
}

TEST(ParseTierTest, ReadsLists) {
  const std::string rest = "metadata: {name: a}, spec: {priority: 1, subject: {namespaces: {}}}}";
  const PolicyFile file =
      ParsePolicies("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicyList\nitems: [{" + rest +
                        "]\n---\napiVersion: v1\nkind: List\nitems:\n- " +
                        "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, " + rest + "\n",
                    "f");
  EXPECT_THAT(file.errors, IsEmpty());
  EXPECT_EQ(file.documents.policies.size(), 2u);
  EXPECT_THAT(TierErrors("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: ClusterNetworkPolicyList\nitems: [{" + rest + "]\n"),
              ElementsAre(HasSubstr("expected policy.networking.k8s.io/v1alpha2 for a ClusterNetworkPolicy")));
}

TEST(ParseTierTest, SaysWhichApiVersionAKindHas) {
  EXPECT_THAT(TierErrors("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: ClusterNetworkPolicy\n"),
              ElementsAre("f:1:13: apiVersion: found \"policy.networking.k8s.io/v1alpha1\", expected "
                          "policy.networking.k8s.io/v1alpha2 for a ClusterNetworkPolicy"));
  EXPECT_THAT(TierErrors("apiVersion: policy.networking.k8s.io/v1alpha2\nkind: AdminNetworkPolicy\n"),
              ElementsAre("f:1:13: apiVersion: found \"policy.networking.k8s.io/v1alpha2\", expected "
                          "policy.networking.k8s.io/v1alpha1 for an AdminNetworkPolicy"));
  EXPECT_THAT(TierErrors("apiVersion: networking.k8s.io/v1\nkind: BaselineAdminNetworkPolicy\n"),
              ElementsAre("f:1:13: apiVersion: found \"networking.k8s.io/v1\", expected "
                          "policy.networking.k8s.io/v1alpha1 for a BaselineAdminNetworkPolicy"));
}

TEST(ParseTierTest, TheseKindsBelongToNoNamespace) {
  const std::string spec = "spec: {priority: 1, subject: {namespaces: {}}}\n";
  EXPECT_THAT(
      TierErrors("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n"
                 "metadata: {name: a, namespace: shop}\n" +
                 spec),
      ElementsAre("f:3:32: metadata.namespace: found \"shop\", expected none: an AdminNetworkPolicy belongs to no namespace"));
  EXPECT_THAT(
      TierErrors("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
                 "metadata: {name: base}\nspec: {subject: {namespaces: {}}}\n"),
      ElementsAre("f:3:18: metadata.name: found \"base\", expected default, the only name of a BaselineAdminNetworkPolicy"));
}

TEST(ParseTierTest, RefusesBadSpecs) {
  const auto error = [](const std::string& spec) { return TierError(absl::StrCat(kCnpHead, "spec: {", spec, "}\n")); };
  const std::string subject = ", subject: {namespaces: {}}";
  EXPECT_EQ(TierError(kCnpHead), "required field \"spec\" is missing");
  EXPECT_EQ(error("priority: 5" + subject), "spec: required field \"tier\" is missing");
  EXPECT_EQ(error("tier: admin, priority: 5" + subject),
            "spec.tier: found \"admin\", expected Admin or Baseline (did you mean Admin?)");
  EXPECT_EQ(error("tier: 1, priority: 5" + subject), "spec.tier: found the number 1, expected a string (write it in quotes)");
  EXPECT_EQ(error("tier: NetworkPolicy, priority: 5" + subject), "spec.tier: found \"NetworkPolicy\", expected Admin or Baseline");
  EXPECT_EQ(error("tier: Admin" + subject), "spec: required field \"priority\" is missing");
  for (const char* priority : {"-1", "1001", "1.5", "'5'", "many", "[]"}) {
    EXPECT_THAT(error(absl::StrCat("tier: Admin, priority: ", priority, subject)),
                HasSubstr("expected a whole number from 0 to 1000"));
  }
  EXPECT_EQ(error("tier: Admin, priority: 5"), "spec: required field \"subject\" is missing");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {}"), "spec.subject: found nothing, expected namespaces or pods");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {pods: }"), "spec.subject: found nothing, expected namespaces or pods");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: []"), "spec.subject: found a list, expected a map");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {namespace: {}}"), "unknown field \"namespace\" (did you mean namespaces?)");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {namespaces: {}, pods: {podSelector: {}}}"),
            "spec.subject: found namespaces together with pods, expected one of them");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {pods: {}}"), "spec.subject.pods: required field \"podSelector\" is missing");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {pods: {podSelector: {app: a}}}"), "unknown field \"app\"");
  EXPECT_EQ(error("tier: Admin, priority: 5, subject: {namespaces: {matchLabels: {app: }}}"),
            "spec.subject.namespaces.matchLabels[\"app\"]: found nothing, expected a string");
  EXPECT_EQ(error("tier: Admin, priority: 5, policyTypes: [Ingress]" + subject), "unknown field \"policyTypes\"");
  EXPECT_EQ(TierError(absl::StrCat(kAnpHead, "spec: {tier: Admin, priority: 5", subject, "}\n")), "unknown field \"tier\"");
  EXPECT_EQ(TierError(absl::StrCat(kBanpHead, "spec: {priority: 5", subject, "}\n")), "unknown field \"priority\"");
}

TEST(ParseTierTest, HoldsTheLimitsOfEachKind) {
  const std::string rule = "{action: Deny, from: [{namespaces: {}}]}";
  const std::string peer = "{namespaces: {}}";
  const auto peers = [&](int count) { return "ingress: [{action: Deny, from: " + Repeat(count, peer) + "}]"; };
  const auto ports = [&](const char* name, int count, const char* port) {
    return absl::StrCat("ingress: [{action: Deny, from: [", peer, "], ", name, ": ", Repeat(count, port), "}]");
  };
  EXPECT_EQ(OneTier(Cnp("ingress: " + Repeat(25, rule))).ingress.size(), 25u);
  EXPECT_EQ(TierError(Cnp("ingress: " + Repeat(26, rule))), "spec.ingress: found 26 items, expected at most 25");
  OneTier(Cnp(peers(25)));
  EXPECT_EQ(TierError(Cnp(peers(26))), "spec.ingress[0].from: found 26 items, expected 1 to 25");
  OneTier(Cnp(ports("protocols", 25, "{destinationNamedPort: a}")));
  EXPECT_EQ(TierError(Cnp(ports("protocols", 26, "{destinationNamedPort: a}"))),
            "spec.ingress[0].protocols: found 26 items, expected 1 to 25");
  for (const auto& make : {Anp, Banp}) {
    OneTier(make("ingress: " + Repeat(100, rule)));
    EXPECT_EQ(TierError(make("ingress: " + Repeat(101, rule))), "spec.ingress: found 101 items, expected at most 100");
    OneTier(make(peers(100)));
    EXPECT_EQ(TierError(make(peers(101))), "spec.ingress[0].from: found 101 items, expected 1 to 100");
    OneTier(make(ports("ports", 100, "{namedPort: a}")));
    EXPECT_EQ(TierError(make(ports("ports", 101, "{namedPort: a}"))), "spec.ingress[0].ports: found 101 items, expected 1 to 100");
  }
}

}  // namespace
}  // namespace bulkhead
