// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/static_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "tests/places/temporary_folder.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = SourceEvent::Kind;
namespace fs = std::filesystem;

// Takes events and lets the test wait for what they add up to.
class Sink {
 public:
  void Take(const SourceEvent& event) {
    const std::lock_guard lock(mutex_);
    if (event.kind == Kind::kUpsert) reports_[event.report.id] = event.report;
    if (event.kind == Kind::kRemove) reports_.erase(event.id);
    if (event.kind == Kind::kProblem) problems_[event.key] = event.text;
    if (event.kind == Kind::kSyncEnd) synced_ = true;
    changed_.notify_all();
  }
  template <class Predicate>
  bool Wait(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return predicate(*this); });
  }

  std::map<std::string, WorkloadReport> reports_;
  std::map<std::string, std::string> problems_;
  bool synced_ = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class StaticSourceTest : public testing::Test {
 protected:
  void Start() {
    source_ = std::make_unique<StaticSource>((root_ / "w").string());
    source_->Start([this](const SourceEvent& event) { sink_.Take(event); });
    ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return sink.synced_; }));
  }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(root_ / "w");
    std::ofstream(root_ / "w" / (".tmp-" + name)) << text;
    fs::rename(root_ / "w" / (".tmp-" + name), root_ / "w" / name);
  }

  const TemporaryFolder folder_;
  const fs::path root_ = folder_.path();
  Sink sink_;
  std::unique_ptr<StaticSource> source_;
};

TEST(ParseWorkloadFileTest, Fields) {
  const auto report = ParseWorkloadFile(
      "name: db-0\nnamespace: shop\nlabels: {app: db}\nimage: r/db:1\ndigest: sha256:0\nnetns: /run/netns/db\n", "f.yaml", "db");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->id, "db");
  EXPECT_EQ(report->runtime, "static");
  EXPECT_EQ(report->name, "db-0");
  EXPECT_EQ(report->ns, "shop");
  EXPECT_EQ(report->labels, (Labels{{"app", "db"}}));
  EXPECT_EQ(report->image, "r/db:1");
  EXPECT_EQ(report->image_digest, "sha256:0");
  EXPECT_EQ(report->netns_path, "/run/netns/db");
  EXPECT_THAT(report->named_ports, testing::IsEmpty());
  EXPECT_TRUE(ParseWorkloadFile("name: a\nnetns: /n\n", "f.yaml", "a").ok());
}

TEST(ParseWorkloadFileTest, Mistakes) {
  const auto error = [](const std::string& text) { return std::string(ParseWorkloadFile(text, "f.yaml", "a").status().message()); };
  EXPECT_THAT(error(""), HasSubstr("f.yaml:1:1: found nothing"));
  EXPECT_THAT(error("name: a\n"), HasSubstr("\"netns\" is missing"));
  EXPECT_THAT(error("netns: /n\n"), HasSubstr("\"name\" is missing"));
  EXPECT_THAT(error("name: a\nnetns: n\n"), HasSubstr("f.yaml:2:8: netns: found the string \"n\", expected an absolute path"));
  EXPECT_THAT(error("name: a\nnetns: /n\nlabel: {}\n"), HasSubstr("f.yaml:3:1: unknown field \"label\" (did you mean labels?)"));
  EXPECT_THAT(error("name: a\nnetns: /n\nlabels: {a: [b]}\n"), HasSubstr("f.yaml:3:"));
  EXPECT_THAT(error("name: a\nnetns: /n\n---\nname: b\nnetns: /n\n"), HasSubstr("second document"));
}

