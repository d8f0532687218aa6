// SPDX-License-Identifier: Apache-2.0
// The source against an engine that misbehaves as told: over a real socket, with real threads, in milliseconds.
#include "controlplane/runtime/docker_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/runtime/docker_replay.h"
#include "tests/unit/runtime/fake_engine.h"

namespace bulkhead {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kEvent[] = R"({"Type":"container","Action":"%s","Actor":{"ID":"c1","Attributes":{"name":"web"}}})";

std::string Event(const std::string& action) { return absl::StrCat(absl::StrReplaceAll(kEvent, {{"%s", action}}), "\n"); }

std::string Container(const std::string& state, int pid) {
  return absl::StrCat(R"({"Id":"c1","Name":"/web","State":{"Status":")", state, R"(","Pid":)", pid, "}}");
}

class DockerSourceTest : public ::testing::Test {
 protected:
  void Start() {
    DockerOptions options;
    options.socket = engine_.socket();
    options.times = times_;
    options.first_retry = milliseconds(5);
    options.last_retry = milliseconds(20);
    source_ = std::make_unique<DockerSource>(options);
    source_->Start([this](SourceEvent event) {
      const std::lock_guard lock(mutex_);
      if (event.kind == SourceEvent::Kind::kLost) lost_.push_back(event.text);
      std::vector<SourceEvent> events;
      events.push_back(std::move(event));
      reader_.Take(std::move(events));
      changed_.notify_all();
    });
  }
  void TearDown() override { source_.reset(); }

  ::testing::AssertionResult Eventually(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
      if (changed_.wait_for(lock, milliseconds(5)); std::chrono::steady_clock::now() > until) {
        return ::testing::AssertionFailure() << "not within 10 s; lost: " << (lost_.empty() ? "never" : lost_.back());
      }
    }
    return ::testing::AssertionSuccess();
  }
  bool Runs(int pid) {
    const auto at = reader_.workloads.find("c1");
    return at != reader_.workloads.end() && at->second.phase == WorkloadPhase::kRunning && at->second.pid == pid;
  }
  void SetContainer(const std::string& state, int pid) {
    engine_.SetJson("/containers/json", R"([{"Id":"c1","Names":["/web"],"State":")" + state + R"("}])");
    engine_.SetJson("/containers/c1/json", Container(state, pid));
  }

  FakeEngine engine_;
  DockerTimes times_;
  std::unique_ptr<DockerSource> source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ReportReader reader_;
  std::vector<std::string> lost_;
};

TEST_F(DockerSourceTest, ListsThenFollows) {
  SetContainer("running", 7);
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 1 && Runs(7); }));
  SetContainer("exited", 0);
  engine_.Send(Event("die"));
  ASSERT_TRUE(Eventually([&] { return reader_.workloads.at("c1").phase == WorkloadPhase::kStopped; }));
  SetContainer("running", 8);
  engine_.Send(Event("start"));
  ASSERT_TRUE(Eventually([&] { return Runs(8); }));
  // One event in pieces, two in one piece, and empty lines between them.
  const std::string pause = Event("pause");
  engine_.Send(pause.substr(0, 20));
  engine_.Send(pause.substr(20) + "\r\n\n" + Event("unpause") + Event("pause"));
  ASSERT_TRUE(Eventually([&] { return reader_.workloads.at("c1").phase == WorkloadPhase::kPaused; }));
  engine_.Send(Event("destroy"));
  ASSERT_TRUE(Eventually([&] { return reader_.workloads.empty(); }));
  EXPECT_THAT(lost_, ElementsAre());
}

TEST_F(DockerSourceTest, TheStreamComesBeforeTheLists) {
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 1 && engine_.requests().size() >= 5; }));
  const std::vector<std::string> requests = engine_.requests();
  EXPECT_EQ(requests[0], "/_ping");
  EXPECT_EQ(requests[1], "/v1.41/info");
  EXPECT_TRUE(requests[2].starts_with("/v1.41/events?since=")) << requests[2];
  EXPECT_EQ(std::set<std::string>(requests.begin() + 3, requests.begin() + 5),
            (std::set<std::string>{"/v1.41/networks", "/v1.41/containers/json?all=1"}));
}

