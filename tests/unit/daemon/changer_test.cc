// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/changer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes.h"

namespace bulkhead {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class ChangerTest : public testing::Test {
 protected:
  ChangerTest() : host_(folder_.path()), store_(*Store::Open(":memory:")) {
    for (const char* app : {"db", "web"}) {
      Workload workload;
      workload.ns = "shop";
      workload.service = app;
      workload.labels = {{"app", app}};
      host_.workloads_[std::string("docker/") + app] = workload;
    }
    Make();
  }
  void Make() {
    ChangerOptions options;
    options.folder = folder_.path();
    changer_ = std::make_unique<Changer>(options, &host_, store_.get());
  }
  absl::StatusOr<ChangeResult> Apply(const std::string& text, ApplyOptions options = {}, uint64_t now = 1000) {
    return Apply(std::vector<PolicyText>{{"given.yaml", text}}, options, now);
  }
  absl::StatusOr<ChangeResult> Apply(const std::vector<PolicyText>& files, ApplyOptions options = {}, uint64_t now = 1000) {
    const absl::StatusOr<std::vector<GivenPolicy>> given = ParseGiven(files);
    if (!given.ok()) return given.status();
    return changer_->ApplyPolicy(*given, options, now);
  }

  TestFolder folder_;
  FakeHost host_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Changer> changer_;
};

const std::string kDb = PolicyYaml("shop", "db", "db", "api");
constexpr char kDbFile[] = "shop.networkpolicy.db.yaml";

TEST_F(ChangerTest, ApplyWritesAManagedFileAndSaysWhatIsNotEnforced) {
  const auto result = Apply("# why\n" + kDb);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->changes, ElementsAre("policy shop/db created"));
  EXPECT_THAT(result->notes, ElementsAre(HasSubstr("shop/db is in learn")));
  EXPECT_EQ(result->generation, host_.generation());
  EXPECT_EQ(folder_.Read(kDbFile), std::string(kManagedLine) + "\n# why\n" + kDb) << "as it was written, comments included";
  EXPECT_THAT(Apply("# why\n" + kDb)->changes, ElementsAre("policy shop/db unchanged"));
  EXPECT_THAT(Apply(kDb)->changes, ElementsAre("policy shop/db changed"));
}

