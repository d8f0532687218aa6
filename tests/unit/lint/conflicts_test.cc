// SPDX-License-Identifier: Apache-2.0
// Policies of one tier and priority.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char kRivalWorld[] = "shop/web-0 app=web\nshop/db-0 app=db tier=back\nshop/api-0 app=api tier=back\n";

// About the pods with this label; one ingress rule from those with the other.
std::string Rival(const std::string& name, const std::string& action, const std::string& subject, const std::string& from,
                const std::string& priority = "5", const std::string& port = "5432") {
  return Cnp(name, "{tier: Admin, priority: " + priority + ", subject: {pods: {podSelector: {matchLabels: {" + subject +
                       "}}}}, ingress: [\n{action: " + action + ", from: [{pods: {podSelector: {matchLabels: {" + from +
                       "}}}}], protocols: [{tcp: {destinationPort: {number: " + port + "}}}]}]}");
}

std::vector<std::string> Both(const std::string& yaml, const std::string& world) {
  std::vector<std::string> out = Only("conflict", yaml, world);
  for (const std::string& line : Only("equal-priority", yaml, world)) out.push_back("equal " + line);
  return out;
}

TEST(LintConflictsTest, DifferentAnswersShownByAConnection) {
  const std::string yaml = Rival("a", "Accept", "app: db", "app: web") + Rival("b", "Deny", "tier: back", "app: web");
  const Finding finding = TheFinding("conflict", yaml, kRivalWorld);
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_EQ(finding.policy, "cnp:b");
  EXPECT_EQ(finding.rule, "ingress[0]");
  EXPECT_EQ(finding.pos.line, 8);
  EXPECT_EQ(finding.related, (SourcePos{"p.yaml", 4, 1}));
  EXPECT_EQ(finding.message, "cnp:b ingress[0] denies shop/web-0 -> shop/db-0 5432/tcp and cnp:a ingress[0] (p.yaml:4:1) accepts it, both at "
                             "priority 5 of the Admin tier: cnp:a is asked first only because of its name; give them different priorities");
  ASSERT_TRUE(finding.witness.has_value());
  EXPECT_EQ(finding.witness->from, "shop/web-0");
  EXPECT_EQ(finding.witness->port, 5432);
}

TEST(LintConflictsTest, NoConflictWithoutACommonConnection) {
  for (const std::string world : {"", kRivalWorld}) {
    const std::string a = lint::Cnp("x", "{tier: Admin, priority: 9, subject: {namespaces: {}}}") + Rival("a", "Accept", "app: db", "app: web");
    EXPECT_THAT(Both(a + Rival("b", "Deny", "app: db", "app: web", "6"), world), IsEmpty());           // another priority
    EXPECT_THAT(Both(a + Rival("b", "Deny", "app: api", "app: web"), world), IsEmpty());               // other subjects
    EXPECT_THAT(Both(a + Rival("b", "Deny", "app: db", "app: api"), world), IsEmpty());                // other peers
    EXPECT_THAT(Both(a + Rival("b", "Deny", "app: db", "app: web", "5", "80"), world), IsEmpty());     // other ports
  }
  // Perhaps, if somebody comes who is both.
  const std::string perhaps = Rival("a", "Accept", "app: db", "app: web") + Rival("b", "Deny", "tier: front", "app: web");
  EXPECT_THAT(Both(perhaps, kRivalWorld), IsEmpty());
  EXPECT_THAT(Both(perhaps, ""), ElementsAre("equal 6 info cnp:b"));
}

TEST(LintConflictsTest, PassDiffersFromBoth) {
  for (const std::string action : {"Accept", "Deny"}) {
    EXPECT_THAT(Both(Rival("a", action, "app: db", "app: web") + Rival("b", "Pass", "app: db", "app: web"), kRivalWorld),
                ElementsAre("8 error cnp:b ingress[0]"));
  }
}

TEST(LintConflictsTest, EqualAnswersAtEqualPriority) {
  for (const std::string world : {"", kRivalWorld}) {
    EXPECT_THAT(Both(Rival("a", "Deny", "app: db", "app: web") + Rival("b", "Deny", "app: db", "app: web"), world),
                ElementsAre("equal 6 warning cnp:b"));
  }
}

TEST(LintConflictsTest, ByTheDocumentsAlone) {
  const Finding finding = TheFinding("conflict", Rival("a", "Accept", "app: db, tier: back", "app: web") + Rival("b", "Deny", "tier: back", "app: web"));
  EXPECT_THAT(finding.message, HasSubstr("denies {app=web in every namespace} -> {app=db,tier=back in every namespace} 5432/tcp and"));
  EXPECT_FALSE(finding.witness.has_value());
}

TEST(LintConflictsTest, AnEarlierRuleOfTheSamePolicyDecidesInstead) {
  // The rule of b that would differ is never asked about these.
  const std::string a = Rival("a", "Accept", "app: db", "app: web");
  const std::string b = Cnp("b", "{tier: Admin, priority: 5, subject: {pods: {podSelector: {matchLabels: {app: db}}}}, ingress: [\n"
                                 "{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: web}}}}]},\n"
                                 "{action: Deny, from: [{namespaces: {}}]}]}");
  for (const std::string world : {"", kRivalWorld}) EXPECT_THAT(Both(a + b, world), ElementsAre("equal 6 warning cnp:b"));
  // Or only about some of them: then it is not certain.
  std::string other = b;
  other.replace(other.find("app: web"), 8, "tier: x");
  EXPECT_THAT(Both(a + other, ""), ElementsAre("equal 6 info cnp:b"));
  EXPECT_THAT(Both(a + other, kRivalWorld), ElementsAre("9 error cnp:b ingress[1]"));
}

TEST(LintConflictsTest, BothKindsOfTheAdminTierShareItsPriorities) {
  const std::string anp = "---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: z}, spec:\n"
                          "{priority: 5, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}}\n";
  EXPECT_THAT(Both(anp + Rival("a", "Deny", "app: db", "app: web"), kRivalWorld), ElementsAre("3 error anp:z ingress[0]"));
}

}  // namespace
}  // namespace bulkhead::lint