TEST_F(DockerSourceTest, SpeaksNoNewerVersionThanItKnows) {
  engine_.Set("/_ping", FakeEngine::Ok("OK", "Api-Version: 1.77\r\n"));
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 1; }));
  EXPECT_EQ(engine_.Count("/v1.51/"), static_cast<int>(engine_.requests().size()) - 1);
}

TEST_F(DockerSourceTest, WhatIsNoEngineIsTold) {
  engine_.Set("/_ping", FakeEngine::Ok("hello"));
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return lost_.size() >= 2; }));
  EXPECT_THAT(lost_.front(), HasSubstr("API version"));
}

TEST_F(DockerSourceTest, NoSocketThenOne) {
  Start();
  ASSERT_TRUE(Eventually([&] { return lost_.size() >= 2; }));
  EXPECT_THAT(lost_.front(), HasSubstr(engine_.socket()));
  SetContainer("running", 7);
  engine_.Listen();
  ASSERT_TRUE(Eventually([&] { return Runs(7); }));
}

TEST_F(DockerSourceTest, EngineRestarts) {
  SetContainer("running", 7);
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return Runs(7); }));
  engine_.EndStreams();
  engine_.Close();
  ASSERT_TRUE(Eventually([&] { return lost_.size() >= 2; }));
  EXPECT_TRUE(Runs(7)) << "what is known stays";
  engine_.SetJson("/containers/json", "[]");
  engine_.Listen();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 2 && reader_.workloads.empty(); }));
}

TEST_F(DockerSourceTest, GarbageInTheStreamMeansResync) {
  SetContainer("running", 7);
  engine_.Listen();
  Start();
  int syncs = 0;
  for (const std::string& garbage :
       {std::string("nonsense\n"), std::string("{\"Type\":\n"), std::string("[[[[\n"), std::string("{\"Type\":\"container\"}\n"),
        std::string(3 << 20, 'x'), std::string(2 << 20, '[') + "\n", std::string("\xff\xfe\n")}) {
    ++syncs;
    ASSERT_TRUE(Eventually([&] { return reader_.syncs == syncs && Runs(7); })) << garbage.substr(0, 20);
    engine_.Send(garbage);
  }
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == syncs + 1; }));
  EXPECT_EQ(lost_.size(), static_cast<size_t>(syncs));
}

TEST_F(DockerSourceTest, ABrokenListMeansANewConnection) {
  engine_.Listen();
  for (const std::string& list : {std::string("[{"), std::string("{}"), std::string(40 << 20, ' '), std::string(1000, '[')}) {
    engine_.SetJson("/containers/json", list);
    if (!source_) Start();
    const size_t before = [&] {
      const std::lock_guard lock(mutex_);
      return lost_.size();
    }();
    ASSERT_TRUE(Eventually([&] { return lost_.size() > before + 1; }));
    EXPECT_EQ(reader_.syncs, 0);
  }
  SetContainer("running", 7);
  ASSERT_TRUE(Eventually([&] { return Runs(7); }));
}

TEST_F(DockerSourceTest, ACutAnswerIsAskedForAgain) {
  engine_.SetJson("/containers/json", R"([{"Id":"c1","Names":["/web"],"State":"running"}])");
  engine_.Set("/containers/c1/json", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"Id\":");
  times_.slow = milliseconds(50);
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.problems.contains("c1") && reader_.syncs == 1; }));
  engine_.SetJson("/containers/c1/json", Container("running", 7));
  ASSERT_TRUE(Eventually([&] { return Runs(7) && reader_.problems.empty(); }));
  EXPECT_TRUE(lost_.empty());
}

TEST_F(DockerSourceTest, AnEngineThatHangs) {
  for (const char* path : {"/_ping", "/info", "/networks", "/containers/json"}) {
    times_.quick = times_.slow = milliseconds(40);
    engine_.Listen();
    engine_.Hang(path);
    const auto begin = std::chrono::steady_clock::now();
    Start();
    ASSERT_TRUE(Eventually([&] { return !lost_.empty(); })) << path;
    EXPECT_THAT(lost_.front(), HasSubstr("no answer in time")) << path;
    source_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << path;
    engine_.Close();
    lost_.clear();
    engine_.Set("/_ping", FakeEngine::Ok("OK", "Api-Version: 1.41\r\n"));
    engine_.SetJson("/info", "{}");
    engine_.SetJson("/networks", "[]");
    engine_.SetJson("/containers/json", "[]");
  }
}

