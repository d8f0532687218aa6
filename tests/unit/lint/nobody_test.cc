// SPDX-License-Identifier: Apache-2.0
// Subjects, peers and ports that mean nobody.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char kWorld[] = "shop/web-0 app=web\nshop/db-0 app=db port:sql=5432/tcp\nops/mon-0 app=mon\n";

std::string Subject(const std::string& selector) { return Np("a", "{podSelector: " + selector + "}"); }
std::string From(const std::string& peer) { return Np("a", "{podSelector: {}, ingress: [\n{from: [\n" + peer + "]}]}"); }
std::string To(const std::string& peer) { return Np("a", "{podSelector: {}, egress: [\n{to: [\n" + peer + "]}]}"); }

TEST(LintNobodyTest, PoliciesThatSelectNobody) {
  const Finding finding = TheFinding("selects-nothing", Subject("{matchLabels: {app: webb}}"), kWorld);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.pos.line, 2);
  EXPECT_EQ(finding.message, "shop/a selects app=webb in namespace shop, and that is nobody: no workload there has app=webb (did you mean "
                             "web?)");
  EXPECT_THAT(Only("selects-nothing", Subject("{matchLabels: {app: web}}"), kWorld), IsEmpty());
  EXPECT_THAT(Only("selects-nothing", Subject("{matchLabels: {app: mon}}"), kWorld), ElementsAre("2 warning shop/a"));  // of namespace ops
  EXPECT_THAT(Only("selects-nothing", Subject("{matchLabels: {app: webb}}")), IsEmpty());  // nobody knows
}

TEST(LintNobodyTest, SaysWhatThereIs) {
  const auto why = [](const std::string& selector, const std::string& world) { return TheFinding("selects-nothing", Subject(selector), world).message; };
  EXPECT_THAT(why("{matchLabels: {app: postgres}}", kWorld), HasSubstr("has app=postgres (there is db and web)"));
  EXPECT_THAT(why("{matchLabels: {tier: x}}", kWorld), HasSubstr("no workload there has a label tier"));
  EXPECT_THAT(why("{}", "shopp/web-0 app=web"), HasSubstr("no workload lives in namespace shop (did you mean shopp?)"));
  EXPECT_THAT(why("{matchExpressions: [{key: app, operator: DoesNotExist}]}", kWorld), HasSubstr("has all of these labels"));
  EXPECT_THAT(why("{}", "shop/web-0 host-network"), HasSubstr("shop/web-0 is on the host's own network"));
}

TEST(LintNobodyTest, ContradictionsNeedNoWorld) {
  const std::string never = "{matchLabels: {app: a}, matchExpressions: [{key: app, operator: NotIn, values: [a]}]}";
  EXPECT_THAT(TheFinding("selects-nothing", Subject(never)).message, HasSubstr("contradict each other"));
  EXPECT_THAT(TheFinding("rule-matches-nobody", From("{podSelector: " + never + "}")).message, HasSubstr("contradict each other"));
  EXPECT_THAT(Only("selects-nothing", Subject("{matchExpressions: [{key: app, operator: Exists}, {key: app, operator: DoesNotExist}]}")),
              ElementsAre("2 warning shop/a"));
  EXPECT_THAT(Only("selects-nothing", Subject("{matchLabels: {app: a}, matchExpressions: [{key: app, operator: NotIn, values: [b]}]}")),
              IsEmpty());
}

TEST(LintNobodyTest, PeersThatAreNobody) {
  const Finding finding = TheFinding("rule-matches-nobody", From("{podSelector: {matchLabels: {app: web}}},\n{podSelector: {matchLabels: {app: wed}}}"),
                              kWorld);
  EXPECT_EQ(finding.pos.line, 6);
  EXPECT_EQ(finding.rule, "ingress[0]");
  EXPECT_THAT(finding.message, HasSubstr("shop/a ingress[0].from[1] is app=wed in namespace shop, and that is nobody: "));
  EXPECT_THAT(TheFinding("rule-matches-nobody", To("{podSelector: {matchLabels: {app: wed}}}"), kWorld).message,
              HasSubstr("shop/a egress[0].to[0] is app=wed"));
  EXPECT_THAT(Only("rule-matches-nobody", From("{podSelector: {matchLabels: {app: web}}}"), kWorld), IsEmpty());
  EXPECT_THAT(Only("rule-matches-nobody", From("{ipBlock: {cidr: 198.18.0.0/24}}"), kWorld), IsEmpty());  // the world
}

TEST(LintNobodyTest, NamespacesThatDoNotExist) {
  const auto why = [](const std::string& selector) {
    return TheFinding("rule-matches-nobody", From("{namespaceSelector: " + selector + "}"), kWorld).message;
  };
  EXPECT_THAT(why("{matchLabels: {kubernetes.io/metadata.name: opps}}"), HasSubstr("no workload lives in namespace opps (did you mean ops?)"));
  EXPECT_THAT(why("{matchLabels: {team: ops}}"),
              HasSubstr("no namespace with workloads has a label team; they have kubernetes.io/metadata.name, so select them by "
                        "kubernetes.io/metadata.name"));
  EXPECT_THAT(why("{matchExpressions: [{key: team, operator: In, values: [a]}]}"), HasSubstr("there is ops and shop"));
}

TEST(LintNobodyTest, NodesThatDoNotExist) {
  const std::string policy = Cnp("guard",
                                 "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [\n"
                                 "{action: Deny, to: [{nodes: {matchLabels: {zone: a}}}]}]}");
  LintWorld world = World(kWorld);
  EXPECT_THAT(Brief(policy, &world), ElementsAre("4 warning rule-matches-nobody cnp:guard egress[0]"));
  world.nodes.push_back({"n", {{"zone", "a"}}, {IpAddress::V4(198, 18, 9, 9)}});
  EXPECT_THAT(Brief(policy, &world), IsEmpty());
}

