// SPDX-License-Identifier: Apache-2.0
// Rules that others cover.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Redundant rules of a policy with these two ingress rules, in lines 4 and 5.
std::vector<std::string> Two(const std::string& first, const std::string& second, const std::string& world = "") {
  return Only("redundant-rule", Np("a", "{podSelector: {}, ingress: [\n" + first + ",\n" + second + "]}"), world);
}

const char kFirst[] = "4 warning shop/a ingress[0]";
const char kSecond[] = "5 warning shop/a ingress[1]";

TEST(LintCoverTest, EqualRulesAreRedundantOnce) {
  EXPECT_THAT(Two("{ports: [{port: 80}]}", "{ports: [{port: 80}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{port: 80}]}", "{ports: [{port: 81}]}"), IsEmpty());
}

TEST(LintCoverTest, PortsWithinPorts) {
  EXPECT_THAT(Two("{ports: [{port: 80, endPort: 90}]}", "{ports: [{port: 85}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{port: 85}]}", "{ports: [{port: 80, endPort: 90}]}"), ElementsAre(kFirst));
  EXPECT_THAT(Two("{ports: [{port: 80, endPort: 84}, {port: 85, endPort: 90}]}", "{ports: [{port: 82, endPort: 88}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{port: 80, endPort: 90}]}", "{ports: [{port: 85, endPort: 91}]}"), IsEmpty());
  EXPECT_THAT(Two("{ports: [{port: 80}]}", "{ports: [{port: 80, protocol: UDP}]}"), IsEmpty());
  EXPECT_THAT(Two("{ports: [{protocol: UDP}]}", "{ports: [{port: 80, protocol: UDP}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{}]}", "{ports: [{port: http}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{port: http}]}", "{ports: [{port: http}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{ports: [{port: 80}]}", "{ports: [{port: http}]}"), IsEmpty());
  EXPECT_THAT(Two("{ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]}", "{from: [{podSelector: {}}]}"), IsEmpty());  // ICMP
}

TEST(LintCoverTest, SelectorsWithinSelectors) {
  const auto pods = [](const std::string& first, const std::string& second) {
    return Two("{from: [{podSelector: " + first + "}]}", "{from: [{podSelector: " + second + "}]}");
  };
  EXPECT_THAT(pods("{matchLabels: {app: a}}", "{matchLabels: {app: a, tier: b}}"), ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchLabels: {app: a, tier: b}}", "{matchLabels: {app: a}}"), ElementsAre(kFirst));
  EXPECT_THAT(pods("{matchLabels: {app: a}}", "{matchLabels: {app: b}}"), IsEmpty());
  EXPECT_THAT(pods("{}", "{matchLabels: {app: a}}"), ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "{matchLabels: {app: a}}"), ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "{matchLabels: {app: c}}"), IsEmpty());
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: Exists}]}", "{matchLabels: {app: a}}"), ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "{matchLabels: {app: b}}"), ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}",
                   "{matchExpressions: [{key: app, operator: NotIn, values: [a, b]}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: NotIn, values: [a, b]}]}",
                   "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}"),
              ElementsAre(kFirst));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}",
                   "{matchExpressions: [{key: app, operator: DoesNotExist}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(pods("{matchExpressions: [{key: app, operator: DoesNotExist}]}",
                   "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}"),
              ElementsAre(kFirst));
  EXPECT_THAT(pods("{matchLabels: {app: a}}",
                   "{matchExpressions: [{key: app, operator: In, values: [a, b]}, {key: app, operator: NotIn, values: [b]}]}"),
              ElementsAre(kSecond));
}

TEST(LintCoverTest, PeersWithinPeers) {
  EXPECT_THAT(Two("{}", "{from: [{podSelector: {}}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{podSelector: {}}, {ipBlock: {cidr: 198.18.0.0/16}}]}", "{from: [{ipBlock: {cidr: 198.18.1.0/24}}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{ipBlock: {cidr: 198.18.0.0/16, except: [198.18.1.0/25]}}]}", "{from: [{ipBlock: {cidr: 198.18.1.0/24}}]}"),
              IsEmpty());
  EXPECT_THAT(Two("{from: [{ipBlock: {cidr: 198.18.0.0/16, except: [198.18.2.0/24]}}]}", "{from: [{ipBlock: {cidr: 198.18.1.0/24}}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{ipBlock: {cidr: 198.18.0.0/16, except: [198.18.1.0/25]}}]}",
                  "{from: [{ipBlock: {cidr: 198.18.1.0/24, except: [198.18.1.0/25]}}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{namespaceSelector: {}}]}", "{from: [{podSelector: {matchLabels: {app: a}}}]}"), ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}", "{from: [{podSelector: {}}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{podSelector: {}}]}", "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}"),
              ElementsAre(kSecond));
  EXPECT_THAT(Two("{from: [{namespaceSelector: {matchLabels: {team: a}}}]}", "{from: [{podSelector: {}}]}"), IsEmpty());
  EXPECT_THAT(Two("{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}", "{from: [{podSelector: {}}]}"), IsEmpty());
}