TEST(ParseWorkloadFileTest, Ports) {
  const auto ports = [](const std::string& text) {
    return ParseWorkloadFile("name: a\nnetns: /n\nports:\n" + text, "f.yaml", "a");
  };
  const auto good = ports(
      "  - {name: sql, port: 5432}\n  - {name: dns, port: 53, protocol: UDP}\n  - {name: dns, port: 5353, protocol: tcp}\n"
      "  - {name: m3ua, port: 2905, protocol: sctp}\n");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_THAT(good->named_ports, ElementsAre(NamedPort{"dns", kProtoTcp, 5353}, NamedPort{"dns", kProtoUdp, 53},
                                             NamedPort{"m3ua", kProtoSctp, 2905}, NamedPort{"sql", kProtoTcp, 5432}));
  const auto error = [&](const std::string& text) { return std::string(ports(text).status().message()); };
  EXPECT_EQ(
      error("  - {name: SQL, port: 1}\n"),
      "f.yaml:4:12: ports.name: found the string \"SQL\", expected at most 15 lower-case letters, digits and single -, with a "
      "letter among them");
  EXPECT_THAT(error("  - {name: '80', port: 80}\n"), HasSubstr("f.yaml:4:12: ports.name"));
  EXPECT_THAT(error("  - {port: 80}\n"), HasSubstr("f.yaml:4:5: ports: required field \"name\" is missing"));
  EXPECT_THAT(error("  - {name: a}\n"), HasSubstr("required field \"port\" is missing"));
  EXPECT_THAT(error("  - {name: a, port: 0}\n"),
              HasSubstr("f.yaml:4:21: ports.port: found the number 0, expected a whole number from 1"));
  EXPECT_THAT(error("  - {name: a, port: 65536}\n"), HasSubstr("to 65535"));
  EXPECT_THAT(error("  - {name: a, port: 80, protocol: icmp}\n"),
              HasSubstr("f.yaml:4:35: ports.protocol: found the string \"icmp\", expected TCP, UDP or SCTP"));
  EXPECT_THAT(error("  - {name: a, port: 80, protocl: tcp}\n"), HasSubstr("unknown field \"protocl\" (did you mean protocol?)"));
  EXPECT_THAT(error("  - {name: a, port: 80}\n  - {name: a, port: 81, protocol: TCP}\n"),
              HasSubstr("f.yaml:5:5: ports: found a second a of tcp"));
  EXPECT_THAT(error("  - http\n"), HasSubstr("f.yaml:4:5: ports: found the string \"http\", expected a map"));
  EXPECT_THAT(error("  http: 80\n"), HasSubstr("expected a list"));
  std::string many;
  for (int i = 0; i <= 64; ++i) many += "  - {name: a" + std::to_string(i) + ", port: 80}\n";
  EXPECT_THAT(error(many), HasSubstr("f.yaml:68:5: ports: found more than 64"));
}

TEST(ParseWorkloadFileTest, Networks) {
  const auto networks = [](const std::string& text) {
    return ParseWorkloadFile("name: a\nnetns: /n\nnetworks:\n" + text, "f.yaml", "a");
  };
  const auto good =
      networks("  - {bridge: br0, mac: '02:00:00:00:00:01', addresses: [198.18.0.1, 'fd00::1']}\n  - {bridge: br1}\n");
  ASSERT_TRUE(good.ok()) << good.status();
  const NetworkAttachment first{
      "br0", "br0", *MacAddress::Parse("02:00:00:00:00:01"), {*IpAddress::Parse("198.18.0.1"), *IpAddress::Parse("fd00::1")}};
  EXPECT_THAT(good->networks, ElementsAre(first, NetworkAttachment{"br1", "br1", {}, {}}));
  const auto error = [&](const std::string& text) { return std::string(networks(text).status().message()); };
  EXPECT_EQ(error("  - {mac: '02:00'}\n"), "f.yaml:4:11: networks.mac: found \"02:00\", expected six bytes, 02:00:00:00:00:01 say");
  EXPECT_EQ(error("  - {addresses: [198.18.0.1/24]}\n"),
            "f.yaml:4:17: networks.addresses: found \"198.18.0.1/24\", expected an IP address");
  EXPECT_THAT(error("  - {address: [198.18.0.1]}\n"), HasSubstr("unknown field \"address\" (did you mean addresses?)"));
}

