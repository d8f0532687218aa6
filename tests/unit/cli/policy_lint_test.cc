// SPDX-License-Identifier: Apache-2.0
// bulkhead policy lint of what is in force, and of files beside it.
#include "controlplane/policy/parse.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// Of namespace shop, for db, with this ingress rule.
std::string DbPolicy(const std::string& name, const std::string& rule) {
  return "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: " + name +
         ", namespace: shop}, spec: {podSelector: {matchLabels: {app: db}}, ingress: [" + rule + "]}}\n";
}

class PolicyLintTest : public ProgramTest {
 protected:
  // The shop, with one more policy in force.
  void Force(const std::string& yaml) {
    auto view = bulkhead::testing::MakeShopView();
    PolicyDocuments documents = *view->documents;
    const PolicyFile file = ParsePolicies(yaml, "policies.d/more.yaml");
    ASSERT_TRUE(file.errors.empty()) << file.errors[0];
    documents.policies.insert(documents.policies.end(), file.documents.policies.begin(), file.documents.policies.end());
    view->documents = std::make_shared<PolicyDocuments>(std::move(documents));
    service_.SetView(std::move(view));
  }
};

TEST_F(PolicyLintTest, WhatIsInForce) {
  Force(DbPolicy("again", "{from: [{podSelector: {matchLabels: {app: apis}}}]}"));
  Start();
  const Outcome outcome = Run("policy lint");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("policies.d/more.yaml:1:163: warning: shop/again ingress[0].from[0] is app=apis in namespace shop, and that "
                                     "is nobody: no workload there has app=apis (did you mean api?) [rule-matches-nobody]\n"));
  EXPECT_THAT(outcome.out, EndsWith("judged with 5 workloads\n"));
  EXPECT_EQ(Run("policy lint --fail-on error").exit_code, 0);
  const auto json = nlohmann::json::parse(Run("policy lint -o json").out, nullptr, false);
  EXPECT_EQ(json["warnings"], 1);
  EXPECT_EQ(json["world"], true);
  EXPECT_EQ(json["findings"][0]["file"], "policies.d/more.yaml");
}

TEST_F(PolicyLintTest, NothingToSay) {
  Start();
  const Outcome outcome = Run("policy lint");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(outcome.out, "1 policy: 0 errors, 0 warnings, 0 infos; judged with 5 workloads\n");
}

TEST_F(PolicyLintTest, FilesAreJudgedBesideWhatIsInForce) {
  Force("{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: guard}, spec: {tier: Admin, priority: "
        "1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{pods: {podSelector: {matchLabels: {app: web}}}}]}]}}");
  Start();
  Write("mine.yaml", DbPolicy("mine", "{from: [{podSelector: {matchLabels: {app: web}}}]}"));
  const Outcome outcome = Run("policy lint mine.yaml --live");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("mine.yaml:1:154: warning: shop/mine ingress[0] allows nothing: cnp:guard ingress[0] (policies.d/more.yaml:1:"));
  EXPECT_THAT(outcome.out, HasSubstr("[overridden-by-tier]\n3 policies: 0 errors, 1 warning, 0 infos;"));
  // Instead of the one of that name that is in force; only what is given is reported on.
  Write("db.yaml", DbPolicy("db", "{}"));
  EXPECT_THAT(Run("policy lint db.yaml --live").out, HasSubstr("\n2 policies: 0 errors, 1 warning, 1 info;"));
  EXPECT_THAT(service_.calls(), ::testing::IsEmpty());  // nothing changes
}

TEST_F(PolicyLintTest, RefusesWhatItCannotRead) {
  Start();
  Write("bad.yaml", "kind: NetworkPolicy\n");
  const Outcome outcome = Run("policy lint bad.yaml --live");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("bad.yaml:1:1: "));
  EXPECT_EQ(Run("policy lint --live").exit_code, 2);
}

TEST_F(PolicyLintTest, NoDaemon) {
  EXPECT_EQ(Run("policy lint").exit_code, 3);
  Write("mine.yaml", DbPolicy("mine", "{ports: [{port: 80}]}"));
  EXPECT_EQ(Run("policy lint mine.yaml --live").exit_code, 3);
  EXPECT_EQ(Run("policy lint mine.yaml").exit_code, 0);
}

}  // namespace
}  // namespace bulkhead::cli
