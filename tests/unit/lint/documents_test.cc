// SPDX-License-Identifier: Apache-2.0
// What documents alone tell.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LintDocumentsTest, DomainNamesAreNotSupported) {
  const Finding finding = TheFinding("unsupported", Cnp("guard",
                                                 "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [\n"
                                                 "{action: Accept, to: [{domainNames: [example.com]}]}]}"));
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_EQ(finding.pos, (SourcePos{"p.yaml", 4, 23}));
  EXPECT_EQ(finding.rule, "egress[0]");
  EXPECT_THAT(finding.message, HasSubstr("example.com"));
  EXPECT_THAT(Only("unsupported", Cnp("guard",
                                      "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [\n"
                                      "{action: Accept, to: [{networks: [198.18.0.0/16]}]}]}")),
              IsEmpty());
}

TEST(LintDocumentsTest, RulesOfADirectionThatPolicyTypesLeaveOut) {
  EXPECT_THAT(Only("unused-direction", Np("a", "{podSelector: {}, policyTypes: [Ingress], ingress: [],\negress: [{}]}")),
              ElementsAre("4 warning shop/a egress[0]"));
  EXPECT_THAT(Only("unused-direction", Np("a", "{podSelector: {}, policyTypes: [Egress],\ningress: [{}]}")),
              ElementsAre("4 warning shop/a ingress[0]"));
  EXPECT_THAT(Only("unused-direction", Np("a", "{podSelector: {}, egress: [{}]}")), IsEmpty());  // policyTypes default to both
}

TEST(LintDocumentsTest, AllowAllOfANetworkPolicy) {
  const auto ingress = [](const std::string& rule) { return Only("allow-all", Np("a", "{podSelector: {}, ingress: [" + rule + "]}")); };
  EXPECT_THAT(ingress("{}"), ElementsAre("3 warning shop/a ingress[0]"));
  EXPECT_THAT(ingress("{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), ElementsAre("3 warning shop/a ingress[0]"));
  EXPECT_THAT(ingress("{from: [{ipBlock: {cidr: '::/0'}}]}"), ElementsAre("3 warning shop/a ingress[0]"));
  EXPECT_THAT(ingress("{from: [{namespaceSelector: {}}]}"), ElementsAre("3 warning shop/a ingress[0]"));
  EXPECT_THAT(ingress("{from: [{podSelector: {}, namespaceSelector: {}}], ports: [{protocol: TCP}]}"),
              ElementsAre("3 warning shop/a ingress[0]"));
  EXPECT_THAT(ingress("{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [198.18.0.0/15]}}]}"), IsEmpty());
  EXPECT_THAT(ingress("{ports: [{port: 80}]}"), IsEmpty());
  EXPECT_THAT(ingress("{ports: [{protocol: UDP}]}"), IsEmpty());
  EXPECT_THAT(ingress("{from: [{podSelector: {}}]}"), IsEmpty());  // its own namespace
  EXPECT_THAT(ingress("{from: [{namespaceSelector: {matchLabels: {team: a}}}]}"), IsEmpty());
  EXPECT_THAT(Only("allow-all", Np("a", "{podSelector: {}, egress: [{}]}")), ElementsAre("3 warning shop/a egress[0]"));
}

TEST(LintDocumentsTest, AllowAllSaysWhoAndHow) {
  EXPECT_THAT(TheFinding("allow-all", Np("a", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}"))
                  .message,
              HasSubstr("lets every address in on every port"));
  EXPECT_THAT(TheFinding("allow-all", Np("a", "{podSelector: {}, egress: [{to: [{namespaceSelector: {}}], ports: [{}]}]}")).message,
              HasSubstr("lets out to every workload of every namespace on every TCP port"));
}

TEST(LintDocumentsTest, AllowAllOfTheTiers) {
  const auto tier = [](const std::string& tier, const std::string& action) {
    return Only("allow-all", Cnp("guard", "{tier: " + tier + ", priority: 1, subject: {namespaces: {}}, ingress: [\n{action: " + action +
                                              ", from: [{namespaces: {}}]}]}"));
  };
  EXPECT_THAT(tier("Admin", "Accept"), ElementsAre("4 error cnp:guard ingress[0]"));
  EXPECT_THAT(tier("Baseline", "Accept"), ElementsAre("4 info cnp:guard ingress[0]"));
  EXPECT_THAT(tier("Admin", "Deny"), IsEmpty());
  EXPECT_THAT(tier("Admin", "Pass"), IsEmpty());
}

TEST(LintDocumentsTest, EgressWithoutDns) {
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {}, egress: [{ports: [{port: 443}]}]}")), ElementsAre("2 info shop/a"));
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {}, egress: [{ports: [{port: 53}]}]}")),
              ElementsAre("2 info shop/a"));  // names are looked up by UDP
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {}, egress: [{ports: [{port: 443}, {port: 53, protocol: UDP}]}]}")), IsEmpty());
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {}, egress: [{ports: [{port: 443}]}, {to: [{podSelector: {}}]}]}")), IsEmpty());
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {}, policyTypes: [Egress]}")), IsEmpty());  // closed on purpose
  // Another policy that may be about the same lets it out.
  const std::string dns = Np("dns", "{podSelector: {matchLabels: {tier: x}}, egress: [{ports: [{port: 53, protocol: UDP}]}]}");
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {matchLabels: {app: a}}, egress: [{ports: [{port: 443}]}]}") + dns), IsEmpty());
  EXPECT_THAT(Only("no-egress-dns", Np("a", "{podSelector: {matchLabels: {tier: y}}, egress: [{ports: [{port: 443}]}]}") + dns),
              ElementsAre("2 info shop/a"));
}

TEST(LintDocumentsTest, EgressWithoutDnsOfThoseWhoLiveThere) {
  const std::string policy = Np("a", "{podSelector: {matchLabels: {app: a}}, egress: [{ports: [{port: 443}]}]}");
  const std::string dns = Np("dns", "{podSelector: {matchLabels: {tier: x}}, egress: [{to: [{podSelector: {matchLabels: {app: dns}}}], "
                                    "ports: [{port: 53, protocol: UDP}]}]}");
  EXPECT_THAT(Only("no-egress-dns", policy + dns, "shop/a-0 app=a\nshop/dns-0 app=dns"), ElementsAre("2 info shop/a"));
  EXPECT_THAT(Only("no-egress-dns", policy + dns, "shop/a-0 app=a tier=x\nshop/dns-0 app=dns"), IsEmpty());
  // A rule that lets it out to nobody does not count.
  EXPECT_THAT(Only("no-egress-dns", policy + dns, "shop/a-0 app=a tier=x"), ElementsAre("2 info shop/a"));
  EXPECT_THAT(TheFinding("no-egress-dns", policy, "shop/a-0 app=a").message, HasSubstr("egress of shop/a-0"));
}

}  // namespace
}  // namespace bulkhead::lint
