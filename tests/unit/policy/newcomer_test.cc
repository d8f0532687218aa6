// SPDX-License-Identifier: Apache-2.0
// Identities whose image is new to their service: what no rule permits of them passes, reported or allowed; what a rule says holds.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

constexpr char kShopPolicies[] = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-ssh}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
    protocols: [{tcp: {destinationPort: {number: 22}}}]
)";

class NewcomerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* labels : {"app=web,version=1", "app=web,version=2", "app=db"}) AddIdentity(&input_, "shop", labels);
    input_.documents = Documents(kShopPolicies);
  }
  std::string Ask(size_t source, size_t destination, uint16_t port) {
    const auto policy = Compile(input_);
    EXPECT_TRUE(policy.ok()) << policy.status();
    if (!policy.ok()) return "";
    const auto party = [](size_t i) { return i == kWorld ? TestParty{Party::Kind::kWorld, 0, IpAddress::V4(203, 0, 113, 9)} : TestParty{Party::Kind::kWorkload, i, {}}; };
    return Text(AskCompiled(*policy, input_, party(source), party(destination), kProtoTcp, port));
  }

  static constexpr size_t kOld = 0, kNew = 1, kDb = 2, kWorld = 99;
  CompileInput input_;
};

TEST_F(NewcomerTest, WhatNoRulePermitsIsReportedOnEitherEnd) {
  EXPECT_EQ(Ask(kNew, kDb, 6379), "deny shop/web isolated / deny shop/db isolated");
  input_.identities[kNew].newcomer = Newcomer::kReported;
  EXPECT_EQ(Ask(kNew, kDb, 5432), "allow shop/web egress[0] / allow shop/db ingress[0]");
  EXPECT_EQ(Ask(kNew, kDb, 6379), "would-deny shop/web isolated / would-deny shop/db isolated");
  EXPECT_EQ(Ask(kDb, kNew, 80), "would-deny shop/db isolated / would-deny shop/web isolated");
  EXPECT_EQ(Ask(kNew, kWorld, 443), "would-deny shop/web isolated / allow default");
  EXPECT_EQ(Ask(kOld, kNew, 80), "would-deny shop/web isolated / would-deny shop/web isolated");
}

TEST_F(NewcomerTest, ItsPredecessorIsNotSpared) {
  input_.identities[kNew].newcomer = Newcomer::kReported;
  EXPECT_EQ(Ask(kOld, kDb, 6379), "deny shop/web isolated / deny shop/db isolated");
  EXPECT_EQ(Ask(kDb, kOld, 80), "deny shop/db isolated / deny shop/web isolated");
  EXPECT_EQ(Ask(kOld, kWorld, 443), "deny shop/web isolated / allow default");
}

TEST_F(NewcomerTest, WhatARuleDeniesStaysDenied) {
  input_.identities[kNew].newcomer = Newcomer::kReported;
  EXPECT_EQ(Ask(kNew, kDb, 22), "would-deny shop/web isolated / deny cnp:no-ssh ingress[0]");
  input_.identities[kNew].newcomer = Newcomer::kAdmitted;
  EXPECT_EQ(Ask(kNew, kDb, 22), "allow shop/web isolated / deny cnp:no-ssh ingress[0]");
}

TEST_F(NewcomerTest, AdmittedIsAllowedAndTheStricterOfTwoHolds) {
  input_.identities[kNew].newcomer = Newcomer::kAdmitted;
  EXPECT_EQ(Ask(kNew, kDb, 6379), "allow shop/web isolated / allow shop/db isolated");
  input_.identities[kDb].newcomer = Newcomer::kReported;
  EXPECT_EQ(Ask(kNew, kDb, 6379), "would-deny shop/web isolated / would-deny shop/db isolated");
}

TEST_F(NewcomerTest, DefaultDenyIsNoRule) {
  input_.documents = Documents("");
  input_.options.default_allow = false;
  EXPECT_EQ(Ask(kNew, kDb, 80), "deny default / deny default");
  input_.identities[kNew].newcomer = Newcomer::kReported;
  EXPECT_EQ(Ask(kNew, kDb, 80), "would-deny default / would-deny default");
  EXPECT_EQ(Ask(kOld, kDb, 80), "deny default / deny default");
}

TEST_F(NewcomerTest, OneThatIsLikeAnOldOneHasAClassOfItsOwnAndLosesItInTime) {
  AddIdentity(&input_, "shop", "app=web,version=1");
  input_.identities.back().newcomer = Newcomer::kReported;
  const size_t twin = input_.identities.size() - 1;
  EXPECT_EQ(Ask(twin, kDb, 6379), "would-deny shop/web isolated / would-deny shop/db isolated");
  EXPECT_EQ(Ask(kOld, kDb, 6379), "deny shop/web isolated / deny shop/db isolated");
  Compiler compiler;
  ASSERT_TRUE(compiler.Compile(input_).ok());
  input_.identities.back().newcomer = Newcomer::kNo;
  const auto compiled = compiler.Compile(input_);
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(Text(AskCompiled(**compiled, input_, {Party::Kind::kWorkload, twin, {}}, {Party::Kind::kWorkload, kDb, {}}, kProtoTcp, 6379)),
            "deny shop/web isolated / deny shop/db isolated");
}

}  // namespace
}  // namespace bulkhead