TEST(LintCoverTest, AcrossPolicies) {
  const std::string narrow = Np("narrow", "{podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: 80}]}]}");
  const auto with = [&](const std::string& selector) {
    return Only("redundant-rule", narrow + Np("wide", "{podSelector: " + selector + ", ingress: [{ports: [{port: 80}, {port: 81}]}]}"));
  };
  EXPECT_THAT(with("{}"), ElementsAre("3 warning shop/narrow ingress[0]"));
  EXPECT_THAT(with("{matchLabels: {app: b}}"), IsEmpty());
  EXPECT_THAT(with("{matchLabels: {app: a, tier: b}}"), IsEmpty());
}

TEST(LintCoverTest, SeveralRulesTogether) {
  // By the documents alone only one rule for one.
  const std::string policy =
      Np("a", "{podSelector: {}, ingress: [\n{from: [{podSelector: {matchLabels: {app: web}}}]},\n"
              "{from: [{podSelector: {matchLabels: {app: api}}}]},\n{from: [{podSelector: {matchLabels: {tier: front}}}]}]}");
  EXPECT_THAT(Only("redundant-rule", policy), IsEmpty());
  const Finding finding = TheFinding("redundant-rule", policy, "shop/web-0 app=web tier=front\nshop/api-0 app=api tier=front\nshop/db-0 app=db");
  EXPECT_EQ(finding.rule, "ingress[2]");
  EXPECT_EQ(finding.severity, Severity::kInfo);  // tomorrow somebody else may be of the front
  EXPECT_THAT(finding.message, HasSubstr("shop/a ingress[0] (p.yaml:4:1) and shop/a ingress[1] (p.yaml:5:1) allow all that it allows, for "
                                         "those who live here now: remove it"));
  EXPECT_EQ(finding.related, (SourcePos{"p.yaml", 4, 1}));
  EXPECT_THAT(Only("redundant-rule", policy, "shop/web-0 app=web tier=front\nshop/web-1 app=web\nshop/api-0 app=api\nshop/x tier=front"), IsEmpty());
}

TEST(LintCoverTest, NamesOnlyRulesThatStay) {
  const std::string policy = Np("a", "{podSelector: {}, ingress: [\n{ports: [{port: 80}]},\n{ports: [{port: 80, endPort: 90}]},\n{}]}");
  for (const std::string& world : {std::string(), std::string("shop/web-0 app=web")}) {
    const LintWorld living = World(world);
    const Report report = Lint(Parse(policy), world.empty() ? nullptr : &living);
    for (const Finding& finding : report.findings) {
      if (finding.check != "redundant-rule") continue;
      EXPECT_THAT(finding.message, HasSubstr("shop/a ingress[2] (p.yaml:6:1) allows"));
    }
    EXPECT_EQ(report.counts[static_cast<size_t>(Severity::kWarning)], 3u);  // two redundant ones and allow-all
  }
}

TEST(LintCoverTest, AddressesOfTodayMakeNoSelectorRedundant) {
  const std::string policy =
      Np("a", "{podSelector: {}, ingress: [\n{from: [{ipBlock: {cidr: 198.18.0.0/16}}]},\n{from: [{podSelector: {matchLabels: {app: web}}}]}]}");
  EXPECT_THAT(Only("redundant-rule", policy, "shop/web-0 app=web 198.18.0.1"), IsEmpty());
}

