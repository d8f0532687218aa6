// SPDX-License-Identifier: Apache-2.0
// Policies that do not fit the dataplane's tables are refused with the counts.
#include "bulkhead/abi/policy.h"
#include "controlplane/policy/compile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

Policy Isolating(const std::string& name, const Labels& pods) {
  Policy policy;
  policy.ns = "shop";
  policy.name = name;
  policy.pod_selector.match_labels = pods;
  policy.isolates_ingress = true;
  return policy;
}

std::string Refusal(CompileInput input, PolicyDocuments documents) {
  input.documents = std::make_shared<PolicyDocuments>(std::move(documents));
  const auto policy = Compile(input);
  if (policy.ok()) return "";
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kResourceExhausted);
  return std::string(policy.status().message());
}

TEST(LimitsTest, Subjects) {
  CompileInput input;
  for (uint32_t i = 0; i < kMaxCompiledSubjects; ++i) AddIdentity(&input, "shop", "app=web");
  EXPECT_EQ(Refusal(input, {}), "policy needs 262147 subjects, the most is 262144");
}

TEST(LimitsTest, Cells) {
  CompileInput input;
  PolicyDocuments documents;
  for (int i = 0; i < 2000; ++i) {
    AddIdentity(&input, "shop", "app=" + std::to_string(i));
    documents.policies.push_back(Isolating("p" + std::to_string(i), {{"app", std::to_string(i)}}));
  }
  EXPECT_EQ(Refusal(input, documents),
            "policy needs 8068032 matrix cells (2 directions x 2001 rows x 2003 classes, padded), the most is 4194304");
}

TEST(LimitsTest, IntervalsInOneRuleset) {
  CompileInput input;
  AddIdentity(&input, "shop", "app=web");
  Policy policy = Isolating("web", {});
  PolicyRule rule;
  for (int port = 1; port <= 5000; ++port) {
    rule.ports.push_back({kProtoTcp, static_cast<uint16_t>(2 * port), static_cast<uint16_t>(2 * port), "", {}});
  }
  policy.ingress.push_back(rule);
  EXPECT_EQ(Refusal(input, {{policy}}), "policy needs 5000 port intervals in one ruleset, the most is 4096");
}

TEST(LimitsTest, IntervalsOfAllRulesets) {
  CompileInput input;
  PolicyDocuments documents;
  for (int i = 0; i < 100; ++i) {
    AddIdentity(&input, "shop", "app=" + std::to_string(i));
    Policy policy = Isolating("p" + std::to_string(i), {{"app", std::to_string(i)}});
    for (int j = 0; j < 100; ++j) {
      PolicyRule rule;
      PolicyPeer peer;
      peer.pod_selector = LabelSelector{{{"app", std::to_string(j)}}, {}};
      rule.peers.push_back(peer);
      for (int port = 1; port <= 30; ++port)
        rule.ports.push_back({kProtoTcp, static_cast<uint16_t>(2 * port), static_cast<uint16_t>(2 * port), "", {}});
      policy.ingress.push_back(rule);
    }
    documents.policies.push_back(policy);
  }
  EXPECT_EQ(Refusal(input, documents), "policy needs 300000 port intervals, the most is 262144");
}

TEST(LimitsTest, WorkThatGrowsWithRulesTimesClassesIsBounded) {
  CompileInput input;
  PolicyDocuments documents;
  for (int i = 0; i < 1000; ++i) {
    AddIdentity(&input, "shop", "app=" + std::to_string(i));
    documents.policies.push_back(Isolating("p" + std::to_string(i), {{"app", std::to_string(i)}}));
  }
  Policy all = Isolating("all", {});
  for (uint16_t port = 1; port <= 1000; ++port) {
    PolicyRule rule;
    rule.ports.push_back({kProtoTcp, port, port, "", {}});
    all.ingress.push_back(rule);
  }
  documents.policies.push_back(all);
  EXPECT_THAT(Refusal(input, documents),
              ::testing::AllOf(::testing::StartsWith("policy needs "), ::testing::EndsWith(" steps to compile, the most is 400000000")));
}

}  // namespace
}  // namespace bulkhead
