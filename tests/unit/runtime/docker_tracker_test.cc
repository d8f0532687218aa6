// SPDX-License-Identifier: Apache-2.0
// What the recorded engine did not do: other engines' habits, hostile and failing ones. The engine here is a few lines of JSON.
#include "controlplane/runtime/docker_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/runtime/docker_replay.h"

namespace bulkhead {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;
using Kind = DockerRequest::Kind;

constexpr char kWeb[] = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

DockerEvent ContainerEvent(const std::string& action, const std::string& id, const std::string& name = "web") {
  return {false, action, id, "", name, ""};
}
DockerEvent NetworkEvent(const std::string& action, const std::string& network, const std::string& container) {
  return {true, action, network, container, network, "bridge"};
}
std::string Inspect(const std::string& id, const std::string& state, int pid, const std::string& image = "sha256:1d") {
  return absl::StrCat(R"({"Id":")", id, R"(","Name":"/web","Image":")", image, R"(","State":{"Status":")", state, R"(","Pid":)",
                      pid, R"(},"Config":{"Image":"web:1","Labels":{"app":"web","org":"shop"}}})");
}
std::string Listed(const std::string& id, const std::string& state) {
  return absl::StrCat(R"([{"Id":")", id, R"(","Names":["/web"],"Image":"web:1","ImageID":"sha256:1d","State":")", state,
                      R"(","Labels":{"app":"web","org":"shop"}}])");
}
std::string Network(const std::string& id, const std::string& containers) {
  return absl::StrCat(R"({"Id":")", id, R"(","Name":")", id,
                      R"(","Driver":"bridge","Options":{"com.docker.network.bridge.name":"br0"},)", R"("Containers":{)", containers,
                      "}}");
}
std::string Member(const std::string& id, int n) {
  return absl::StrCat("\"", id, R"(":{"MacAddress":"02:42:c6:12:00:0)", n, R"(","IPv4Address":"198.18.0.)", n, R"(/24"})");
}

struct Tracked {
  DockerTracker tracker{"docker", "docker", ""};
  ReportReader reader;
  std::vector<DockerRequest> open;

  Tracked() {
    tracker.BeginSync(true);
    Answer(Kind::kNetworks, "", "[]");
    Answer(Kind::kList, "", "[]");
  }
  void Take() {
    reader.Take(tracker.TakeEvents());
    for (DockerRequest& request : tracker.TakeRequests()) {
      request.sent_at = tracker.clock();
      open.push_back(request);
    }
  }
  void Event(const DockerEvent& event) {
    tracker.OnEvent(event);
    Take();
  }
  std::optional<DockerRequest> Find(Kind kind, const std::string& id) {
    Take();
    for (const DockerRequest& request : open) {
      if (request.kind == kind && request.id == id) return request;
    }
    return std::nullopt;
  }
  bool Answer(Kind kind, const std::string& id, const absl::StatusOr<std::string>& body) {
    const auto request = Find(kind, id);
    if (!request) {
      ADD_FAILURE() << "nobody asked for " << static_cast<int>(kind) << " " << id;
      return false;
    }
    std::erase(open, *request);
    const absl::Status status = tracker.OnAnswer(*request, body);
    Take();
    return status.ok();
  }
  const WorkloadReport& Web() { return reader.workloads.at(kWeb); }
  // Until the container runs as process 7.
  void Run() {
    Event(ContainerEvent("create", kWeb));
    Answer(Kind::kListOne, kWeb, Listed(kWeb, "created"));
    Answer(Kind::kInspect, kWeb, Inspect(kWeb, "created", 0));
    Answer(Kind::kImage, "sha256:1d", R"({"Config":{"Labels":{"org":"shop"}}})");
    Event(ContainerEvent("start", kWeb));
    Answer(Kind::kInspect, kWeb, Inspect(kWeb, "running", 7));
  }
};

TEST(DockerTracker, AddressesBeforeTheInspectionAnswers) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kListOne, kWeb, Listed(kWeb, "created"));
  engine.Answer(Kind::kImage, "sha256:1d", "{}");
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kCreated);
  engine.Event(NetworkEvent("connect", "shop", kWeb));
  engine.Answer(Kind::kNetwork, "shop", Network("shop", Member(kWeb, 2)));
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kConnecting);
  ASSERT_THAT(engine.Web().networks, SizeIs(1));
  EXPECT_EQ(engine.Web().networks[0].bridge, "br0");
  EXPECT_EQ(engine.Web().networks[0].addresses, std::vector{IpAddress::V4(198, 18, 0, 2)});
  EXPECT_TRUE(engine.Find(Kind::kInspect, kWeb).has_value()) << "is still under way";
  engine.Event(ContainerEvent("start", kWeb));
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kRunning);
  EXPECT_EQ(engine.Web().pid, 0);
}