TEST_F(ChangerTest, SeveralObjectsGoIntoFilesOfTheirOwn) {
  const auto result = Apply(kDb + "---\n" + PolicyYaml("shop", "web", "web", "lb") + "---\n" + PolicyYaml("other", "db", "db", "x"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(folder_.Files(), 3u);
  EXPECT_EQ(host_.policies().documents->policies.size(), 3u);
  EXPECT_THAT(folder_.Read("other.networkpolicy.db.yaml"), HasSubstr("namespace: other"));
}

TEST_F(ChangerTest, ListIsTakenApart) {
  const auto result = Apply(R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": {"podSelector": {}}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "b"}, "spec": {"podSelector": {}}}]})");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(folder_.Has("default.networkpolicy.a.yaml") && folder_.Has("default.networkpolicy.b.yaml"));
  EXPECT_EQ(host_.policies().documents->policies.size(), 2u);
}

TEST_F(ChangerTest, OneMistakeAndNothingIsWritten) {
  const auto result = Apply(kDb + "---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: x}\nspec: {podSelecter: {}}\n");
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_THAT(result.status().message(), testing::AllOf(HasSubstr("given.yaml:"), HasSubstr("did you mean podSelector?")));
  EXPECT_EQ(folder_.Files(), 0u);
  EXPECT_TRUE(absl::IsInvalidArgument(Apply("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Apply(kDb + "---\n" + kDb).status())) << "two of one name";
}

TEST_F(ChangerTest, OneBadFileAmongSeveralAndNothingIsWritten) {
  const std::vector<PolicyText> files = {{"db.yaml", kDb}, {"web.yaml", PolicyYaml("shop", "web", "web", "lb")}, {"bad.yaml", "kind: ["}};
  const auto result = Apply(files);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_THAT(result.status().message(), HasSubstr("bad.yaml:1:"));
  EXPECT_EQ(folder_.Files(), 0u);
  EXPECT_EQ(host_.generation(), 1u);
  ASSERT_TRUE(Apply({files[0], files[1]}).ok());
  EXPECT_EQ(folder_.Files(), 2u);
}

// The second file cannot be written: the first one is put back, and what is enforced never changed.
TEST_F(ChangerTest, ANamespacesModeTakesItsServicesAlong) {
  ASSERT_TRUE(changer_->SetMode("shop", "web", Mode::kAudit, 0, 1000).ok());
  ASSERT_TRUE(changer_->SetMode("lab", "web", Mode::kAudit, 0, 1000).ok());
  const auto result = changer_->SetMode("shop", "", Mode::kEnforce, 60, 1000);
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->changes, Contains(HasSubstr("shop/web")));
  EXPECT_EQ(host_.policies().modes.services, (std::map<ServiceName, Mode>{{{"lab", "web"}, Mode::kAudit}}));
  changer_->Tick(1060);
  EXPECT_EQ(host_.policies().modes.services.at({"shop", "web"}), Mode::kAudit) << "taken back, since nobody confirmed";
  ASSERT_TRUE(changer_->SetMode("shop", "", std::nullopt, 0, 2000).ok());
  EXPECT_TRUE(host_.policies().modes.services.contains({"shop", "web"})) << "inherit is about the namespace's own";
}

TEST_F(ChangerTest, FailureInTheSecondFileTakesBackTheFirst) {
  ASSERT_TRUE(Apply(kDb).ok());
  const uint64_t before = host_.generation();
  std::filesystem::create_directories(folder_.path() + "/shop.networkpolicy.web.yaml/in-the-way");
  const auto result = Apply("# another\n" + kDb + "---\n" + PolicyYaml("shop", "web", "web", "lb"));
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(result.status().message(), HasSubstr("nothing changed"));
  EXPECT_THAT(folder_.Read(kDbFile), testing::Not(HasSubstr("# another")));
  EXPECT_EQ(host_.generation(), before);
  EXPECT_EQ(host_.policies().documents->policies.size(), 1u);
}

constexpr char kGuard[] =
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: guard}\n"
    "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}]}\n";

TEST_F(ChangerTest, KindsWithoutNamespaceHaveFilesOfTheirOwn) {
  const std::string others =
      "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: guard}\n"
      "spec: {priority: 1, subject: {namespaces: {}}}\n"
      "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\n"
      "spec: {subject: {namespaces: {}}}\n";
  const auto result = Apply(kGuard + others);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->changes, ElementsAre("policy cnp:guard created", "policy anp:guard created", "policy banp:default created"));
  for (const char* file : {"cnp.guard.yaml", "anp.guard.yaml", "banp.default.yaml"}) EXPECT_TRUE(folder_.Has(file)) << file;
  EXPECT_EQ(host_.policies().documents->policies.size(), 3u);
  EXPECT_TRUE(absl::IsNotFound(changer_->DeletePolicy("banp:guard").status()));
  ASSERT_TRUE(changer_->DeletePolicy("anp:guard").ok());
  EXPECT_FALSE(folder_.Has("anp.guard.yaml"));
  EXPECT_TRUE(folder_.Has("cnp.guard.yaml"));
}

// NetworkPolicy a of namespace cnp and ClusterNetworkPolicy networkpolicy.a have one name for their files.
TEST_F(ChangerTest, NoObjectTakesTheFileOfAnother) {
  ASSERT_TRUE(Apply(PolicyYaml("cnp", "a", "db", "api")).ok());
  std::string other = kGuard;
  other.replace(other.find("name: guard"), 11, "name: networkpolicy.a");
  const auto result = Apply(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(result.status()));
  EXPECT_THAT(result.status().message(), HasSubstr("cnp.networkpolicy.a.yaml, which holds cnp/a"));
  EXPECT_EQ(host_.policies().documents->policies.size(), 1u);
}

TEST_F(ChangerTest, PolicyInAuditIsTold) {
  std::string audit = kDb;
  audit.replace(audit.find("namespace: shop"), 15, "namespace: shop, annotations: {bulkhead.dev/mode: audit}");
  ApplyOptions options;
  options.mode = Mode::kEnforce;
  const auto result = Apply(audit, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->notes, ElementsAre("policy shop/db is in audit: what it denies passes, and is reported as would-deny"));
  EXPECT_THAT(changer_->SetMode("shop", "db", Mode::kEnforce, 0, 1000)->notes,
              ElementsAre("shop/db: no policy isolates its ingress and egress, which stays open"));
}

TEST_F(ChangerTest, WhatDoesNotCompileIsNotWritten) {
  host_.check = absl::ResourceExhaustedError("70000 classes, 65535 at most");
  const auto result = Apply(kDb);
  EXPECT_THAT(result.status().message(), testing::AllOf(HasSubstr("70000 classes"), HasSubstr("nothing changed")));
  EXPECT_EQ(folder_.Files(), 0u);
}

TEST_F(ChangerTest, WhatTheDataplaneRefusesIsTakenBack) {
  host_.reload = absl::InternalError("no");
  EXPECT_FALSE(Apply(kDb).ok());
  EXPECT_EQ(folder_.Files(), 0u);
}

TEST_F(ChangerTest, FilesWrittenByHandAreLeftAlone) {
  folder_.Write("mine.yaml", kDb);
  folder_.Write("shop.networkpolicy.web.yaml", "# mine\n");
  ASSERT_TRUE(host_.Reload().ok());
  const auto apply = Apply(kDb);
  EXPECT_TRUE(absl::IsFailedPrecondition(apply.status()));
  EXPECT_THAT(apply.status().message(), HasSubstr("stands in mine.yaml, which `policy apply` did not write"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Apply(PolicyYaml("shop", "web", "web", "lb")).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(changer_->DeletePolicy("shop/db").status()));
  EXPECT_TRUE(absl::IsNotFound(changer_->DeletePolicy("shop/nope").status()));
  EXPECT_EQ(folder_.Read("mine.yaml"), kDb);
}

TEST_F(ChangerTest, DeleteRemovesWhatApplyWrote) {
  ASSERT_TRUE(Apply(kDb).ok());
  const auto result = changer_->DeletePolicy("shop/db");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(folder_.Files(), 0u);
  EXPECT_TRUE(host_.policies().documents->policies.empty());
}

TEST_F(ChangerTest, DryRunWritesNothing) {
  ApplyOptions options;
  options.dry_run = true;
  options.mode = Mode::kEnforce;
  const auto result = Apply(kDb, options);
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->changes, ElementsAre("policy shop/db created", "mode of shop/db: inherited -> enforce"));
  EXPECT_EQ(folder_.Files(), 0u);
}

TEST_F(ChangerTest, ApplyWithModeSetsItOnTheSelectedServices) {
  ApplyOptions options;
  options.mode = Mode::kEnforce;
  const auto result = Apply(kDb, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(host_.policies().modes.services, (std::map<ServiceName, Mode>{{{"shop", "db"}, Mode::kEnforce}}));
  EXPECT_TRUE(result->notes.empty()) << result->notes[0];
}

TEST_F(ChangerTest, SetModeSaysWhatStaysOpen) {
  ASSERT_TRUE(Apply(kDb).ok());
  const auto result = changer_->SetMode("shop", "", Mode::kEnforce, 0, 1000);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->changes, ElementsAre("mode of namespace shop: inherited -> enforce"));
  EXPECT_THAT(result->notes, ElementsAre("shop/db: no policy isolates its egress, which stays open",
                                         "shop/web: no policy isolates its ingress and egress, which stays open"));
  EXPECT_EQ(host_.policies().modes.namespaces.at("shop"), Mode::kEnforce);
  ASSERT_TRUE(changer_->SetMode("shop", "", std::nullopt, 0, 1000).ok());
  EXPECT_TRUE(host_.policies().modes.namespaces.empty());
  EXPECT_THAT(changer_->SetMode("shop", "later", Mode::kEnforce, 0, 1000)->notes, Contains(HasSubstr("has no workload now")));
}

TEST_F(ChangerTest, BadModeRequests) {
  EXPECT_TRUE(absl::IsInvalidArgument(changer_->SetMode("", "db", Mode::kAudit, 0, 1000).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(changer_->SetMode("a/b", "db", Mode::kAudit, 0, 1000).status()));
  folder_.Write("modes.yaml", "nope: 1\n");
  ASSERT_TRUE(host_.Reload().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(changer_->SetMode("shop", "", Mode::kAudit, 0, 1000).status()));
  EXPECT_EQ(folder_.Read("modes.yaml"), "nope: 1\n");
}

TEST_F(ChangerTest, UnconfirmedChangeIsTakenBack) {
  ASSERT_TRUE(changer_->SetMode("shop", "web", Mode::kAudit, 0, 1000).ok());
  ApplyOptions options;
  options.mode = Mode::kEnforce;
  options.confirm_seconds = 60;
  ASSERT_TRUE(Apply(kDb, options, 1000).ok());
  EXPECT_THAT(changer_->pending(), testing::AllOf(HasSubstr("policy shop/db created"), HasSubstr("1970-01-01 00:17:40 UTC")));
  EXPECT_TRUE(absl::IsFailedPrecondition(changer_->SetMode("shop", "", Mode::kLearn, 0, 1001).status())) << "one at a time";
  changer_->Tick(1059);
  EXPECT_TRUE(folder_.Has(kDbFile));
  changer_->Tick(1060);
  EXPECT_FALSE(folder_.Has(kDbFile));
  EXPECT_EQ(host_.policies().modes.services, (std::map<ServiceName, Mode>{{{"shop", "web"}, Mode::kAudit}}));
  EXPECT_EQ(changer_->pending(), "");
}

TEST_F(ChangerTest, ConfirmedChangeStays) {
  ApplyOptions options;
  options.confirm_seconds = 60;
  ASSERT_TRUE(Apply(kDb, options, 1000).ok());
  const auto confirmed = changer_->Confirm();
  ASSERT_TRUE(confirmed.ok());
  EXPECT_THAT(confirmed->changes, ElementsAre(HasSubstr("policy shop/db created")));
  changer_->Tick(5000);
  EXPECT_TRUE(folder_.Has(kDbFile));
  EXPECT_TRUE(absl::IsFailedPrecondition(changer_->Confirm().status()));
}

TEST_F(ChangerTest, RestartForgetsNoPendingChange) {
  ASSERT_TRUE(changer_->SetMode("shop", "", Mode::kEnforce, 60, 1000).ok());
  Make();
  EXPECT_THAT(changer_->pending(), HasSubstr("namespace shop"));
  changer_->Tick(2000);
  EXPECT_TRUE(host_.policies().modes.namespaces.empty());
}

TEST_F(ChangerTest, DamagedPendingChangeIsReported) {
  ASSERT_TRUE(store_->Set("pending_change", "1000 what\n5:a").ok());
  Make();
  EXPECT_EQ(changer_->pending(), "");
  EXPECT_THAT(changer_->problem(), HasSubstr("stays for good"));
}

}  // namespace
}  // namespace bulkhead
