// SPDX-License-Identifier: Apache-2.0
// The Docker source against a real engine.
#include "controlplane/runtime/docker_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/docker/lab_engine.h"

namespace bulkhead {
namespace {

using std::chrono::system_clock;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// Containers of these tests stop without being asked twice.
constexpr char kRun[] = "run -d --stop-timeout 0 ";

// "2026-01-02T03:04:05.123456789Z"
system_clock::time_point ParseTime(const std::string& text) {
  tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  int64_t nanoseconds = 0;
  if (rest != nullptr && *rest == '.') {
    std::string digits = std::string(rest + 1).substr(0, std::string(rest + 1).find('Z'));
    digits.resize(9, '0');
    if (!absl::SimpleAtoi(digits, &nanoseconds)) ADD_FAILURE() << text;
  }
  return system_clock::from_time_t(timegm(&parts)) +
         std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(nanoseconds));
}

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n', absl::SkipEmpty()); }

bool KnowsWhere(const WorkloadReport& report) {
  return report.phase == WorkloadPhase::kConnecting && report.networks.size() == 1 && !report.networks[0].mac.IsZero() &&
         !report.networks[0].addresses.empty() && !report.networks[0].bridge.empty();
}

class DockerE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LabEngine::WhyNot(); !why.empty()) GTEST_SKIP() << why;
    engine_ = std::make_unique<LabEngine>();
    DockerOptions options;
    options.socket = engine_->socket();
    source_ = std::make_unique<DockerSource>(options);
    source_->Start([this](SourceEvent event) { Take(event); });
    ASSERT_TRUE(Eventually([&] { return syncs_ == 1; }));
  }
  void TearDown() override { source_.reset(); }

  void Take(const SourceEvent& event) {
    const std::lock_guard lock(mutex_);
    if (event.kind == SourceEvent::Kind::kUpsert) {
      reports_[event.report.id] = event.report;
      phases_[event.report.id].push_back(event.report.phase);
      if (KnowsWhere(event.report)) known_.try_emplace(event.report.id, system_clock::now());
      if (syncing_) named_.insert(event.report.id);
    } else if (event.kind == SourceEvent::Kind::kRemove) {
      reports_.erase(event.id);
    } else if (event.kind == SourceEvent::Kind::kSyncBegin) {
      syncing_ = true;
      named_.clear();
    } else if (event.kind == SourceEvent::Kind::kSyncEnd) {
      std::erase_if(reports_, [&](const auto& entry) { return !named_.contains(entry.first); });
      syncing_ = false;
      ++syncs_;
    } else if (event.kind == SourceEvent::Kind::kLost) {
      ++lost_;
    } else if (!event.text.empty()) {
      problems_.push_back(event.text);
    }
    changed_.notify_all();
  }

  AssertionResult Eventually(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, std::chrono::seconds(60), holds)) return AssertionSuccess();
    AssertionResult out = AssertionFailure() << "not within 60 s; known:";
    for (const auto& [id, report] : reports_)
      out << " " << report.name << "/" << static_cast<int>(report.phase) << "/" << report.pid;
    return out;
  }
  // Under mutex_, in Eventually.
  const WorkloadReport* Find(const std::string& name) const {
    for (const auto& [id, report] : reports_) {
      if (report.name == name) return &report;
    }
    return nullptr;
  }
  bool Is(const std::string& name, WorkloadPhase phase) const {
    const WorkloadReport* report = Find(name);
    return report != nullptr && report->phase == phase && (phase != WorkloadPhase::kRunning || report->pid > 0);
  }
  WorkloadReport Running(const std::string& name) {
    EXPECT_TRUE(Eventually([&] { return Is(name, WorkloadPhase::kRunning); })) << name;
    const std::lock_guard lock(mutex_);
    const WorkloadReport* report = Find(name);
    return report == nullptr ? WorkloadReport() : *report;
  }
  // What the reports say is what the engine says.
  AssertionResult Agrees() {
    for (const std::string& id : Lines(engine_->Docker("ps -aq --no-trunc"))) {
      const nlohmann::json truth = engine_->Inspect(id);
      const bool runs = truth["State"]["Running"];
      const std::lock_guard lock(mutex_);
      const auto at = reports_.find(id);
      if (at == reports_.end()) return AssertionFailure() << id << " is not known";
      if (at->second.pid != truth["State"]["Pid"]) return AssertionFailure() << id << " has another pid";
      const bool known_to_run = at->second.phase == WorkloadPhase::kRunning || at->second.phase == WorkloadPhase::kPaused;
      if (runs != known_to_run) return AssertionFailure() << id << " is known in phase " << static_cast<int>(at->second.phase);
      std::set<std::string> addresses;
      for (const auto& [name, network] : truth["NetworkSettings"]["Networks"].items()) {
        for (const char* key : {"IPAddress", "GlobalIPv6Address"}) {
          if (!network[key].get<std::string>().empty()) addresses.insert(network[key]);
        }
      }
      for (const NetworkAttachment& network : at->second.networks) {
        for (const IpAddress& address : network.addresses) {
          if (addresses.erase(address.ToString()) == 0) return AssertionFailure() << id << " has no address " << address.ToString();
        }
      }
      if (!addresses.empty()) return AssertionFailure() << id << " has an address " << *addresses.begin() << " that is not known";
    }
    return AssertionSuccess();
  }

  std::unique_ptr<LabEngine> engine_;
  std::unique_ptr<DockerSource> source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, WorkloadReport> reports_;
  std::map<std::string, std::vector<WorkloadPhase>> phases_;
  std::map<std::string, system_clock::time_point> known_;  // when a report first told where it will be
  std::set<std::string> named_;
  std::vector<std::string> problems_;
  bool syncing_ = false;
  int syncs_ = 0;
  int lost_ = 0;
};

