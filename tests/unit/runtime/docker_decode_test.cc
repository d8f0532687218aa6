// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/docker_decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "controlplane/runtime/docker_session.h"
#include "controlplane/runtime/json_reader.h"
#include "tests/unit/runtime/docker_replay.h"

namespace bulkhead {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

const std::string kId(64, 'a');

std::string Inspect(const std::string& members) {
  return R"({"Id":")" + kId + R"(")" + (members.empty() ? "" : "," + members) + "}";
}

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

TEST(DockerDecode, AbsentAndNullAreEmpty) {
  const auto container = DecodeDockerInspect(Inspect(R"("Config":null,"State":null,"HostConfig":null,"NetworkSettings":null)"));
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->id, kId);
  EXPECT_THAT(container->labels, IsEmpty());
  EXPECT_THAT(container->endpoints, IsEmpty());
  EXPECT_TRUE(DecodeDockerInspect(Inspect("")).ok());
}

TEST(DockerDecode, WrongTypesAreErrors) {
  for (const char* members : {
           R"("Name":7)",
           R"("State":[])",
           R"("State":{"Status":"running","Pid":"12"})",
           R"("State":{"Status":"running","Pid":-1})",
           R"("State":{"Status":"running","Pid":99999999999})",
           R"("Config":{"Labels":["a"]})",
           R"("Config":{"Labels":{"a":1}})",
           R"("NetworkSettings":{"Networks":{"n":"x"}})",
           R"("NetworkSettings":{"Networks":{"n":{"IPAddress":"1.2.3"}}})",
           R"("NetworkSettings":{"Networks":{"n":{"MacAddress":"02:42"}}})",
           R"("NetworkSettings":{"Networks":{"n":{"NetworkID":"../../images"}}})",
           R"("NetworkSettings":{"Ports":{"eighty/tcp":[]}})",
           R"("NetworkSettings":{"Ports":{"80/xyz":[]}})",
           R"("NetworkSettings":{"Ports":{"80/tcp":{}}})",
           R"("NetworkSettings":{"Ports":{"80/tcp":[7]}})",
           R"("NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"x","HostPort":"1"}]}})",
       }) {
    const auto container = DecodeDockerInspect(Inspect(members));
    EXPECT_EQ(container.status().code(), absl::StatusCode::kInvalidArgument) << members;
  }
  for (const char* text : {"", "null", "7", "[]", "{}", R"({"Id":7})", R"({"Id":""})", R"({"Id":"a/b"})", R"({"Id":".."})"}) {
    EXPECT_FALSE(DecodeDockerInspect(text).ok()) << text;
    EXPECT_FALSE(DecodeDockerNetwork(text).ok()) << text;
    EXPECT_FALSE(DecodeDockerEvent(text).ok()) << text;
  }
  for (const char* text :
       {"", "null", "{}", "[7]", "[[]]", R"([{"Id":"x","Names":[7]}])", R"([{"Id":"x","Ports":[{"PrivatePort":0}]}])"}) {
    EXPECT_FALSE(DecodeDockerList(text).ok()) << text;
  }
  EXPECT_FALSE(DecodeDockerNetworks("{}").ok());
  EXPECT_FALSE(DecodeDockerImage(R"({"Config":{"Labels":{"a":[]}}})").ok());
  EXPECT_FALSE(DecodeDockerImage(R"({"Config":{"ExposedPorts":["80/tcp"]}})").ok());
}

TEST(DockerDecode, PublishedPorts) {
  const auto ports = [](const std::string& settings, const std::string& asked, const std::string& state) {
    return DecodeDockerInspect(Inspect(R"("State":)" + state + R"(,"NetworkSettings":{"Ports":)" + settings +
                                       R"(},"HostConfig":{"PortBindings":)" + asked + "}"))
        .value()
        .published;
  };
  const std::string created = R"({"Status":"created"})";
  const std::string running = R"({"Status":"running","Pid":5})";
  // Before the start: what was asked for; no address is every address of both families; a port to be chosen is not known.
  const std::string asked = R"({"80/tcp":[{"HostIp":"","HostPort":"8080"}],"81/tcp":[{"HostIp":"","HostPort":""}],
                                "82/udp":[{"HostIp":"","HostPort":"0"}],"83/tcp":[{"HostIp":"127.0.0.1","HostPort":"8000-8010"}]})";
  EXPECT_THAT(ports("{}", asked, created),
              ElementsAre(PublishedPort{Ip("0.0.0.0"), 8080, 80, kProtoTcp}, PublishedPort{Ip("::"), 8080, 80, kProtoTcp}));
  // After it: what is.
  const std::string settings = R"({"81/tcp":[{"HostIp":"0.0.0.0","HostPort":"49153"}],"99/sctp":null,
                                   "53/udp":[{"HostIp":"198.18.0.1","HostPort":"53"},{"HostIp":"fd00::1","HostPort":"53"}]})";
  EXPECT_THAT(ports(settings, asked, running),
              ElementsAre(PublishedPort{Ip("0.0.0.0"), 49153, 81, kProtoTcp}, PublishedPort{Ip("198.18.0.1"), 53, 53, kProtoUdp},
                          PublishedPort{Ip("fd00::1"), 53, 53, kProtoUdp}));
}

