// SPDX-License-Identifier: Apache-2.0
// What one tier says to no effect, since another is asked before it.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char kTierWorld[] = "shop/web-0 app=web\nshop/db-0 app=db\nops/mon-0 app=mon\nlab/probe-0 app=probe\n";

// A ClusterNetworkPolicy about every workload; its rules stand from line 4 on, or after what stands before it.
std::string Guard(const std::string& rules, const std::string& tier = "Admin", const std::string& subject = "{namespaces: {}}") {
  return Cnp("guard", "{tier: " + tier + ", priority: 1, subject: " + subject + ", " + rules + "}");
}
const char kNoLab[] = "ingress: [{action: Deny, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: lab}}}]}]";

// Of namespace shop, for db, with this ingress rule in line 4.
std::string Db(const std::string& rule) { return Np("db", "{podSelector: {matchLabels: {app: db}}, ingress: [\n" + rule + "]}"); }

std::vector<std::string> Overridden(const std::string& yaml, const std::string& world) { return Only("overridden-by-tier", yaml, world); }

const char kFromLab[] = "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lab}}}]}";
const char kFromEverywhere[] = "{from: [{namespaceSelector: {}}], ports: [{port: 80}]}";

TEST(LintTiersTest, ADeveloperCannotWidenWhatTheAdminTierDenies) {
  for (const std::string world : {"", kTierWorld}) {
    const Finding finding = TheFinding("overridden-by-tier", Db(kFromLab) + Guard(kNoLab), world);
    EXPECT_EQ(finding.severity, Severity::kWarning);
    EXPECT_EQ(finding.policy, "shop/db");
    EXPECT_EQ(finding.pos, (SourcePos{"p.yaml", 4, 1}));
    EXPECT_EQ(finding.message, "shop/db ingress[0] allows nothing: cnp:guard ingress[0] (p.yaml:7:65) denies all of it, and a NetworkPolicy "
                               "cannot widen what the Admin tier denies; remove it, or ask for an exception there");
    EXPECT_EQ(finding.related, (SourcePos{"p.yaml", 7, 65}));
    if (world.empty()) continue;
    ASSERT_TRUE(finding.witness.has_value());
    EXPECT_EQ(finding.witness->Text(), "lab/probe-0 -> shop/db-0 443/tcp");
  }
}

TEST(LintTiersTest, WhatIsNotDeniedIsNotReported) {
  for (const std::string world : {"", kTierWorld}) {
    EXPECT_THAT(Overridden(Db("{from: [{podSelector: {matchLabels: {app: web}}}]}") + Guard(kNoLab), world), IsEmpty());
    EXPECT_THAT(Overridden(Db(kFromLab) + Guard("ingress: [{action: Pass, from: [{namespaces: {}}]}]"), world), IsEmpty());
    // Not about db.
    EXPECT_THAT(Overridden(Db(kFromLab) + Guard(kNoLab, "Admin", "{pods: {podSelector: {matchLabels: {app: web}}}}"), world), IsEmpty());
    // Passed on before it is denied.
    EXPECT_THAT(Overridden(Db(kFromLab) + Guard("ingress: [{action: Pass, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {}}]}]"),
                           world),
                IsEmpty());
    // Denied by the tier that is asked afterwards.
    EXPECT_THAT(Only("overridden-by-tier", Db(kFromLab) + Guard(kNoLab, "Baseline"), ""), IsEmpty());
  }
}

TEST(LintTiersTest, ADenialInAuditDeniesNothing) {
  std::string guard = Guard(kNoLab);
  guard.replace(guard.find("name: guard"), 11, "name: guard, annotations: {bulkhead.dev/mode: audit}");
  for (const std::string world : {"", kTierWorld}) EXPECT_THAT(Overridden(Db(kFromLab) + guard, world), IsEmpty());
}

TEST(LintTiersTest, TheOtherSidesAdminTierDeniesToo) {
  const std::string guard = Guard("egress: [{action: Deny, to: [{namespaces: {}}]}]", "Admin",
                                  "{namespaces: {matchLabels: {kubernetes.io/metadata.name: lab}}}");
  for (const std::string world : {"", kTierWorld}) {
    EXPECT_THAT(Overridden(Db(kFromLab) + guard, world), ElementsAre("4 warning shop/db ingress[0]"));
  }
}

TEST(LintTiersTest, OnePeerOfSeveral) {
  const std::string policy = Db("{from: [{podSelector: {matchLabels: {app: web}}},\n"
                                "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lab}}}]}");
  for (const std::string world : {"", kTierWorld}) {
    const Finding finding = TheFinding("overridden-by-tier", policy + Guard(kNoLab), world);
    EXPECT_EQ(finding.severity, Severity::kWarning);
    EXPECT_EQ(finding.pos.line, 5);
    EXPECT_THAT(finding.message, HasSubstr("shop/db ingress[0].from[1] allows nothing: "));
  }
}

