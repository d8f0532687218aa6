// SPDX-License-Identifier: Apache-2.0
#include "controlplane/identity/named_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/identity/service_name.h"

namespace bulkhead {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

Labels PortLabels(const std::vector<std::pair<std::string, std::string>>& ports) {
  Labels out = {{"app", "web"}, {"bulkhead.dev/service", "web"}};
  for (const auto& [name, value] : ports) out["bulkhead.dev/port." + name] = value;
  return out;
}

// What the ports of these labels are, and how many sentences say what is wrong.
std::vector<NamedPort> Ports(const WorkloadReport& report, size_t problems = 0) {
  std::vector<std::string> said;
  std::vector<NamedPort> ports = NamePorts(report, &said);
  EXPECT_THAT(said, SizeIs(problems));
  return ports;
}
std::vector<NamedPort> PortsOfLabel(const std::string& name, const std::string& value, size_t problems = 0) {
  WorkloadReport report;
  report.labels = PortLabels({{name, value}});
  return Ports(report, problems);
}

TEST(NamedPortsTest, Labels) {
  WorkloadReport report;
  report.labels = PortLabels({{"sip", "5060/udp"}, {"http", "8080"}, {"m3ua", "2905/SCTP"}, {"https", "8443/tcp"}});
  EXPECT_THAT(Ports(report), ElementsAre(NamedPort{"http", kProtoTcp, 8080}, NamedPort{"https", kProtoTcp, 8443},
                                         NamedPort{"m3ua", kProtoSctp, 2905}, NamedPort{"sip", kProtoUdp, 5060}));
  EXPECT_THAT(PortsOfLabel("a", "65535"), ElementsAre(NamedPort{"a", kProtoTcp, 65535}));
}

TEST(NamedPortsTest, LabelsThatNameNoPort) {
  for (const char* value : {"", "0", "65536", "-1", "+80", "080", " 80", "80 ", "80/", "/tcp", "80/icmp", "80/6", "80/tcp/udp",
                            "http", "8.0", "0x50", "99999999999999999999", "80-90"}) {
    EXPECT_THAT(PortsOfLabel("http", value, 1), IsEmpty()) << value;
  }
  for (const char* name :
       {"", "HTTP", "80", "-http", "http-", "a--b", "a_b", "a.b", "sixteen-letters-", "sixteen-letters0", "h\n"}) {
    EXPECT_THAT(PortsOfLabel(name, "80", 1), IsEmpty()) << name;
  }
  WorkloadReport other;
  other.labels = {{"bulkhead.dev/port", "80"}, {"bulkhead.dev/portal", "80"}, {"bulkhead.dev/ports.http", "80"}};
  EXPECT_THAT(Ports(other), IsEmpty());
}

// One sentence for a workload, and nothing in it can steer a terminal.
TEST(NamedPortsTest, WhatIsWrongIsSaidOnce) {
  WorkloadReport report;
  report.labels = PortLabels({{"a", "x\x1b[2J"}, {"b", "0"}, {"c", "80"}, {std::string(4000, 'd'), "80"}});
  std::vector<std::string> problems;
  EXPECT_THAT(NamePorts(report, &problems), ElementsAre(NamedPort{"c", kProtoTcp, 80}));
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0],
              AllOf(HasSubstr("3 port labels left out, the first is bulkhead.dev/port.a=x\\x1b[2J;"), Not(HasSubstr("\x1b"))));
  EXPECT_LT(problems[0].size(), 400u);
}

TEST(NamedPortsTest, ImagesLabelsAndWhatItExposesCountButGiveWay) {
  WorkloadReport report;
  report.labels = PortLabels({{"http", "8080"}, {"admin", "9000"}, {"tcp-22", "2222"}});
  report.image_labels = PortLabels({{"http", "22"}, {"admin", "9000"}});  // the engine has let the other http replace it
  report.named_ports = {{"tcp-22", kProtoTcp, 22}, {"tcp-80", kProtoTcp, 80}};
  EXPECT_THAT(Ports(report), ElementsAre(NamedPort{"admin", kProtoTcp, 9000}, NamedPort{"http", kProtoTcp, 8080},
                                         NamedPort{"tcp-22", kProtoTcp, 2222}, NamedPort{"tcp-80", kProtoTcp, 80}));
  report.labels["bulkhead.dev/port.tcp-80"] = "none";
  EXPECT_THAT(Ports(report, 1), Not(Contains(Field(&NamedPort::name, "tcp-80"))))
      << "a label says something else, if nothing sound";
  report.labels.erase("bulkhead.dev/port.tcp-80");
  report.named_ports = {{"dns", kProtoTcp, 53}, {"dns", kProtoUdp, 53}};
  EXPECT_THAT(Ports(report), Contains(Field(&NamedPort::name, "dns")).Times(2)) << "one name, two protocols";
}

// However many an image brings, it does not crowd out what the operator says.
TEST(NamedPortsTest, Bounded) {
  WorkloadReport report;
  for (int i = 0; i < 100; ++i) report.image_labels[absl::StrCat("bulkhead.dev/port.a", i)] = "80";
  report.labels = report.image_labels;
  for (const char* name : {"x", "y", "z"}) report.labels[absl::StrCat("bulkhead.dev/port.", name)] = "443";
  report.named_ports = {{"tcp-80", kProtoTcp, 80}};
  const std::vector<NamedPort> ports = Ports(report, 1);
  ASSERT_EQ(ports.size(), kMaxNamedPorts);
  EXPECT_TRUE(std::is_sorted(ports.begin(), ports.end()));
  EXPECT_THAT(ports, Contains(Field(&NamedPort::port, 443)).Times(3));
  EXPECT_THAT(ports, Each(Field(&NamedPort::name, Not("tcp-80"))));
}

TEST(NamedPortsTest, AnyBytes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(3, static_cast<char>(byte));
    WorkloadReport report;
    report.labels = PortLabels({{text, text}, {"http", "80"}});
    EXPECT_THAT(Ports(report, 1), ElementsAre(NamedPort{"http", kProtoTcp, 80})) << byte;
  }
}

TEST(NamedPortsTest, ArePartOfWhatAWorkloadIsCalled) {
  WorkloadReport report;
  report.name = "web-1";
  report.labels = PortLabels({{"http", "8080"}, {"bad", "x"}});
  report.image_labels = report.labels;
  const Naming naming = NameWorkload(report, false);
  EXPECT_THAT(naming.named_ports, ElementsAre(NamedPort{"http", kProtoTcp, 8080}));
  EXPECT_THAT(naming.problems, ElementsAre(HasSubstr("1 port labels left out")));
  EXPECT_EQ(naming.labels.size(), 1u) << "as labels, the image's are not trusted";
}

}  // namespace
}  // namespace bulkhead
