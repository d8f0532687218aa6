// SPDX-License-Identifier: Apache-2.0
// The whole control plane over a dataplane that only remembers. It reads the interfaces of the namespace that the test runs in and
// changes none of them.
#include "controlplane/daemon/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "controlplane/daemon/service.h"
#include "controlplane/daemon/this_node.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Hands over what the test gives it.
class GivenSource : public Source {
 public:
  explicit GivenSource(SourceSink* sink) : sink_(sink) {}
  std::string Name() const override { return "given"; }
  void Start(SourceSink sink) override { *sink_ = std::move(sink); }

 private:
  SourceSink* sink_;
};

class ControlTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = *Store::Open(":memory:");
    Make();
  }
  void Make() {
    found_ = false;
    loop_ = *EventLoop::Create();
    learner_ = *Learner::Open(":memory:");
    edges_ = std::make_unique<EdgeDrain>(&backend_, learner_.get(), &clock_);
    observer_ = std::make_unique<Observer>(&backend_, learner_.get(), edges_.get());
    ControlParts parts;
    parts.config.policy_dir = folder_.path();
    parts.config.node_labels = {{"rack", "a1"}};
    parts.config.default_allow = false;
    parts.config.on_unmanaged = OnUnmanaged::kPass;  // there are no tables here
    parts.loop = loop_.get();
    parts.backend = &backend_;
    parts.uplinks = &uplinks_;
    parts.writer = &writer_;
    parts.clock = &clock_;
    parts.store = store_.get();
    parts.observer = observer_.get();
    parts.adopted = adopted_;
    parts.lasting_problems = lasting_problems_;
    parts.find_sources = [this] {
      std::vector<std::unique_ptr<Source>> sources;
      if (!found_) sources.push_back(std::make_unique<GivenSource>(&sink_));
      found_ = true;
      return sources;
    };
    auto control = Control::Create(std::move(parts));
    ASSERT_TRUE(control.ok()) << control.status();
    control_ = *std::move(control);
    service_ = std::make_unique<Service>(control_.get(), loop_.get(), &backend_, &uplinks_, learner_.get(), edges_.get(), &clock_);
  }
  void Run() {
    ASSERT_TRUE(control_->Start().ok());
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void End() {
    loop_->Stop();
    if (thread_.joinable()) thread_.join();
    service_.reset();
    control_.reset();
  }
  void TearDown() override { End(); }
  template <class Predicate>
  bool Wait(Predicate predicate) {
    for (int i = 0; i < 1000; ++i) {
      if (predicate(*service_->GetView())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  void Tell(SourceEvent::Kind kind, WorkloadReport report = {}) {
    SourceEvent event;
    event.kind = kind;
    event.source = "given";
    event.report = std::move(report);
    sink_(std::move(event));
  }

  TestFolder folder_;
  FakeBackend backend_;
  FakeUplinks uplinks_;
  KernelWriter writer_{[](const char* op, uint64_t) { return absl::InternalError(std::string(op) + ": no writes in this test"); }};
  RealClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<EdgeDrain> edges_;
  std::unique_ptr<Observer> observer_;
  std::vector<EndpointState> adopted_;
  std::vector<std::string> lasting_problems_;
  bool found_ = false;
  SourceSink sink_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<Service> service_;
  std::thread thread_;
};

TEST_F(ControlTest, FolderIsEnforcedFromTheStartAndFollowed) {
  folder_.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  Run();
  EXPECT_EQ(service_->GetView()->generation, 1u);
  EXPECT_EQ(service_->GetView()->documents->policies.size(), 1u);
  folder_.Write("web.yaml", PolicyYaml("shop", "web", "web", "lb"));
  EXPECT_TRUE(Wait([](const View& view) { return view.documents->policies.size() == 2; }));
  const uint64_t generation = service_->GetView()->generation;
  folder_.Write("web.yaml", "kind: NetworkPolicy\nspec: {podSelecter: {}}\n");
  ASSERT_TRUE(Wait([](const View& view) { return !view.problems.empty(); }));
  const auto view = service_->GetView();
  EXPECT_THAT(view->problems, Contains(HasSubstr("nothing changed, generation " + std::to_string(generation) + " stays")));
  EXPECT_EQ(view->documents->policies.size(), 2u);
}

TEST_F(ControlTest, WhyNothingIsLearnedIsSaid) {
  End();
  lasting_problems_ = {"learning: nothing is recorded: learn has version 9"};
  Make();
  Run();
  EXPECT_THAT(service_->GetView()->problems, Contains(lasting_problems_[0]));
  Service without(control_.get(), loop_.get(), &backend_, &uplinks_, nullptr, edges_.get(), &clock_);
  for (const absl::Status& status : {without.ReadReadiness("").status(), without.ReadReview("").status(), without.Propose("").status(),
                                     without.ReplayPolicy({}, 0).status(), without.DecideEdge("a", true, "ada")}) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("see the problems in `bulkhead status`"));
  }
}

TEST_F(ControlTest, ReadersSeeWhatPolicyIsJudgedBy) {
  Run();
  const auto view = service_->GetView();
  EXPECT_FALSE(view->policy_options.default_allow);
  EXPECT_TRUE(view->policy_options.allow_from_host);
  ASSERT_EQ(view->nodes.size(), 1u);
  EXPECT_EQ(view->nodes[0].labels.at("rack"), "a1");
  EXPECT_EQ(view->nodes[0].addresses, ThisNode({}, backend_.host_addresses).addresses);
}

TEST_F(ControlTest, RestartWithABrokenFileOpensNothing) {
  folder_.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  folder_.Write("modes.yaml", "global: enforce\n");
  Run();
  const uint64_t generation = service_->GetView()->generation;
  End();
  folder_.Write("db.yaml", "broken: [");
  folder_.Write("modes.yaml", "broken: [");
  Make();
  Run();
  const auto view = service_->GetView();
  EXPECT_EQ(view->generation, generation + 1);
  EXPECT_EQ(view->documents->policies.size(), 1u);
  EXPECT_EQ(view->modes.global, Mode::kEnforce);
  EXPECT_EQ(view->problems.size(), 2u);
}

TEST_F(ControlTest, AFolderThatIsGoneOrSwappedForAnEmptyOneChangesNothing) {
  folder_.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  Run();
  const auto policies = [](size_t count) { return [count](const View& view) { return view.documents->policies.size() == count; }; };
  const auto told = [](const char* text) {
    return [text](const View& view) { return testing::Matches(Contains(HasSubstr(text)))(view.problems); };
  };
  const std::string away = folder_.path() + "-away";
  std::filesystem::rename(folder_.path(), away);
  EXPECT_TRUE(Wait(told("what was read last stays in force")));
  std::filesystem::create_directory(folder_.path());
  EXPECT_TRUE(Wait(told("is empty, and another folder")));
  EXPECT_TRUE(policies(1)(*service_->GetView()));
  End();
  Make();  // a new daemon remembers both
  Run();
  EXPECT_TRUE(Wait(told("is empty, and another folder")));
  EXPECT_TRUE(policies(1)(*service_->GetView()));
  std::filesystem::remove(folder_.path());
  std::filesystem::rename(away, folder_.path());
  EXPECT_TRUE(Wait([](const View& view) { return view.problems.empty(); }));
  std::filesystem::remove(folder_.path() + "/db.yaml");  // the folder itself is emptied: that is said on purpose
  EXPECT_TRUE(Wait(policies(0)));
}

TEST_F(ControlTest, AFolderThatIsGoneIsNotMadeAnewByTheNextDaemon) {
  folder_.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  Run();
  End();
  std::filesystem::remove_all(folder_.path());
  Make();
  Run();
  EXPECT_FALSE(std::filesystem::exists(folder_.path()));
  EXPECT_EQ(service_->GetView()->documents->policies.size(), 1u);
  End();
  store_ = *Store::Open(":memory:");
  Make();
  EXPECT_TRUE(std::filesystem::exists(folder_.path())) << "where nothing is remembered, it is";
}

TEST_F(ControlTest, ForgottenNumbersThatTheKernelHasAreNotGivenToOthers) {
  EdgeRecord edge;
  edge.source_identity = 900;
  backend_.edges = {edge};
  adopted_ = {EndpointState{}};
  adopted_[0].slot = 1;
  adopted_[0].ifindex = 77'777;
  adopted_[0].bound = true;
  adopted_[0].workload = 1;
  adopted_[0].identity = 500;
  End();
  Make();
  Run();
  EXPECT_TRUE(backend_.policies.empty()) << "it would not know who 500 is: first the sources are heard";
  WorkloadReport report;
  report.id = report.name = "web";
  report.runtime = "given";
  report.phase = WorkloadPhase::kRunning;
  Tell(SourceEvent::Kind::kSyncBegin);
  Tell(SourceEvent::Kind::kUpsert, report);
  Tell(SourceEvent::Kind::kSyncEnd);
  ASSERT_TRUE(Wait([](const View& view) { return view.documents != nullptr && !view.workloads.empty(); }));
  EXPECT_EQ(service_->GetView()->workloads.begin()->second.identity, 901u);
}

TEST_F(ControlTest, WorkloadsAppearWithTheirServiceAndIdentity) {
  Run();
  Tell(SourceEvent::Kind::kSyncBegin);
  WorkloadReport report;
  report.id = report.name = "c1";
  report.runtime = "given";
  report.ns = "shop";
  report.labels = {{"app", "db"}};
  report.phase = WorkloadPhase::kRunning;
  report.netns_path = "/nonexistent/ns";
  Tell(SourceEvent::Kind::kUpsert, report);
  Tell(SourceEvent::Kind::kSyncEnd);
  ASSERT_TRUE(Wait([](const View& view) { return view.workloads.contains("given/c1") && view.sources.at(0).state == "synced"; }));
  const auto view = service_->GetView();
  const Workload& workload = view->workloads.at("given/c1");
  EXPECT_EQ(workload.service, "db");
  EXPECT_EQ(view->identities.at(workload.identity).ns, "shop");
  EXPECT_TRUE(view->namespaces.contains("shop"));
  ASSERT_TRUE(Wait([](const View& later) { return !later.workloads.at("given/c1").unprotected.empty(); }));
  EXPECT_EQ(store_->LoadIdentities()->size(), 1u);
}

TEST_F(ControlTest, ChangesAreSeenByTheNextReader) {
  Run();
  const auto applied = service_->ApplyPolicy({{"f.yaml", PolicyYaml("shop", "db", "db", "api")}}, {});
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(service_->GetView()->generation, applied->generation);
  EXPECT_EQ(service_->GetView()->documents->policies.size(), 1u);
  const auto mode = service_->SetMode("shop", "db", Mode::kEnforce, 60);
  ASSERT_TRUE(mode.ok()) << mode.status();
  EXPECT_EQ(service_->GetView()->modes.Of("shop", "db"), Mode::kEnforce);
  EXPECT_THAT(service_->GetView()->pending_confirm, HasSubstr("mode of shop/db"));
  ASSERT_TRUE(service_->Confirm().ok());
  EXPECT_EQ(service_->GetView()->pending_confirm, "");
  ASSERT_TRUE(service_->DeletePolicy("shop/db").ok());
  EXPECT_TRUE(service_->GetView()->documents->policies.empty());
  EXPECT_EQ(service_->GetView()->generation, backend_.policies.back()->generation);
}

TEST_F(ControlTest, RefusedPolicyChangesNothing) {
  Run();
  backend_.policy_status = absl::ResourceExhaustedError("70000 classes, 65535 at most");
  const auto applied = service_->ApplyPolicy({{"f.yaml", PolicyYaml("shop", "db", "db", "api")}}, {});
  EXPECT_THAT(applied.status().message(), HasSubstr("70000 classes"));
  EXPECT_EQ(folder_.Files(), 0u);
  EXPECT_EQ(service_->GetView()->generation, 1u);
}

TEST_F(ControlTest, CallersAreAnsweredWhenTheDaemonEnds) {
  Run();
  loop_->Stop();
  thread_.join();
  EXPECT_TRUE(absl::IsUnavailable(service_->Confirm().status()));
}

}  // namespace
}  // namespace bulkhead