TEST(LintCoverTest, NamedPortsByTheirDestination) {
  const std::string policy = Np("a", "{podSelector: {}, ingress: [\n{ports: [{port: 8080}]},\n{ports: [{port: http}]}]}");
  EXPECT_THAT(Only("redundant-rule", policy, "shop/web-0 app=web port:http=8080/tcp"), ElementsAre("5 info shop/a ingress[1]"));
  EXPECT_THAT(Only("redundant-rule", policy, "shop/web-0 app=web port:http=8081/tcp"), IsEmpty());
}

TEST(LintCoverTest, TheLastEgressRuleMustNotTakeIsolationAlong) {
  const std::string one = Np("a", "{podSelector: {}, egress: [{ports: [{port: 80}]}]}"), all = Np("b", "{podSelector: {}, egress: [{}]}");
  EXPECT_THAT(TheFinding("redundant-rule", one + all).message, HasSubstr(": remove it, and keep Egress in policyTypes"));
}

// Findings of a ClusterNetworkPolicy with these ingress rules, one a line from line 4 on.
std::string Tier(const std::string& rules, const std::string& name = "guard", const std::string& priority = "1") {
  return Cnp(name, "{tier: Admin, priority: " + priority + ", subject: {namespaces: {}}, ingress: [\n" + rules + "]}");
}

TEST(LintCoverTest, EarlierRulesShadowLaterOnes) {
  const std::string wide = "from: [{namespaces: {}}]", narrow = "from: [{namespaces: {matchLabels: {team: a}}}]";
  const Finding finding = TheFinding("shadowed-rule", Tier("{action: Accept, " + wide + "},\n{action: Deny, " + narrow + "}"));
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.pos.line, 5);
  EXPECT_EQ(finding.related, (SourcePos{"p.yaml", 4, 1}));
  EXPECT_EQ(finding.message, "cnp:guard ingress[1] never decides: cnp:guard ingress[0] (p.yaml:4:1) is asked first and accepts all that it "
                             "would deny: move it up, or remove it");
  EXPECT_THAT(Only("shadowed-rule", Tier("{action: Deny, " + narrow + "},\n{action: Accept, " + wide + "}")), IsEmpty());
  EXPECT_THAT(Only("shadowed-rule", Tier("{action: Pass, " + wide + "},\n{action: Accept, " + wide + "}")),
              ElementsAre("5 warning cnp:guard ingress[1]"));
}

TEST(LintCoverTest, ADenialInAuditShadowsNothing) {
  const std::string rules = "{action: Deny, from: [{namespaces: {}}]},\n{action: Accept, from: [{namespaces: {matchLabels: {a: b}}}]}";
  std::string audit = Tier(rules);
  EXPECT_THAT(Only("shadowed-rule", audit), ElementsAre("5 warning cnp:guard ingress[1]"));
  audit.replace(audit.find("name: guard"), 11, "name: guard, annotations: {bulkhead.dev/mode: audit}");
  EXPECT_THAT(Only("shadowed-rule", audit), IsEmpty());
}

TEST(LintCoverTest, OrderIsByPriorityAcrossPolicies) {
  const std::string wide = "{action: Deny, from: [{namespaces: {}}]}", narrow = "{action: Accept, from: [{namespaces: {matchLabels: {a: b}}}]}";
  EXPECT_THAT(Only("shadowed-rule", Tier(narrow, "z", "5") + Tier(wide, "y", "2")), ElementsAre("4 warning cnp:z ingress[0]"));
  EXPECT_THAT(Only("shadowed-rule", Tier(narrow, "z", "2") + Tier(wide, "y", "5")), IsEmpty());
}

TEST(LintCoverTest, ShadowedForThoseWhoLiveThere) {
  // Denying the addresses of all workloads before accepting some.
  const std::string policy = Cnp("guard",
                                 "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [\n"
                                 "{action: Deny, to: [{networks: [0.0.0.0/0]}]},\n{action: Accept, to: [{pods: {podSelector: {}}}]}]}");
  EXPECT_THAT(Only("shadowed-rule", policy), IsEmpty());
  const Finding finding = TheFinding("shadowed-rule", policy, "shop/web-0 app=web 198.18.0.1\nshop/db-0 app=db 198.18.0.2");
  EXPECT_EQ(finding.rule, "egress[1]");
  EXPECT_THAT(finding.message, HasSubstr("denies all that it would accept, for those who live here now"));
  EXPECT_THAT(Only("shadowed-rule", policy, "shop/web-0 app=web 198.18.0.1\nshop/db-0 app=db fd00::2"), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::lint
