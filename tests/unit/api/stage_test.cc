// SPDX-License-Identifier: Apache-2.0
// What a candidate would change, as the API tells it.
#include <filesystem>

#include "bulkhead/api/change.h"
#include "bulkhead/api/paths.h"
#include "bulkhead/api/stage.h"
#include "controlplane/api/client.h"
#include "controlplane/api/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/places/temporary_folder.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.socket_path = (folder_.path() / "api.sock").string();
    auto server = ApiServer::Start(options_, &service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  ApiClient Client() { return ApiClient(options_.socket_path); }

  // The candidate's rules have ids of their own: 1 is another rule than the policy in force has under it.
  void StageDb() {
    auto view = std::make_shared<View>(*service_.GetView());
    view->staged = StagedView{1000, {"shop/db"}, {}};
    RuleInfo rule;
    rule.key = "default";
    view->staged->rules[1] = rule;
    rule.key = "shop/db ingress isolated";
    rule.tier = Tier::kNetworkPolicy;
    rule.action = RuleAction::kDeny;
    rule.policy_ns = "shop";
    rule.policy = "db";
    rule.pos = {"candidate.yaml", 7, 3};
    view->staged->rules[2] = rule;
    service_.SetView(view);
  }
  StagedEdgeRecord Edge(IdentityId source, Verdict now, Verdict staged, uint64_t flows) {
    StagedEdgeRecord record;
    record.edge.source_identity = source;
    record.edge.destination_identity = db_;
    record.edge.protocol = kProtoTcp;
    record.edge.port = 5432;
    record.edge.verdict = now;
    record.edge.flows = flows;
    record.staged = staged;
    record.source_rule = 1;
    record.destination_rule = 2;
    return record;
  }
  IdentityId IdentityOf(const std::string& service) {
    for (const auto& [id, identity] : service_.GetView()->identities) {
      if (identity.service == service) return id;
    }
    return kIdentityUnknown;
  }

  TemporaryFolder folder_;
  ApiServerOptions options_;
  testing::FakeService service_;
  std::unique_ptr<ApiServer> server_;
  IdentityId db_ = IdentityOf("db");
};

TEST_F(StageTest, NothingStaged) {
  const auto status = Client().Get<StageStatus>(kStagePath);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->since_unix, 0u);
  EXPECT_TRUE(status->changes.empty());
}

TEST_F(StageTest, ShowsOnlyWhatWouldChangeByTheCandidatesRules) {
  StageDb();
  const IdentityId web = IdentityOf("web"), api = IdentityOf("api");
  service_.staged_edges = {Edge(web, Verdict::kAllow, Verdict::kAllow, 40), Edge(api, Verdict::kAllow, Verdict::kDeny, 3),
                           Edge(api, Verdict::kAllow, Verdict::kDeny, 4)};
  const auto status = Client().Get<StageStatus>(kStagePath);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->since_unix, 1000u);
  EXPECT_THAT(status->policies, ElementsAre("shop/db"));
  EXPECT_EQ(status->same_flows, 40u);
  ASSERT_EQ(status->changes.size(), 1u);
  const StagedRow& row = status->changes[0];
  EXPECT_EQ(row.from + " " + row.to + " " + row.now + " " + row.staged, "shop/api shop/db allow deny");
  EXPECT_EQ(row.flows, 7u);
  EXPECT_THAT(row.rule, HasSubstr("isolated"));
  EXPECT_EQ(row.position, "candidate.yaml:7:3");
}

TEST_F(StageTest, HandsOnWhatIsAsked) {
  ApplyRequest request;
  EXPECT_TRUE(absl::IsInvalidArgument(Client().Send<Change>("POST", kStagePath, request).status()));
  request.files = {{"db.yaml", "x"}};
  request.dry_run = true;
  EXPECT_TRUE(absl::IsInvalidArgument(Client().Send<Change>("POST", kStagePath, request).status()));
  request.dry_run = false;
  EXPECT_TRUE(Client().Send<Change>("POST", kStagePath, request).ok());
  EXPECT_TRUE(Client().Call("POST", kPromotePath, {}, "").ok());
  EXPECT_TRUE(Client().Call("DELETE", kStagePath, {}, "").ok());
  EXPECT_THAT(service_.calls(), ElementsAre("stage 1", "promote", "discard"));
}

}  // namespace
}  // namespace bulkhead::api
