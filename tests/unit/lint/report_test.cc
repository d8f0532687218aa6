// SPDX-License-Identifier: Apache-2.0
// What all checks have in common: order, limits, and who is reported on.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/lint/small.h"

namespace bulkhead::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LintReportTest, ComesInTheOrderOfTheFile) {
  EXPECT_THAT(Brief(Np("b", "{podSelector: {}, ingress: [{}]}") + Np("a", "{podSelector: {matchLabels: {app: x}}, ingress: [{}]}")),
              ElementsAre("3 warning allow-all shop/b ingress[0]", "6 warning allow-all shop/a ingress[0]",
                          "6 warning redundant-rule shop/a ingress[0]"));
}

TEST(LintReportTest, NothingToSay) {
  EXPECT_THAT(Brief(""), IsEmpty());
  EXPECT_THAT(Brief("", "shop/web-0 app=web"), IsEmpty());
  EXPECT_THAT(Brief(Np("a", "{podSelector: {}}")), IsEmpty());
}

TEST(LintReportTest, AboutSomePoliciesBesideOthers) {
  const std::string yaml = Np("a", "{podSelector: {}, ingress: [{}]}") + Np("b", "{podSelector: {}, ingress: [{}]}");
  Options options;
  options.about = [](const Policy& policy) { return policy.name == "b"; };
  const Report report = Lint(Parse(yaml), nullptr, options);
  ASSERT_EQ(report.findings.size(), 2u);
  for (const Finding& finding : report.findings) EXPECT_EQ(finding.policy, "shop/b");
  EXPECT_EQ(report.counts, (std::array<size_t, 3>{0, 2, 0}));
}

// A conflict is said of the policy that is reported on, though another one comes later.
TEST(LintReportTest, AConflictIsSaidOfEither) {
  const auto cnp = [](const char* name, const char* action) {
    return Cnp(name, absl::StrCat("{tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: ", action,
                                  ", from: [{namespaces: {matchLabels: {a: b}}}]}]}"));
  };
  for (const char* const wanted : {"a", "b"}) {
    Options options;
    options.about = [wanted](const Policy& policy) { return policy.name == wanted; };
    const Report report = Lint(Parse(cnp("a", "Deny") + cnp("b", "Accept")), nullptr, options);
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings[0].check, "conflict");
    EXPECT_EQ(report.findings[0].policy, absl::StrCat("cnp:", wanted));
    EXPECT_EQ(report.findings[0].rule, "ingress[0]");
  }
}

TEST(LintReportTest, ListsTheMostSevereWithinItsLimit) {
  std::string yaml = Cnp("z", "{tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}");
  for (size_t i = 0; i < kMaxFindings + 10; ++i) {
    absl::StrAppend(&yaml, Np(absl::StrCat("p", i), absl::StrCat("{podSelector: {matchLabels: {app: a", i, "}}, egress: [{ports: [{port: 1}]}]}")));
  }
  const Report report = Lint(Parse(yaml), nullptr);
  EXPECT_EQ(report.findings.size(), kMaxFindings);
  EXPECT_EQ(report.counts, (std::array<size_t, 3>{kMaxFindings + 10, 0, 1}));
  EXPECT_EQ(report.omitted(), 11u);
  EXPECT_EQ(report.findings[0].check, "allow-all");
}

TEST(LintReportTest, SaysWhenItStoppedEarly) {
  // 3,000 rules of one namespace, each against each.
  std::string yaml;
  for (int i = 0; i < 100; ++i) {
    std::string rules;
    for (int j = 0; j < 70; ++j) absl::StrAppend(&rules, j == 0 ? "" : ",", "{ports: [{port: ", 1 + i * 70 + j, "}]}");
    absl::StrAppend(&yaml, Np(absl::StrCat("p", i), "{podSelector: {}, ingress: [" + rules + "]}"));
  }
  EXPECT_THAT(Only("redundant-rule", yaml), ElementsAre("0 info "));
}

TEST(LintReportTest, Severities) {
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kError}) {
    EXPECT_EQ(ParseSeverity(SeverityName(severity)), severity);
  }
  EXPECT_EQ(ParseSeverity("fatal"), std::nullopt);
}

}  // namespace
}  // namespace bulkhead::lint