TEST_F(StaticSourceTest, NamespaceThatIsNotThereIsAProblemUntilItIs) {
  const std::string netns = (root_ / "ns").string();
  Write("a.yaml", "name: a\nnetns: " + netns + "\n");
  Start();
  EXPECT_THAT(sink_.reports_.at("a").problem, HasSubstr(netns));
  EXPECT_EQ(sink_.reports_.at("a").phase, WorkloadPhase::kCreated);
  std::ofstream(netns) << "no namespace";
  ASSERT_TRUE(
      sink_.Wait([](const Sink& sink) { return sink.reports_.at("a").problem.find("is not a namespace") != std::string::npos; }));
  fs::remove(netns);
  fs::create_symlink("/proc/self/ns/net", netns);
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return sink.reports_.at("a").phase == WorkloadPhase::kRunning; }));
  EXPECT_EQ(sink_.reports_.at("a").problem, "");
  EXPECT_TRUE(sink_.reports_.at("a").host_network) << "it is the daemon's own";
}

TEST_F(StaticSourceTest, FollowsTheFolder) {
  Start();  // the folder does not exist yet
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return !sink.problems_.empty(); }));
  Write("a.yaml", "name: a\nnetns: /nonexistent/a\n");
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return sink.reports_.contains("a"); }));
  Write("b.yml", "name: b\nnetns: /nonexistent/b\n");
  Write("c.txt", "name: c\nnetns: /nonexistent/c\n");
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return sink.reports_.contains("b"); }));
  Write("a.yaml", "name: a2\nnetns: /nonexistent/a\n");
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return sink.reports_.at("a").name == "a2"; }));
  fs::remove(root_ / "w" / "b.yml");
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return !sink.reports_.contains("b"); }));
  EXPECT_EQ(sink_.reports_.size(), 1u);
}

TEST_F(StaticSourceTest, BrokenFileKeepsItsWorkloadAndDisturbsNoOther) {
  Write("a.yaml", "name: a\nnetns: /nonexistent/a\n");
  Start();
  Write("a.yaml", "name: [\n");
  Write("b.yaml", "name: b\nnetns: /nonexistent/b\n");
  const std::string file = (root_ / "w" / "a.yaml").string();
  ASSERT_TRUE(sink_.Wait([&](const Sink& sink) { return sink.problems_.contains(file) && sink.reports_.contains("b"); }));
  EXPECT_THAT(sink_.problems_.at(file), testing::AllOf(HasSubstr(file + ":"), HasSubstr("the workload stays as it was")));
  EXPECT_TRUE(sink_.reports_.contains("a"));
  Write("a.yaml", "name: a\nnetns: /nonexistent/a\n");
  ASSERT_TRUE(sink_.Wait([&](const Sink& sink) { return sink.problems_.at(file).empty(); }));
}

TEST_F(StaticSourceTest, OneWorkloadOfOneName) {
  Write("a.yaml", "name: first\nnetns: /nonexistent/a\n");
  Write("a.yml", "name: second\nnetns: /nonexistent/a\n");
  Start();
  ASSERT_TRUE(sink_.Wait([](const Sink& sink) { return !sink.problems_.empty(); }));
  EXPECT_EQ(sink_.reports_.at("a").name, "first");
  EXPECT_THAT(sink_.problems_.begin()->second, HasSubstr("a.yaml has this name already"));
}

TEST_F(StaticSourceTest, FolderIsNoFifoTrap) {
  fs::create_directories(root_ / "w");
  ASSERT_EQ(mkfifo((root_ / "w" / "pipe.yaml").c_str(), 0600), 0);
  Start();
  EXPECT_THAT(sink_.problems_.begin()->second, HasSubstr("regular file"));
}

}  // namespace
}  // namespace bulkhead
