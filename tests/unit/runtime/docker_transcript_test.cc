// SPDX-License-Identifier: Apache-2.0
// What was recorded of a real engine, replayed: in order, late, in disorder, with pieces missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/runtime/docker_replay.h"

namespace bulkhead {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

std::vector<WorkloadPhase> PhasesOf(const ReportReader& reader) {
  std::vector<WorkloadPhase> out;
  for (const SourceEvent& event : reader.history) {
    if (event.kind != SourceEvent::Kind::kUpsert) continue;
    if (out.empty() || out.back() != event.report.phase) out.push_back(event.report.phase);
  }
  return out;
}

IpAddress Parsed(const char* text) { return IpAddress::Parse(text).value(); }

// Runs until the first event of that action of the container or network of that name was taken in.
void RunUntil(Replay& replay, const std::string& action, const std::string& name) {
  replay.Connect();
  while (!replay.AtEnd()) {
    const auto event = DecodeDockerEvent(replay.transcript.steps[static_cast<size_t>(replay.engine.events()) + 1].event);
    replay.Step();
    if (event->action == action && event->name == name) return;
  }
  FAIL() << "no " << action << " of " << name;
}

TEST(DockerTranscript, ConnectingBeforeStart) {
  const Transcript transcript = LoadTranscript("lifecycle.ndjson");
  Replay replay(transcript);
  RunUntil(replay, "connect", "shop");
  const WorkloadReport* web = nullptr;
  for (const SourceEvent& event : replay.reader.history) {
    if (event.report.phase == WorkloadPhase::kConnecting) web = &event.report;
  }
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->name, "web");
  EXPECT_EQ(web->runtime, "docker");
  EXPECT_EQ(web->pid, 0);
  ASSERT_THAT(web->networks, SizeIs(1));
  EXPECT_EQ(web->networks[0].network, "shop");
  EXPECT_TRUE(web->networks[0].bridge.starts_with("br-")) << web->networks[0].bridge;
  EXPECT_EQ(web->networks[0].bridge.size(), 15u);
  EXPECT_EQ(web->networks[0].mac, MacAddress::Parse("02:42:c6:12:00:02"));
  EXPECT_THAT(web->networks[0].addresses, ElementsAre(Parsed("198.18.0.2"), Parsed("fd00:18::2")));
  // The label "image" is the container's own; events show the image's name in its place.
  EXPECT_THAT(web->labels, Contains(Pair("app", "web")));
  EXPECT_THAT(web->labels, Contains(Pair("image", "fake")));
  EXPECT_EQ(web->image_labels, (Labels{{"org.example.image", "busybox"}}));
  EXPECT_EQ(web->image, "busybox");
  EXPECT_TRUE(web->image_digest.starts_with("sha256:"));
}

TEST(DockerTranscript, RunningHasPidAndPublishedPorts) {
  const Transcript transcript = LoadTranscript("lifecycle.ndjson");
  Replay replay(transcript);
  RunUntil(replay, "start", "web");
  const WorkloadReport* web = replay.reader.ByName("web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->phase, WorkloadPhase::kRunning);
  EXPECT_GT(web->pid, 0);
  EXPECT_THAT(
      web->published,
      ElementsAre(PublishedPort{Parsed("0.0.0.0"), 53, 53, kProtoUdp}, PublishedPort{Parsed("0.0.0.0"), 8443, 443, kProtoTcp},
                  PublishedPort{Parsed("127.0.0.1"), 8080, 80, kProtoTcp}, PublishedPort{Parsed("::"), 53, 53, kProtoUdp},
                  PublishedPort{Parsed("::"), 8443, 443, kProtoTcp}));
}

TEST(DockerTranscript, PhasesOfOneLife) {
  const Transcript transcript = LoadTranscript("lifecycle.ndjson");
  Replay replay(transcript);
  replay.Run();
  using enum WorkloadPhase;
  EXPECT_THAT(PhasesOf(replay.reader), ElementsAre(kCreated, kConnecting, kRunning, kPaused, kRunning, kStopped, kConnecting,
                                                   kRunning, kStopped, kConnecting, kRunning, kStopped));
  EXPECT_THAT(replay.reader.workloads, IsEmpty());
  EXPECT_TRUE(replay.failure.ok());
  const auto renamed = std::count_if(replay.reader.history.begin(), replay.reader.history.end(),
                                     [](const SourceEvent& event) { return event.report.name == "frontend"; });
  EXPECT_GT(renamed, 0);
}

TEST(DockerTranscript, NetworksComeAndGo) {
  const Transcript transcript = LoadTranscript("networks.ndjson");
  Replay replay(transcript);
  RunUntil(replay, "connect", "back");
  const WorkloadReport* api = replay.reader.ByName("api");
  ASSERT_NE(api, nullptr);
  EXPECT_EQ(api->phase, WorkloadPhase::kRunning);
  ASSERT_THAT(api->networks, SizeIs(2));
  std::set<std::string> bridges{api->networks[0].bridge, api->networks[1].bridge};
  EXPECT_THAT(bridges, Contains("back0"));
  const WorkloadReport* db = replay.reader.ByName("db");
  ASSERT_NE(db, nullptr);
  ASSERT_THAT(db->networks, SizeIs(1));
  EXPECT_EQ(db->networks[0].bridge, "docker0");

  Replay later(transcript);
  RunUntil(later, "disconnect", "shop");
  ASSERT_THAT(later.reader.ByName("api")->networks, SizeIs(1));
  EXPECT_EQ(later.reader.ByName("api")->networks[0].bridge, "back0");
}

TEST(DockerTranscript, ModesOfNetworking) {
  const Transcript transcript = LoadTranscript("modes.ndjson");
  Replay replay(transcript);
  replay.Run();
  const WorkloadReport* owner = replay.reader.ByName("owner");
  ASSERT_NE(owner, nullptr);
  const WorkloadReport* sidecar = replay.reader.ByName("sidecar");
  ASSERT_NE(sidecar, nullptr);
  EXPECT_EQ(sidecar->shares_with, owner->id);
  EXPECT_THAT(sidecar->networks, IsEmpty());
  EXPECT_TRUE(replay.reader.ByName("host")->host_network);
  EXPECT_FALSE(owner->host_network);
  const WorkloadReport* none = replay.reader.ByName("none");
  ASSERT_NE(none, nullptr);
  EXPECT_THAT(none->networks, IsEmpty());
  EXPECT_EQ(none->unprotected, "");
  EXPECT_TRUE(none->no_network);
  EXPECT_FALSE(owner->no_network || replay.reader.ByName("host")->no_network);
  const WorkloadReport* job = nullptr;
  for (const auto& [id, report] : replay.reader.workloads) {
    if (report.generated_name) job = &report;
  }
  ASSERT_NE(job, nullptr);
  EXPECT_THAT(job->labels, Contains(Pair("com.docker.compose.service", "job")));
  EXPECT_FALSE(owner->generated_name);
  EXPECT_EQ(job->phase, WorkloadPhase::kStopped);
  EXPECT_EQ(replay.reader.Summary(), replay.engine.Truth());
}

class EveryTranscript : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EveryTranscript, ::testing::Values("lifecycle.ndjson", "networks.ndjson", "modes.ndjson"));