// Containers that start hold up their inspections; networks are asked about all the same.
TEST_F(DockerSourceTest, HangingInspectionsHoldNothingUp) {
  engine_.SetJson("/images/", "{}");
  engine_.Hang("/containers/");
  engine_.SetJson("/containers/json", "[]");
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 1; }));
  constexpr int kMany = 60;
  std::string members;
  std::string list;
  for (int i = 0; i < kMany; ++i) {
    const std::string comma = i == 0 ? "" : ",";
    absl::StrAppend(&members, comma, "\"x", i, R"(":{"MacAddress":"02:42:c6:12:00:)", absl::Hex(i, absl::kZeroPad2), "\"}");
    absl::StrAppend(&list, comma, R"({"Id":"x)", i, R"(","Names":["/n)", i, R"("],"ImageID":"sha256:1d","State":"created"})");
  }
  engine_.SetJson("/containers/json", "[" + list + "]");
  engine_.SetJson("/networks/n1", R"({"Id":"n1","Name":"shop","Driver":"bridge","Containers":{)" + members + "}}");
  std::string events;  // in one piece: what comes at once is asked for at once
  for (int i = 0; i < kMany; ++i) {
    absl::StrAppend(&events, R"({"Type":"container","Action":"create","Actor":{"ID":"x)", i, "\"}}\n",
                    R"({"Type":"network","Action":"connect","Actor":{"ID":"n1","Attributes":{"container":"x)", i,
                    R"(","name":"shop","type":"bridge"}}})", "\n");
  }
  engine_.Send(events);
  ASSERT_TRUE(Eventually([&] {
    int connecting = 0;
    for (const auto& [id, report] : reader_.workloads) connecting += report.phase == WorkloadPhase::kConnecting ? 1 : 0;
    return connecting == kMany;
  }));
  EXPECT_LT(engine_.Count("/networks/n1"), kMany);
}

TEST_F(DockerSourceTest, ASilentEngineIsPinged) {
  times_.ping = milliseconds(20);
  times_.quick = milliseconds(40);
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return engine_.Count("/_ping") > 3; }));
  EXPECT_TRUE(lost_.empty());
  engine_.Hang("/_ping");
  ASSERT_TRUE(Eventually([&] { return !lost_.empty(); }));
}

TEST_F(DockerSourceTest, ResyncsNowAndThen) {
  times_.resync = milliseconds(30);
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return reader_.syncs == 1; }));
  SetContainer("running", 7);  // and no event tells of it
  ASSERT_TRUE(Eventually([&] { return Runs(7); }));
  EXPECT_TRUE(lost_.empty());
}

TEST_F(DockerSourceTest, RootlessEnginesAreUnprotected) {
  SetContainer("running", 7);
  engine_.SetJson("/info", R"({"SecurityOptions":["name=seccomp,profile=default","name=rootless"]})");
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return Runs(7); }));
  EXPECT_THAT(reader_.workloads.at("c1").unprotected, HasSubstr("rootless"));
}

TEST_F(DockerSourceTest, ErrorsAreTold) {
  engine_.Set("/info", FakeEngine::Error(400, "client version 1.41 is too old. Minimum supported API version is 1.44"));
  engine_.Listen();
  Start();
  ASSERT_TRUE(Eventually([&] { return !lost_.empty(); }));
  EXPECT_THAT(lost_.front(), HasSubstr("Minimum supported API version is 1.44"));
}

TEST(FindDockerSockets, OnlySockets) {
  char name[] = "/tmp/find-sockets-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::string root = name;
  std::filesystem::create_directories(root + "/run/user/1000");
  std::filesystem::create_directories(root + "/run/user/1001");
  std::ofstream(root + "/run/docker.sock") << "no socket";
  EXPECT_THAT(FindDockerSockets(root), ElementsAre());
  std::filesystem::remove(root + "/run/docker.sock");
  std::vector<int> fds;
  for (const std::string& path : {root + "/run/user/1001/docker.sock", root + "/run/docker.sock"}) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    fds.push_back(fd);
  }
  EXPECT_THAT(FindDockerSockets(root), ElementsAre(root + "/run/docker.sock", root + "/run/user/1001/docker.sock"));
  for (const int fd : fds) close(fd);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace bulkhead
