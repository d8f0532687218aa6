// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/stager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/daemon/given_policies.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StagerTest : public testing::Test {
 protected:
  StagerTest() : host_(folder_.path()), store_(*Store::Open(":memory:")) {
    ChangerOptions options;
    options.folder = folder_.path();
    changer_ = std::make_unique<Changer>(options, &host_, store_.get());
    Make();
  }
  void Make() {
    stager_ = std::make_unique<Stager>(&host_, changer_.get(), store_.get(), [this] {
      published_.push_back(stager_->Candidate(host_.policies().documents));
      return published_.back() == nullptr ? absl::OkStatus() : publish_;
    });
  }
  std::vector<std::string> Names(const std::shared_ptr<const PolicyDocuments>& documents) {
    std::vector<std::string> out;
    for (const Policy& policy : documents->policies) out.push_back(PolicyRef(policy));
    return out;
  }
  bool Apply(const std::vector<PolicyText>& files) { return changer_->ApplyPolicy(*ParseGiven(files), {}, 900).ok(); }
  absl::StatusOr<ChangeResult> Stage(const std::string& text) { return stager_->Stage({{"given.yaml", text}}, 1000); }

  TestFolder folder_;
  FakeHost host_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Changer> changer_;
  std::unique_ptr<Stager> stager_;
  std::vector<std::shared_ptr<const PolicyDocuments>> published_;
  absl::Status publish_;
};

const std::string kStagedDb = PolicyYaml("shop", "db", "db", "batch");

TEST_F(StagerTest, CandidateHasStagedObjectsInPlaceOfTheirLike) {
  ASSERT_TRUE(Apply({{"a.yaml", PolicyYaml("shop", "db", "db", "web")}, {"b.yaml", PolicyYaml("shop", "web", "web", "lb")}}));
  EXPECT_EQ(stager_->Candidate(host_.policies().documents), nullptr);
  const auto result = Stage(kStagedDb);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->changes, ElementsAre("policy shop/db staged"));
  EXPECT_EQ(stager_->since(), 1000u);
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_THAT(Names(published_[0]), ElementsAre("shop/web", "shop/db"));
  EXPECT_EQ(published_[0]->policies[1].ingress[0].peers[0].pod_selector->match_labels.at("app"), "batch");
  EXPECT_EQ(stager_->Candidate(host_.policies().documents), published_[0]) << "the same object while nothing changes";
  EXPECT_THAT(Names(host_.policies().documents), ElementsAre("shop/db", "shop/web")) << "nothing is in force yet";
  // What is applied meanwhile is in the candidate as well.
  ASSERT_TRUE(Apply({{"c.yaml", PolicyYaml("shop", "mail", "mail", "web")}}));
  EXPECT_EQ(stager_->Candidate(host_.policies().documents)->policies.size(), 3u);
}

TEST_F(StagerTest, PromotePutsIntoForceAndDiscardDrops) {
  EXPECT_TRUE(absl::IsFailedPrecondition(stager_->Promote(1).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(stager_->Discard().status()));
  ASSERT_TRUE(Stage(kStagedDb).ok());
  const auto promoted = stager_->Promote(1200);
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_THAT(Names(host_.policies().documents), ElementsAre("shop/db"));
  EXPECT_EQ(stager_->since(), 0u);
  EXPECT_EQ(published_.back(), nullptr);
  ASSERT_TRUE(Stage(PolicyYaml("shop", "web", "web", "lb")).ok());
  EXPECT_THAT(stager_->Discard()->changes, ElementsAre("policy shop/web no longer staged"));
  EXPECT_EQ(published_.back(), nullptr);
  EXPECT_THAT(Names(host_.policies().documents), ElementsAre("shop/db"));
}

TEST_F(StagerTest, WhatCannotBeStagedLeavesTheOldStage) {
  ASSERT_TRUE(Stage(kStagedDb).ok());
  EXPECT_THAT(Stage("kind: NetworkPolicies\n").status().message(), HasSubstr("given.yaml:1:"));
  EXPECT_TRUE(absl::IsInvalidArgument(Stage("").status()));
  publish_ = absl::ResourceExhaustedError("policy needs 9 rows, the most is 8");
  const auto refused = Stage(PolicyYaml("shop", "web", "web", "lb"));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));
  EXPECT_THAT(refused.status().message(), HasSubstr("9 rows"));
  EXPECT_THAT(stager_->policies(), ElementsAre("shop/db"));
  EXPECT_THAT(Names(published_.back()), ElementsAre("shop/db"));
}

TEST_F(StagerTest, APromotionThatIsRefusedStaysStaged) {
  ASSERT_TRUE(Stage(kStagedDb).ok());
  host_.check = absl::ResourceExhaustedError("too much");
  EXPECT_TRUE(absl::IsResourceExhausted(stager_->Promote(1200).status()));
  EXPECT_THAT(stager_->policies(), ElementsAre("shop/db"));
  EXPECT_TRUE(host_.policies().documents->policies.empty());
}

TEST_F(StagerTest, ARestartStagesAgain) {
  ASSERT_TRUE(Stage(kStagedDb).ok());
  Make();
  EXPECT_EQ(stager_->since(), 1000u);
  EXPECT_THAT(stager_->policies(), ElementsAre("shop/db"));
  ASSERT_TRUE(stager_->Discard().ok());
  Make();
  EXPECT_EQ(stager_->since(), 0u);
}

TEST_F(StagerTest, ARecordThatCannotBeReadIsTold) {
  ASSERT_TRUE(store_->Set("staged_policy", "17\nnonsense").ok());
  Make();
  EXPECT_EQ(stager_->since(), 0u);
  EXPECT_THAT(stager_->problem(), HasSubstr("what was staged is lost"));
}

}  // namespace
}  // namespace bulkhead