TEST_F(DockerE2eTest, OneLife) {
  engine_->Docker("network create --ipv6 shop");
  const std::string id =
      engine_->Docker(absl::StrCat(kRun, "--name web --network shop --label app=web -p 127.0.0.1:8080:80 busybox"));
  const WorkloadReport web = Running("web");
  EXPECT_EQ(web.id, id);
  EXPECT_EQ(web.pid, engine_->Inspect("web")["State"]["Pid"]);
  EXPECT_THAT(web.labels, Contains(Pair("app", "web")));
  EXPECT_THAT(web.labels, Contains(Pair("org.example.image", "busybox")));
  EXPECT_THAT(web.image_labels, ElementsAre(Pair("org.example.image", "busybox")));
  EXPECT_EQ(web.image, "busybox");
  EXPECT_EQ(web.image_digest, engine_->Inspect("web")["Image"]);
  EXPECT_THAT(web.published, ElementsAre(PublishedPort{IpAddress::V4(127, 0, 0, 1), 8080, 80, kProtoTcp}));
  ASSERT_THAT(web.networks, SizeIs(1));
  EXPECT_THAT(web.networks[0].addresses, SizeIs(2));
  EXPECT_EQ(web.networks[0].bridge, "br-" + engine_->Docker("network inspect -f '{{.Id}}' shop").substr(0, 12));
  EXPECT_TRUE(Agrees());

  engine_->Docker("pause web");
  EXPECT_TRUE(Eventually([&] { return Is("web", WorkloadPhase::kPaused); }));
  engine_->Docker("unpause web");
  EXPECT_TRUE(Eventually([&] { return Is("web", WorkloadPhase::kRunning); }));
  engine_->Docker("rename web front");
  EXPECT_TRUE(Eventually([&] { return Is("front", WorkloadPhase::kRunning); }));
  engine_->Docker("restart front");
  EXPECT_TRUE(Eventually([&] { return Is("front", WorkloadPhase::kRunning) && Find("front")->pid != web.pid; }));
  EXPECT_TRUE(Agrees());
  engine_->Docker("stop front");
  EXPECT_TRUE(Eventually([&] { return Is("front", WorkloadPhase::kStopped); }));
  EXPECT_TRUE(Agrees());
  engine_->Docker("rm front");
  EXPECT_TRUE(Eventually([&] { return reports_.empty(); }));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(phases_[id], Contains(WorkloadPhase::kConnecting).Times(testing::Ge(2)));
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(lost_, 0);
}

TEST_F(DockerE2eTest, NetworksAtRunTime) {
  engine_->Docker("network create shop");
  engine_->Docker("network create -o com.docker.network.bridge.name=back0 back");
  engine_->Docker(absl::StrCat(kRun, "--name api --network shop busybox"));
  engine_->Docker(absl::StrCat(kRun, "--name db busybox"));
  EXPECT_EQ(Running("db").networks[0].bridge, "docker0");
  EXPECT_THAT(Running("db").networks[0].addresses, SizeIs(2));
  Running("api");
  engine_->Docker("network connect back api");
  ASSERT_TRUE(Eventually([&] { return Find("api")->networks.size() == 2; }));
  EXPECT_TRUE(Agrees());
  engine_->Docker("network disconnect shop api");
  ASSERT_TRUE(Eventually([&] { return Find("api")->networks.size() == 1; }));
  EXPECT_EQ(Running("api").networks[0].bridge, "back0");
  EXPECT_TRUE(Agrees());
  engine_->Docker("create --stop-timeout 0 --name two --network shop busybox");
  engine_->Docker("network connect back two");
  engine_->Docker("start two");
  EXPECT_THAT(Running("two").networks, SizeIs(2));
  EXPECT_TRUE(Agrees());
}