TEST(DockerDecode, ExposedPorts) {
  const auto exposed = [](const std::string& ports) {
    return DecodeDockerImage(R"({"Config":{"Labels":{"a":"b"},"ExposedPorts":)" + ports + "}}").value();
  };
  EXPECT_EQ(exposed("null"), (DockerImage{{{"a", "b"}}, {}}));
  EXPECT_THAT(
      exposed(R"({"8080/tcp":{},"80":{},"443/TCP":null,"53/udp":{},"2905/sctp":{}})").exposed,
      ElementsAre(NamedPort{"sctp-2905", kProtoSctp, 2905}, NamedPort{"tcp-443", kProtoTcp, 443},
                  NamedPort{"tcp-80", kProtoTcp, 80}, NamedPort{"tcp-8080", kProtoTcp, 8080}, NamedPort{"udp-53", kProtoUdp, 53}));
  EXPECT_THAT(exposed(R"({"80/icmp":{},"80/":{},"/tcp":{},"":{},"x/tcp":{},"0/tcp":{},"65536/tcp":{},"1-9/tcp":{},"80:80/tcp":{}})")
                  .exposed,
              IsEmpty());
  std::string many = "{";
  for (int i = 65535; i > 0; --i) many += "\"" + std::to_string(i) + (i == 1 ? "/tcp\":{}" : "/tcp\":{},");
  EXPECT_EQ(exposed(many + "}").exposed.size(), kMaxExposed);
  EXPECT_EQ(exposed(many + "}").exposed.front().name, "tcp-1");
  EXPECT_THAT(exposed(many + "}").exposed, Each(Field(&NamedPort::port, Le(256))));
}

TEST(DockerDecode, NamesInAList) {
  const auto list = DecodeDockerList(R"([{"Id":"a1","Names":["/web/db","/db","/api/db"]},{"Id":"a2","Names":[]}])");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ((*list)[0].name, "db");
  EXPECT_EQ((*list)[1].name, "");
}

TEST(DockerDecode, LabelsOfAnyBytes) {
  const auto container =
      DecodeDockerInspect(Inspect(R"("Config":{"Labels":{"":"","a\u0000b":"\u0000","\ud83d\ude00":"\n\"","..":"x"}})"));
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->labels.at(std::string("a\0b", 3)), std::string("\0", 1));
  EXPECT_EQ(container->labels.at(""), "");
  EXPECT_EQ(container->labels.size(), 4u);
}

TEST(DockerDecode, Bridges) {
  const std::string id(64, 'b');
  const auto bridge = [&](const std::string& id_text, const std::string& members) {
    return DecodeDockerNetwork(R"({"Id":")" + id_text + R"(",)" + members + "}").value().bridge;
  };
  EXPECT_EQ(bridge(id, R"("Driver":"bridge")"), "br-bbbbbbbbbbbb");
  EXPECT_EQ(bridge(id, R"("Driver":"bridge","Options":{"com.docker.network.bridge.name":"docker0"})"), "docker0");
  EXPECT_EQ(bridge(id, R"("Driver":"bridge","Options":{"com.docker.network.bridge.name":"a-name-too-long-for-one"})"), "");
  EXPECT_EQ(bridge(id, R"("Driver":"bridge","Options":{"com.docker.network.bridge.name":"../x"})"), "");
  EXPECT_EQ(bridge(id, R"("Driver":"macvlan","Options":{"com.docker.network.bridge.name":"br0"})"), "");
  EXPECT_EQ(bridge("podman", R"("Driver":"bridge")"), "");
}

TEST(DockerDecode, NetworksWhoseContainersAreKeptApart) {
  const auto closed = [](const std::string& options) {
    return DecodeDockerNetwork(R"({"Id":")" + std::string(64, 'b') + R"(","Driver":"bridge","Options":)" + options + "}").value().closed;
  };
  EXPECT_FALSE(closed("{}"));
  EXPECT_FALSE(closed("null"));
  EXPECT_FALSE(closed(R"({"com.docker.network.bridge.enable_icc":"true"})"));
  EXPECT_TRUE(closed(R"({"com.docker.network.bridge.enable_icc":"false"})"));
}

TEST(DockerDecode, Events) {
  const auto connect = DecodeDockerEvent(
      R"({"Type":"network","Action":"connect","Actor":{"ID":"n1","Attributes":{"container":"c1","name":"shop","type":"bridge"}}})");
  ASSERT_TRUE(connect.ok()) << connect.status();
  EXPECT_TRUE(connect->is_network);
  EXPECT_EQ(connect->container, "c1");
  EXPECT_EQ(connect->driver, "bridge");
  EXPECT_FALSE(DecodeDockerEvent(R"({"Type":"volume","Action":"mount","Actor":{"ID":"v"}})").ok());
  EXPECT_FALSE(
      DecodeDockerEvent(R"({"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"../c"}}})").ok());
}

