// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/promotion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/policy/parse.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// In learn; all of its services are ready at first.
class PromotionTest : public ::testing::Test {
 protected:
  PromotionTest() {
    Change([](View& view) { view.modes = Modes{Mode::kLearn, {}, {}}; });
  }

  template <class Changing>
  void Change(Changing changing) {
    const auto view = std::make_shared<View>(*service_.GetView());
    changing(*view);
    service_.SetView(view);
  }
  void Miss(const std::string& name, const std::string& what) {
    for (Readiness& row : service_.readiness) {
      if (row.service == name) row.missing = {what};
    }
  }
  absl::Status Set(const std::string& ns, const std::string& name, std::optional<Mode> mode) {
    return CheckPromotion(&service_, ns, name, mode);
  }
  absl::Status Apply(const std::string& app, Mode mode) {
    const bulkhead::PolicyFile file = ParsePolicies(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop}, "
        "spec: {podSelector: {matchLabels: {app: " +
            app + "}}}}",
        "a.yaml");
    EXPECT_TRUE(file.errors.empty());
    return CheckPromotion(&service_, file.documents.policies, mode);
  }

  bulkhead::testing::FakeService service_;
};

TEST_F(PromotionTest, WhatIsReadyMayGo) {
  EXPECT_TRUE(Set("shop", "db", Mode::kEnforce).ok());
  EXPECT_TRUE(Set("shop", "", Mode::kEnforce).ok());
  EXPECT_TRUE(Set("", "", Mode::kEnforce).ok());
  EXPECT_TRUE(Apply("db", Mode::kEnforce).ok());
}

TEST_F(PromotionTest, WhatIsMissingIsSaidOfEachService) {
  Miss("db", "3 of 24 workload-hours observed");
  for (const absl::Status& status : {Set("shop", "db", Mode::kAudit), Set("shop", "db", Mode::kEnforce),
                                     Set("shop", "", Mode::kAudit), Set("", "", Mode::kAudit), Apply("db", Mode::kEnforce)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("shop/db"), HasSubstr("3 of 24 workload-hours observed"), Not(HasSubstr("shop/web"))));
  }
  EXPECT_TRUE(Set("shop", "web", Mode::kEnforce).ok()) << "another";
  EXPECT_TRUE(Apply("web", Mode::kEnforce).ok());
  EXPECT_TRUE(Set("shop", "db", Mode::kLearn).ok());
  EXPECT_TRUE(Set("shop", "db", std::nullopt).ok());
}

TEST_F(PromotionTest, OnlyWhatRises) {
  Miss("db", "quiet for 1 of 6 hours");
  Change([](View& view) { view.modes.services[{"shop", "db"}] = Mode::kEnforce; });
  EXPECT_TRUE(Set("shop", "", Mode::kEnforce).ok());
  EXPECT_TRUE(Set("shop", "db", Mode::kAudit).ok());
  EXPECT_TRUE(Apply("db", Mode::kEnforce).ok());
  Change([](View& view) { view.modes = Modes{Mode::kEnforce, {}, {{{"shop", "db"}, Mode::kLearn}}}; });
  EXPECT_FALSE(Set("shop", "db", std::nullopt).ok()) << "it would have the global mode";
}

TEST_F(PromotionTest, AnImageThatWasNeverSeenIsNotReady) {
  Change([](View& view) {
    for (auto& [key, workload] : view.workloads) {
      if (workload.service == "db") workload.image_digest = "sha256:feedfeedfeedfeed";
    }
  });
  EXPECT_THAT(std::string(Set("shop", "db", Mode::kEnforce).message()),
              HasSubstr("(image feedfeedfeed): nothing of this image was observed"));
  EXPECT_FALSE(Apply("db", Mode::kEnforce).ok());
}

TEST_F(PromotionTest, NobodyYet) {
  EXPECT_THAT(std::string(Set("shop", "mail", Mode::kEnforce).message()), HasSubstr("shop/mail: nothing of it was observed"));
  service_.readiness.clear();
  EXPECT_THAT(std::string(Apply("web", Mode::kEnforce).message()), HasSubstr("shop/web: nothing of it was observed"));
}

TEST_F(PromotionTest, WhatNoHookSeesIsNotWaitedFor) {
  Miss("db", "1 edge waits for review");
  Change([](View& view) {
    for (auto& [key, workload] : view.workloads) workload.host_network = true;
  });
  EXPECT_TRUE(Set("shop", "", Mode::kEnforce).ok());
  EXPECT_TRUE(Apply("db", Mode::kEnforce).ok());
}

}  // namespace
}  // namespace bulkhead::api