TEST_F(DockerE2eTest, NoNetworkOfItsOwn) {
  engine_->Docker(absl::StrCat(kRun, "--name owner busybox"));
  engine_->Docker(absl::StrCat(kRun, "--name side --network container:owner busybox"));
  engine_->Docker(absl::StrCat(kRun, "--name host --network host busybox"));
  engine_->Docker(absl::StrCat(kRun, "--name none --network none busybox"));
  EXPECT_EQ(Running("side").shares_with, Running("owner").id);
  EXPECT_TRUE(Running("host").host_network);
  EXPECT_THAT(Running("none").networks, IsEmpty());
  EXPECT_FALSE(Running("none").host_network);
  EXPECT_EQ(Running("owner").unprotected, "");
}

TEST_F(DockerE2eTest, WhatCannotStart) {
  EXPECT_THROW(engine_->Docker(absl::StrCat(kRun, "--name bad busybox /no/such/file")), std::runtime_error);
  ASSERT_TRUE(Eventually(
      [&] { return Find("bad") != nullptr && Find("bad")->networks.empty() && !Is("bad", WorkloadPhase::kConnecting); }));
  engine_->Docker("rm bad");
  ASSERT_TRUE(Eventually([&] { return reports_.empty(); }));
}

TEST_F(DockerE2eTest, TheEngineRestarts) {
  engine_->Docker(absl::StrCat(kRun, "--name web --restart always busybox"));
  engine_->Docker(absl::StrCat(kRun, "--name job busybox"));
  const int before = Running("web").pid;
  Running("job");
  engine_->Stop();
  ASSERT_TRUE(Eventually([&] { return lost_ >= 1; }));
  engine_->Start();
  ASSERT_TRUE(Eventually([&] { return syncs_ >= 2 && Is("web", WorkloadPhase::kRunning) && Find("web")->pid != before; }));
  ASSERT_TRUE(Eventually([&] { return Is("job", WorkloadPhase::kStopped); }));
  EXPECT_TRUE(Agrees());
}

// Where a container will be is known before its process runs, also when many start at once; and in the end nothing is forgotten.
// The product takes a burst of a hundred (life.py); this one tells what the source itself saw, and when.
TEST_F(DockerE2eTest, BurstOfForty) {
  engine_->Docker("network create --ipv6 shop");
  const std::string run =
      "seq 40 | xargs -P 8 -I N docker run -d --stop-timeout 0 --network shop --name wN --label n=N busybox >/dev/null";
  engine_->Shell(run);
  ASSERT_TRUE(Eventually([&] {
    return reports_.size() == 40 && std::all_of(reports_.begin(), reports_.end(),
                                                 [&](const auto& at) { return Is(at.second.name, WorkloadPhase::kRunning); });
  }));
  ASSERT_TRUE(Agrees());
  std::vector<double> leads;  // ms
  const std::string times = engine_->Shell("docker ps -q | xargs docker inspect -f '{{.Id}} {{.State.StartedAt}}'");
  for (const std::string& line : Lines(times)) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    const std::lock_guard lock(mutex_);
    ASSERT_TRUE(known_.contains(parts[0])) << parts[0] << " was never reported as connecting";
    leads.push_back(std::chrono::duration<double, std::milli>(ParseTime(parts[1]) - known_[parts[0]]).count());
  }
  std::sort(leads.begin(), leads.end());
  std::printf("address and MAC were known before the start of the process by: least %.0f ms, median %.0f ms (%zu containers)\n",
              leads.front(), leads[leads.size() / 2], leads.size());
  EXPECT_GT(leads.front(), 0);

  engine_->Shell("seq 1 2 40 | xargs -P 8 -I N docker rm -f wN >/dev/null");
  ASSERT_TRUE(Eventually([&] { return reports_.size() == 20; }));
  EXPECT_TRUE(Agrees());
  engine_->Shell("seq 2 2 40 | xargs -P 8 -I N docker rm -f wN >/dev/null");
  ASSERT_TRUE(Eventually([&] { return reports_.empty(); }));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(syncs_, 1);
}

}  // namespace
}  // namespace bulkhead