TEST(LintNobodyTest, PortsThatNobodyNames) {
  const auto ports = [](const std::string& port) { return Np("a", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [\n" + port + "]}]}"); };
  EXPECT_THAT(Only("rule-matches-nobody", ports("{port: sql}"), kWorld), IsEmpty());
  const Finding finding = TheFinding("rule-matches-nobody", ports("{port: sqll}"), kWorld);
  EXPECT_EQ(finding.pos.line, 4);
  EXPECT_THAT(finding.message, HasSubstr("shop/a ingress[0].ports[0] is the port named sqll, and no destination names a port so"));
  EXPECT_THAT(TheFinding("rule-matches-nobody", ports("{port: sql, protocol: UDP}"), kWorld).message, HasSubstr("only for another protocol"));
  // Egress: the peers' names count.
  const auto egress = [](const std::string& app) {
    return Np("a", "{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: " + app + "}}}], ports: [{port: sql}]}]}");
  };
  EXPECT_THAT(Only("rule-matches-nobody", egress("db"), kWorld), IsEmpty());
  EXPECT_THAT(Only("rule-matches-nobody", egress("web"), kWorld), ElementsAre("3 warning shop/a egress[0]"));
}

TEST(LintNobodyTest, PoliciesOfThoseWithoutTrafficOfTheirOwn) {
  const std::string world = "shop/web-0 app=web\nshop/side-0 app=side via:shop/web-0\n";
  const Finding finding = TheFinding("shares-a-namespace", Subject("{matchLabels: {app: side}}"), world);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.message, HasSubstr("shop/side-0 shares the network namespace of shop/web-0 and has no traffic of its own"));
  EXPECT_THAT(finding.message, HasSubstr("select shop/web-0 instead"));
  EXPECT_THAT(TheFinding("shares-a-namespace", From("{podSelector: {matchLabels: {app: side}}}"), world).rule, "ingress[0]");
  // With somebody else it means something.
  EXPECT_THAT(Only("shares-a-namespace", Subject("{matchLabels: {app: side}}"), world + "shop/side-1 app=side"), IsEmpty());
  EXPECT_THAT(Only("shares-a-namespace", Subject("{}"), world), IsEmpty());
}

TEST(LintHabitTest, ClusterDns) {
  const std::string peer = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: "
                           "{k8s-app: kube-dns}}}";
  const Finding finding = TheFinding("kubernetes-habit", To(peer), kWorld);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.pos.line, 5);
  EXPECT_THAT(finding.message, HasSubstr("k8s-app=kube-dns is a cluster's DNS"));
  EXPECT_THAT(finding.message, HasSubstr("127.0.0.11"));
  EXPECT_THAT(finding.message, HasSubstr("by ipBlock"));
  EXPECT_THAT(Only("rule-matches-nobody", To(peer), kWorld), IsEmpty());  // said once
  EXPECT_THAT(Only("kubernetes-habit", To(peer)), ElementsAre("5 info shop/a egress[0]"));  // it may be for a cluster
  EXPECT_THAT(Only("kubernetes-habit", To(peer), std::string(kWorld) + "kube-system/coredns-0 k8s-app=kube-dns"), IsEmpty());
}

TEST(LintHabitTest, DnsIsWhatEgressWants) {
  const std::string peer = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}";
  EXPECT_THAT(TheFinding("kubernetes-habit", To(peer), kWorld).message, HasSubstr("127.0.0.11"));
  EXPECT_THAT(TheFinding("kubernetes-habit", From(peer), kWorld).message, HasSubstr("the Compose project"));
}

TEST(LintHabitTest, ClusterNamespaces) {
  const auto from = [](const std::string& key, const std::string& ns, const std::string& world) {
    return Only("kubernetes-habit", From("{namespaceSelector: {matchLabels: {" + key + ": " + ns + "}}}"), world);
  };
  const auto found = ElementsAre("5 warning shop/a ingress[0]");
  EXPECT_THAT(from("kubernetes.io/metadata.name", "ingress-nginx", kWorld), found);
  EXPECT_THAT(from("kubernetes.io/metadata.name", "monitoring", kWorld), found);
  EXPECT_THAT(from("name", "kube-system", kWorld), found);
  EXPECT_THAT(from("kubernetes.io/metadata.name", "monitoring", std::string(kWorld) + "monitoring/prom-0 app=prom"), IsEmpty());
  EXPECT_THAT(from("kubernetes.io/metadata.name", "ingress-nginx", ""), ElementsAre("5 info shop/a ingress[0]"));
  EXPECT_THAT(from("kubernetes.io/metadata.name", "monitoring", ""), IsEmpty());  // anybody may have that
  EXPECT_THAT(from("kubernetes.io/metadata.name", "shopp", kWorld), IsEmpty());
}

TEST(LintHabitTest, LabelsOfReplicas) {
  const auto subject = [](const std::string& label, const std::string& world) {
    return Only("kubernetes-habit", Subject("{matchLabels: {" + label + "}}"), world);
  };
  const auto found = ElementsAre("2 warning shop/a");
  EXPECT_THAT(subject("pod-template-hash: abc", ""), found);
  EXPECT_THAT(subject("pod-template-hash: abc", "shop/web-0 pod-template-hash=abc"), found);  // until the next roll-out
  EXPECT_THAT(subject("statefulset.kubernetes.io/pod-name: db-0", kWorld), found);
  EXPECT_THAT(subject("com.docker.compose.container-number: '1'", ""), found);
  EXPECT_THAT(subject("app: web", kWorld), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::lint