TEST(LintTiersTest, OnePortOfSeveral) {
  const std::string guard =
      Guard("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}]");
  const std::string policy = Db("{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80},\n{port: 22}]}");
  for (const std::string world : {"", kTierWorld}) {
    const Finding finding = TheFinding("overridden-by-tier", policy + guard, world);
    EXPECT_EQ(finding.severity, Severity::kWarning);
    EXPECT_EQ(finding.pos.line, 5);
    EXPECT_THAT(finding.message, HasSubstr("shop/db ingress[0].ports[1] allows nothing: "));
  }
  // Part of a range.
  for (const std::string world : {"", kTierWorld}) {
    EXPECT_THAT(Overridden(Db("{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 20, endPort: 30}]}") + guard, world),
                ElementsAre("4 info shop/db ingress[0]"));
  }
}

TEST(LintTiersTest, PartOfIt) {
  EXPECT_THAT(Overridden(Db(kFromEverywhere) + Guard(kNoLab), ""), ElementsAre("4 info shop/db ingress[0]"));
  const Finding finding = TheFinding("overridden-by-tier", Db(kFromEverywhere) + Guard(kNoLab), kTierWorld);
  EXPECT_EQ(finding.severity, Severity::kInfo);
  EXPECT_THAT(finding.message, HasSubstr("is denied in part by cnp:guard ingress[0] (p.yaml:7:65): a NetworkPolicy cannot widen what the "
                                         "Admin tier denies, so lab/probe-0 -> shop/db-0 80/tcp stays denied"));
  EXPECT_THAT(Overridden(Db(kFromEverywhere) + Guard(kNoLab), "shop/web-0 app=web\nshop/db-0 app=db"), IsEmpty());  // no lab
}

TEST(LintTiersTest, AcceptedBeforeItIsAsked) {
  const std::string guard = Guard("ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}]");
  const Finding finding = TheFinding("overridden-by-tier", Db(kFromEverywhere) + guard, kTierWorld);
  EXPECT_EQ(finding.severity, Severity::kInfo);
  EXPECT_EQ(finding.rule, "ingress[0]");
  EXPECT_THAT(finding.message, HasSubstr("decides nothing: cnp:guard ingress[0] (p.yaml:7:65) accepts all of it"));
}

TEST(LintTiersTest, AcceptedThoughTheNetworkPolicyDoesNot) {
  const std::string guard = Guard("ingress: [{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: mon}}}}]}]");
  const Finding finding = TheFinding("overridden-by-tier", Db("{from: [{podSelector: {matchLabels: {app: web}}}]}") + guard, kTierWorld);
  EXPECT_EQ(finding.severity, Severity::kInfo);
  EXPECT_EQ(finding.policy, "shop/db");
  EXPECT_EQ(finding.rule, "");
  EXPECT_EQ(finding.pos.line, 2);
  EXPECT_THAT(finding.message, HasSubstr("does not allow ops/mon-0 -> shop/db-0 443/tcp, but that passes: cnp:guard ingress[0]"));
  // Denied on the other side all the same.
  const std::string lock = Cnp("lock", "{tier: Admin, priority: 2, subject: {pods: {podSelector: {matchLabels: {app: mon}}}}, egress: [{action: "
                                       "Deny, to: [{namespaces: {}}]}]}");
  EXPECT_THAT(Overridden(Db("{from: [{podSelector: {matchLabels: {app: web}}}]}") + guard + lock, kTierWorld), IsEmpty());
}

TEST(LintTiersTest, BaselineRulesThatAreNeverAsked) {
  const std::string baseline = Guard("ingress: [\n{action: Deny, from: [{namespaces: {}}]}]", "Baseline",
                                     "{pods: {podSelector: {matchLabels: {app: db}}}}");
  const Finding finding = TheFinding("overridden-by-tier", Db(kFromEverywhere) + baseline, kTierWorld);
  EXPECT_EQ(finding.severity, Severity::kInfo);
  EXPECT_EQ(finding.policy, "cnp:guard");
  EXPECT_THAT(finding.message, HasSubstr("NetworkPolicies isolate ingress of all whom it is about before the Baseline tier"));
  EXPECT_THAT(Overridden(baseline, kTierWorld), IsEmpty());
  EXPECT_THAT(Overridden(Db(kFromEverywhere) + baseline, std::string(kTierWorld) + "ops/db-1 app=db"), IsEmpty());
  const std::string admin = Cnp("top", "{tier: Admin, priority: 2, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}");
  EXPECT_THAT(TheFinding("overridden-by-tier", baseline + admin, kTierWorld).message, HasSubstr("the Admin tier, or NetworkPolicies"));
}

}  // namespace
}  // namespace bulkhead::lint