// The labels of a stranger's image must not be taken for the container's own, not even for a moment.
TEST(DockerTracker, NothingIsReportedBeforeTheImageIsKnown) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kListOne, kWeb, Listed(kWeb, "created"));
  engine.Event(NetworkEvent("connect", "shop", kWeb));
  engine.Answer(Kind::kNetwork, "shop", Network("shop", Member(kWeb, 2)));
  EXPECT_THAT(engine.reader.workloads, IsEmpty());
  engine.Answer(Kind::kImage, "sha256:1d", R"({"Config":{"Labels":{"org":"shop"}}})");
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kConnecting);
  EXPECT_EQ(engine.Web().image_labels, (Labels{{"org", "shop"}}));
}

TEST(DockerTracker, PortsThatTheImageExposesHaveNames) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "created", 0));
  engine.Answer(Kind::kImage, "sha256:1d", R"({"Config":{"ExposedPorts":{"8080/tcp":{},"53/udp":{}}}})");
  EXPECT_THAT(engine.Web().named_ports, ElementsAre(NamedPort{"tcp-8080", kProtoTcp, 8080}, NamedPort{"udp-53", kProtoUdp, 53}));
}

TEST(DockerTracker, LabelsOfAGoneImageAreNotTrusted) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "created", 0));
  engine.Answer(Kind::kImage, "sha256:1d", absl::NotFoundError("no such image"));
  EXPECT_EQ(engine.Web().image_labels, engine.Web().labels);
  EXPECT_THAT(engine.Web().problem, HasSubstr("image is gone"));
  EXPECT_FALSE(engine.Find(Kind::kImage, "sha256:1d").has_value());
}

TEST(DockerTracker, AFailedImageIsAskedForAgain) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "created", 0));
  engine.Answer(Kind::kImage, "sha256:1d", "{\"Config\":");
  EXPECT_EQ(engine.Web().image_labels, engine.Web().labels);
  EXPECT_GT(engine.Find(Kind::kImage, "sha256:1d")->delay.count(), 0);
  engine.Answer(Kind::kImage, "sha256:1d", R"({"Config":{"Labels":{"org":"shop"}}})");
  EXPECT_EQ(engine.Web().image_labels, (Labels{{"org", "shop"}}));
  EXPECT_EQ(engine.Web().problem, "");
}

// An id that cannot stand in a path is never put into one.
TEST(DockerTracker, AnImageIdThatIsNoneIsNotAskedFor) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "created", 0, "../../v1.41/containers/x"));
  EXPECT_EQ(engine.Web().image_labels, engine.Web().labels);
  for (const DockerRequest& request : engine.open) EXPECT_NE(request.kind, Kind::kImage);
}

TEST(DockerTracker, ManyConnectsAreFewRequests) {
  Tracked engine;
  std::string members;
  for (int i = 0; i < 100; ++i) {
    const std::string id = absl::StrCat("c", i);
    engine.Event(ContainerEvent("create", id, id));
    engine.Event(NetworkEvent("connect", "shop", id));
    engine.Answer(Kind::kListOne, id, Listed(id, "created"));
    absl::StrAppend(&members, i == 0 ? "" : ",", Member(id, i % 10));
  }
  engine.Answer(Kind::kImage, "sha256:1d", "{}");
  EXPECT_EQ(std::count_if(engine.open.begin(), engine.open.end(), [](const auto& at) { return at.kind == Kind::kNetwork; }), 1);
  // The first answer is older than all connects but the first; the second one has them all.
  engine.Answer(Kind::kNetwork, "shop", Network("shop", Member("c0", 1)));
  EXPECT_EQ(engine.reader.workloads.at("c0").phase, WorkloadPhase::kConnecting);
  EXPECT_EQ(engine.reader.workloads.at("c99").phase, WorkloadPhase::kCreated);
  engine.Answer(Kind::kNetwork, "shop", Network("shop", members));
  for (const auto& [id, report] : engine.reader.workloads) EXPECT_EQ(report.phase, WorkloadPhase::kConnecting) << id;
  EXPECT_FALSE(engine.Find(Kind::kNetwork, "shop").has_value());
}

// Between `die` and `disconnect` the network still lists the dead container; another one's connect makes us see it.
TEST(DockerTracker, ADeadContainerIsNotConnecting) {
  Tracked engine;
  engine.Run();
  engine.Event(ContainerEvent("die", kWeb));
  engine.Event(NetworkEvent("connect", "shop", "c2"));
  engine.Answer(Kind::kNetwork, "shop", Network("shop", Member(kWeb, 2) + "," + Member("c2", 3)));
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kStopped);
  EXPECT_THAT(engine.Web().networks, IsEmpty());
}