TEST_P(EveryTranscript, EndsAsTheEngineDoes) {
  const Transcript transcript = LoadTranscript(GetParam());
  Replay replay(transcript);
  replay.Run();
  EXPECT_EQ(replay.reader.Summary(), replay.engine.Truth());
  EXPECT_EQ(replay.reader.syncs, 1);
  EXPECT_THAT(replay.reader.problems, IsEmpty());
}

// However late the answers and in whatever order: when all is said, all is known.
TEST_P(EveryTranscript, LateAnswers) {
  const Transcript transcript = LoadTranscript(GetParam());
  for (unsigned seed = 0; seed < 300; ++seed) {
    Replay replay(transcript, 1 + static_cast<int>(seed % 7), seed);
    replay.Run();
    ASSERT_EQ(replay.reader.Summary(), replay.engine.Truth()) << "seed " << seed;
    ASSERT_FALSE(replay.reader.syncing) << "seed " << seed;
  }
}

// A connection at any moment of the story sees the same end.
TEST_P(EveryTranscript, ConnectsAnywhere) {
  const Transcript transcript = LoadTranscript(GetParam());
  for (size_t at = 1; at < transcript.steps.size(); ++at) {
    Replay replay(transcript, static_cast<int>(at % 3), static_cast<unsigned>(at));
    for (size_t i = 1; i < at; ++i) replay.engine.Happen();
    replay.engine.Answered();
    replay.Connect();
    replay.RunToEnd();
    ASSERT_EQ(replay.reader.Summary(), replay.engine.Truth()) << "from step " << at;
  }
}

// The stream breaks at any moment, and what happens until it is back is not told.
TEST_P(EveryTranscript, GapsHealByResync) {
  const Transcript transcript = LoadTranscript(GetParam());
  for (size_t from = 1; from < transcript.steps.size(); ++from) {
    Replay replay(transcript);
    replay.Connect();
    for (size_t i = 1; i < from; ++i) replay.Step();
    for (size_t i = 0; i < 1 + from % 5 && !replay.AtEnd(); ++i) replay.engine.Happen();
    replay.engine.Answered();
    replay.Connect();
    replay.RunToEnd();
    ASSERT_EQ(replay.reader.Summary(), replay.engine.Truth()) << "gap from " << from;
  }
}

// Events dropped, doubled and swapped: a resync on the same connection puts it right.
TEST_P(EveryTranscript, MangledEventsHealByResync) {
  const Transcript transcript = LoadTranscript(GetParam());
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::deque<std::string> events;
    for (size_t i = 1; i < transcript.steps.size(); ++i) {
      const unsigned fate = random() % 10;
      if (fate > 0) events.push_back(transcript.steps[i].event);
      if (fate == 1) events.push_back(transcript.steps[i].event);
      if (fate == 2 && events.size() > 1) std::swap(events[events.size() - 1], events[events.size() - 2]);
    }
    events.resize(transcript.steps.size() - 1);
    Replay replay(transcript, static_cast<int>(seed % 4), seed);
    replay.Connect();
    for (const std::string& event : events) replay.Step(event);
    replay.Settle();
    replay.Resync();
    replay.Settle();
    ASSERT_EQ(replay.reader.Summary(), replay.engine.Truth()) << "seed " << seed;
  }
}

// A resync says everything again, so that what it does not name is gone.
TEST_P(EveryTranscript, ResyncNamesEverything) {
  const Transcript transcript = LoadTranscript(GetParam());
  Replay replay(transcript);
  replay.Run();
  const auto before = replay.reader.workloads;
  replay.Resync();
  replay.Settle();
  EXPECT_EQ(replay.reader.syncs, 2);
  EXPECT_EQ(replay.reader.workloads, before);
}

}  // namespace
}  // namespace bulkhead