TEST(DockerDecode, GeneratedNames) {
  for (const char* name : {"gallant_dhawan", "zen_wright", "admiring_albattani7", "youthful_x"})
    EXPECT_TRUE(IsDockerGeneratedName(name)) << name;
  for (const char* name : {"shop_db", "web", "", "_", "happy_", "_curie", "happy_curie_1", "happy_curie12", "Happy_curie",
                           "happy-curie", "happy_7", "happy_Curie", "shop_web_1"}) {
    EXPECT_FALSE(IsDockerGeneratedName(name)) << name;
  }
}

TEST(DockerDecode, MessagesArePrintableAndShort) {
  EXPECT_EQ(DecodeDockerMessage(R"({"message":"No such container: x"})"), "No such container: x");
  EXPECT_EQ(DecodeDockerMessage(R"({"message":"a\u001b[31mb\nc"})"), "a?[31mb?c");
  EXPECT_EQ(DecodeDockerMessage(R"({"message":")" + std::string(5000, 'x') + R"("})").size(), 200u);
  EXPECT_EQ(DecodeDockerMessage("<html>"), "");
  EXPECT_EQ(DecodeDockerMessage("[]"), "");
}

TEST(DockerDecode, Versions) {
  EXPECT_EQ(ChooseDockerApi("1.41").value(), "1.41");
  EXPECT_EQ(ChooseDockerApi("1.24").value(), "1.24");
  EXPECT_EQ(ChooseDockerApi("1.99").value(), "1.51");
  for (const char* version : {"", "1", "1.", "1.23", "2.0", "1.x", "1.41x", "1.-5", "1.99999999999999"}) {
    EXPECT_FALSE(ChooseDockerApi(version).ok()) << version;
  }
}

TEST(DockerDecode, Limits) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
  EXPECT_THAT(std::string(ParseJson(std::string(65, '[') + std::string(65, ']')).status().message()), HasSubstr("deeper than 64"));
  EXPECT_THAT(std::string(ParseJson(std::string(10'000'000, '[')).status().message()), HasSubstr("deeper"));
  EXPECT_TRUE(ParseJson("\"" + std::string(1000, '[') + "\"").ok());
  EXPECT_TRUE(ParseJson(R"(["\"[[", "\\"])").ok());
  EXPECT_FALSE(ParseJson("[1,2,3]", {.bytes = 6}).ok());
  EXPECT_FALSE(ParseJson("[1,2,3]", {.values = 3}).ok());
  EXPECT_TRUE(ParseJson("[1,2,3]", {.values = 4}).ok());
  EXPECT_FALSE(ParseJson("\"\xff\xfe\"").ok());
  EXPECT_FALSE(ParseJson("{} {}").ok());
}

// Every answer that was recorded, cut at every byte and with every byte changed: an answer or an error, never a crash.
TEST(DockerDecode, CutAndChangedAnswers) {
  const std::map<std::string, std::function<bool(std::string_view)>> decoders = {
      {"/containers/json", [](std::string_view text) { return DecodeDockerList(text).ok(); }},
      {"/containers/", [](std::string_view text) { return DecodeDockerInspect(text).ok(); }},
      {"/networks/", [](std::string_view text) { return DecodeDockerNetwork(text).ok(); }},
      {"/networks", [](std::string_view text) { return DecodeDockerNetworks(text).ok(); }},
      {"/images/", [](std::string_view text) { return DecodeDockerImage(text).ok(); }},
      {"event", [](std::string_view text) { return DecodeDockerEvent(text).ok(); }},
  };
  const std::vector<std::string> order = {"/containers/json", "/containers/", "/networks/", "/networks", "/images/"};
  std::map<std::string, std::set<std::string>> bodies;
  const Transcript transcript = LoadTranscript("lifecycle.ndjson");
  for (const TranscriptStep& step : transcript.steps) {
    if (!step.event.empty()) bodies["event"].insert(step.event);
    for (const TranscriptAnswer& answer : step.answers) {
      if (answer.status != 200) continue;
      for (const std::string& prefix : order) {
        if (!answer.path.starts_with(prefix)) continue;
        bodies[prefix].insert(answer.body);
        break;
      }
    }
  }
  for (const auto& [kind, texts] : bodies) {
    int left = 4;  // of each kind: they differ little
    for (const std::string& text : texts) {
      if (left-- == 0) break;
      EXPECT_TRUE(decoders.at(kind)(text)) << kind << text;
      for (size_t cut = 0; cut < text.size(); ++cut) EXPECT_FALSE(decoders.at(kind)(std::string_view(text).substr(0, cut))) << kind;
      std::string changed = text;
      for (size_t at = 0; at < text.size(); ++at) {
        for (const char c : {'"', '[', '}', '9', '\0', '\xff'}) {
          changed[at] = c;
          decoders.at(kind)(changed);
        }
        changed[at] = text[at];
      }
    }
  }
  EXPECT_EQ(bodies.size(), decoders.size());
}

}  // namespace
}  // namespace bulkhead