TEST(DockerTracker, AStaleInspectionDoesNotBringBackTheDead) {
  Tracked engine;
  engine.Run();
  engine.Event(ContainerEvent("pause", kWeb));
  engine.Event(ContainerEvent("unpause", kWeb));
  engine.Event({false, "update", kWeb, "", "web", ""});
  ASSERT_TRUE(engine.Find(Kind::kInspect, kWeb).has_value());
  engine.Event(ContainerEvent("die", kWeb));
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "running", 7));
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kStopped);
  EXPECT_EQ(engine.Web().pid, 0);
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "exited", 0));
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kStopped);
  EXPECT_FALSE(engine.Find(Kind::kInspect, kWeb).has_value());
}

TEST(DockerTracker, AFailingInspectionIsTriedAgainAndTold) {
  Tracked engine;
  engine.Run();
  engine.Event({false, "update", kWeb, "", "web", ""});
  engine.Answer(Kind::kInspect, kWeb, absl::DeadlineExceededError("no answer in time"));
  EXPECT_THAT(engine.reader.problems, Contains(Key(kWeb)));
  const auto first = engine.Find(Kind::kInspect, kWeb);
  ASSERT_TRUE(first.has_value());
  EXPECT_GT(first->delay.count(), 0);
  engine.Answer(Kind::kInspect, kWeb, Inspect("another", "running", 8));
  EXPECT_GT(engine.Find(Kind::kInspect, kWeb)->delay, first->delay);
  EXPECT_EQ(engine.Web().pid, 7);
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "running", 8));
  EXPECT_EQ(engine.Web().pid, 8);
  EXPECT_THAT(engine.reader.problems, IsEmpty());
}

TEST(DockerTracker, ANewConnectionForgetsOldProblems) {
  Tracked engine;
  engine.Event(ContainerEvent("create", kWeb));
  engine.Event(NetworkEvent("connect", "shop", kWeb));
  engine.Answer(Kind::kInspect, kWeb, absl::DeadlineExceededError("no answer in time"));
  engine.Answer(Kind::kNetwork, "shop", absl::DeadlineExceededError("no answer in time"));
  EXPECT_THAT(engine.reader.problems, SizeIs(2));
  engine.tracker.BeginSync(true);
  engine.Take();
  EXPECT_THAT(engine.reader.problems, IsEmpty());
}

TEST(DockerTracker, AnUnknownContainerIsForgotten) {
  Tracked engine;
  engine.Event(ContainerEvent("start", "c9"));
  engine.Answer(Kind::kInspect, "c9", absl::NotFoundError("no such container"));
  EXPECT_THAT(engine.reader.workloads, IsEmpty());
  EXPECT_EQ(engine.reader.history.back().kind, SourceEvent::Kind::kRemove);
}

TEST(DockerTracker, ABrokenListIsAnError) {
  for (const Kind kind : {Kind::kList, Kind::kNetworks}) {
    Tracked engine;
    engine.tracker.BeginSync(true);
    EXPECT_FALSE(engine.Answer(kind, "", "[{]"));
    EXPECT_EQ(engine.reader.syncs, 1) << "only the first one";
  }
}

TEST(DockerTracker, SynchronisationEndsThoughAnInspectionHangs) {
  Tracked engine;
  engine.tracker.BeginSync(true);
  engine.Answer(Kind::kNetworks, "", "[]");
  engine.Answer(Kind::kList, "", Listed(kWeb, "running"));
  EXPECT_TRUE(engine.reader.syncing);
  EXPECT_THAT(engine.reader.workloads, IsEmpty());
  engine.tracker.EndSync();
  engine.Take();
  EXPECT_FALSE(engine.reader.syncing);
  EXPECT_EQ(engine.Web().phase, WorkloadPhase::kRunning);
  EXPECT_EQ(engine.Web().image_labels, engine.Web().labels) << "the image is not known yet";
  engine.Answer(Kind::kImage, "sha256:1d", "{}");
  engine.Answer(Kind::kInspect, kWeb, Inspect(kWeb, "running", 7));
  EXPECT_EQ(engine.Web().pid, 7);
  EXPECT_EQ(engine.reader.syncs, 2);
}

// The list was made before the one went and after the other came; both are told by events.
TEST(DockerTracker, AListThatIsOvertakenByEvents) {
  Tracked engine;
  engine.Run();
  engine.tracker.BeginSync(false);
  engine.Take();
  engine.Event(ContainerEvent("destroy", kWeb));
  engine.Event(ContainerEvent("create", "c2", "new"));
  engine.Answer(Kind::kNetworks, "", "[]");
  engine.Answer(Kind::kList, "", Listed(kWeb, "running"));
  engine.Answer(Kind::kListOne, "c2", Listed("c2", "created"));
  engine.Answer(Kind::kInspect, "c2", Inspect("c2", "created", 0));
  EXPECT_TRUE(engine.reader.syncing) << "that one was asked for before the list";
  engine.Answer(Kind::kInspect, "c2", Inspect("c2", "created", 0));
  EXPECT_FALSE(engine.reader.syncing);
  EXPECT_THAT(engine.reader.workloads, ElementsAre(Key("c2")));
}

TEST(DockerTracker, AnEngineWithoutEndIsNotBelieved) {
  Tracked engine;
  for (int i = 0; i < 20'100; ++i) engine.tracker.OnEvent(ContainerEvent("create", absl::StrCat("c", i)));
  engine.Take();
  EXPECT_THAT(engine.reader.problems, Contains(Key("containers")));
  EXPECT_EQ(std::count_if(engine.open.begin(), engine.open.end(), [](const auto& at) { return at.kind == Kind::kInspect; }),
            20'000);
}

TEST(DockerTracker, NetworksWithoutEndAreNotAskedFor) {
  Tracked engine;
  engine.Run();
  for (int i = 0; i < 5'000; ++i) engine.tracker.OnEvent(NetworkEvent("connect", absl::StrCat("n", i), kWeb));
  engine.Take();
  EXPECT_THAT(engine.reader.problems, Contains(Key("networks")));
  EXPECT_EQ(std::count_if(engine.open.begin(), engine.open.end(), [](const auto& at) { return at.kind == Kind::kNetwork; }), 4096);
}

TEST(DockerTracker, OwnersByIdNameAndPrefix) {
  Tracked engine;
  engine.Run();
  for (const std::string& owner : {std::string(kWeb), std::string("web"), std::string(kWeb).substr(0, 12)}) {
    engine.Event(ContainerEvent("create", "c2", "side"));
    if (engine.Find(Kind::kListOne, "c2")) engine.Answer(Kind::kListOne, "c2", "[]");
    engine.Answer(
        Kind::kInspect, "c2",
        absl::StrCat(R"({"Id":"c2","Name":"/side","State":{"Status":"running","Pid":9},"HostConfig":{"NetworkMode":"container:)",
                     owner, R"("}})"));
    EXPECT_EQ(engine.reader.workloads.at("c2").shares_with, kWeb) << owner;
    engine.Event(ContainerEvent("destroy", "c2"));
  }
}

TEST(DockerMade, Docker29) {
  const Transcript transcript = LoadTranscript("made-docker29.ndjson");
  Replay replay(transcript);
  replay.Run();
  std::vector<WorkloadReport> reports;
  for (const SourceEvent& event : replay.reader.history) {
    if (event.kind == SourceEvent::Kind::kUpsert) reports.push_back(event.report);
  }
  ASSERT_THAT(reports, SizeIs(5));
  EXPECT_EQ(reports[0].phase, WorkloadPhase::kCreated);
  EXPECT_THAT(reports[0].published, SizeIs(2)) << "known before it starts";
  EXPECT_EQ(reports[1].phase, WorkloadPhase::kConnecting);
  EXPECT_EQ(reports[1].networks[0].mac, MacAddress::Parse("8a:11:4e:00:c3:7f"));
  EXPECT_EQ(reports[1].networks[0].bridge, "br-abababababab");
  EXPECT_EQ(reports[2].phase, WorkloadPhase::kRunning);
  EXPECT_EQ(reports[3].pid, 4711);
  EXPECT_THAT(reports[3].published, SizeIs(2));
  EXPECT_EQ(reports[4].phase, WorkloadPhase::kStopped);
  EXPECT_THAT(replay.reader.workloads, IsEmpty());
}

TEST(DockerMade, Podman) {
  const Transcript transcript = LoadTranscript("made-podman.ndjson");
  Replay replay(transcript);
  replay.Run();
  const WorkloadReport* web = replay.reader.ByName("web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->phase, WorkloadPhase::kRunning);
  EXPECT_EQ(web->pid, 822);
  ASSERT_THAT(web->networks, SizeIs(1));
  EXPECT_EQ(web->networks[0].network, "podman");
  EXPECT_EQ(web->networks[0].addresses, std::vector{IpAddress::V4(198, 18, 7, 3)});
  EXPECT_EQ(web->unprotected, "");
}

TEST(DockerMade, DriversThatNoHookSees) {
  const Transcript transcript = LoadTranscript("made-drivers.ndjson");
  Replay replay(transcript);
  replay.Run();
  const WorkloadReport* db = replay.reader.ByName("db");
  ASSERT_NE(db, nullptr);
  EXPECT_THAT(db->unprotected, HasSubstr("uses the driver"));
  EXPECT_THAT(db->networks, SizeIs(2));
  EXPECT_EQ(db->networks[0].bridge, "");
  EXPECT_THAT(db->problem, HasSubstr("image is gone"));
}

}  // namespace
}  // namespace bulkhead
