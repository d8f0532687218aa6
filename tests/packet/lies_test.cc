// SPDX-License-Identifier: Apache-2.0
// Packets of each kind, cut and lied about at every offset. The backends must agree on each one; and whatever a byte says, nothing
// opens a flow but what policy allows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "tests/packet/chaos.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr size_t kPayload = 24;

struct Sample {
  std::string name;
  Frame frame;
  size_t headers;  // bytes from the Ethernet header on that must be there, and that lies are told in
};

Frame Small(uint16_t identification, bool more, uint16_t offset, uint8_t protocol) {
  return Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv4{kWeb.v4, kDb.v4, protocol, 64, identification, more, offset};
}

// What web may send to db; all have kPayload bytes of payload.
std::vector<Sample> OfFlows() {
  const Payload payload{kPayload};
  const Frame v4 = Between(kWeb, kDb, 4), v6 = Between(kWeb, kDb, 6);
  const Tcp tcp{kClientPort, kServicePort};
  const Udp udp{kClientPort, kServicePort, {}};
  IPv4 with_options{kWeb.v4, kDb.v4};
  with_options.options = ByteVector(40, 1);
  const ByteVector segment_size = {2, 4, 5, 0xb4};
  return {
      {"tcp", v4 / tcp / payload, 54},
      {"tcp with options", v4 / Tcp{kClientPort, kServicePort, kSyn, {}, segment_size} / payload, 58},
      {"tcp in v6", v6 / tcp / payload, 74},
      {"udp", v4 / udp / payload, 42},
      {"udp in v6", v6 / udp / payload, 62},
      {"sctp", v4 / Sctp{kClientPort, kServicePort} / payload, 42},
      {"sctp in v6", v6 / Sctp{kClientPort, kServicePort} / payload, 62},
      {"v4 with options", Ethernet{kWeb.mac(), kDb.mac(), {}} / with_options / udp / payload, 82},
      {"hop-by-hop, routing, destination",
       v6 / Extension{kHopByHop, 16, {}} / Extension{kRouting, 24, {}} / Extension{kDestinationOptions, 8, {}} / udp / payload,
       110},
      {"authentication", v6 / Extension{kAuthentication, 12, {}} / udp / payload, 74},
      {"six extensions", v6 / Extension{} / Extension{} / Extension{} / Extension{} / Extension{} / Extension{} / tcp / payload,
       122},
      {"first fragment", Small(9, true, 0, kProtoUdp) / udp / payload, 42},
      {"first fragment of tcp", Small(9, true, 0, kProtoTcp) / tcp / payload, 54},
      {"first fragment in v6", v6 / Fragment6{0, true, 9, {}} / udp / payload, 70},
      {"first fragment in v6 with options", v6 / Fragment6{0, true, 9, {}} / Extension{kDestinationOptions, 16, {}} / tcp / payload,
       98},
      {"atomic fragment", v6 / Fragment6{0, false, 9, {}} / udp / payload, 70},
  };
}

// What passes, if at all, without being a flow, or is refused as it is.
std::vector<Sample> Others() {
  const Frame to_all = Ethernet{kWeb.mac(), *MacAddress::Parse("33:33:00:00:00:01"), {}};
  const Frame nd = to_all / IPv6{kWeb.v6, Ip("ff02::1"), {}, 255};
  const Frame v4 = Between(kWeb, kDb, 4), v6 = Between(kWeb, kDb, 6);
  const Frame quoted4 = IPv4{kDb.v4, kWeb.v4} / Udp{kServicePort, kClientPort, {}};
  const Frame quoted6 = IPv6{kDb.v6, kWeb.v6} / Udp{kServicePort, kClientPort, {}};
  const auto whole = [](std::string name, const Frame& frame) { return Sample{std::move(name), frame, frame.Build().size()}; };
  return {
      whole("arp", Ethernet{kWeb.mac(), Broadcast(), {}} / Arp{1, kWeb.mac(), kWeb.v4, {}, kDb.v4}),
      whole("neighbour solicitation", nd / NeighbourSolicitation(kDb.v6, kWeb.mac())),
      whole("neighbour advertisement", nd / NeighbourAdvertisement(kWeb.v6, kWeb.mac())),
      whole("router solicitation", nd / RouterSolicitation(kWeb.mac())),
      whole("router advertisement", nd / RouterAdvertisement()),
      whole("redirect", nd / Redirect(kDb.v6)),
      whole("listener report", to_all / IPv6{Ip("fe80::1:2"), Ip("ff02::16"), {}, 1} / ListenerReport()),
      whole("dhcp client",
            Ethernet{kWeb.mac(), Broadcast(), {}} / IPv4{Ip("0.0.0.0"), IpAddress::V4(255, 255, 255, 255)} / DhcpClient()),
      whole("dhcp server", v4 / DhcpServer()),
      whole("echo", v4 / Icmp{8, 0, 1, 1}),
      whole("echo in v6", v6 / Icmp6{128, 0, 1, 1}),
      whole("error", v4 / Icmp{3, 3} / quoted4),
      whole("error in v6", v6 / Icmp6{1, 4} / quoted6),
      whole("later fragment", Small(9, false, 64, kProtoUdp) / Payload{8}),
      whole("later fragment in v6", v6 / Fragment6{64, false, 9, kProtoUdp} / Payload{8}),
      whole("gre", Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv4{kWeb.v4, kDb.v4, uint8_t{47}} / Payload{8}),
      whole("vlan", Ethernet{kWeb.mac(), kDb.mac(), {}} / Vlan{} / IPv4{kWeb.v4, kDb.v4} / Udp{1, 2, {}}),
  };
}

std::vector<Sample> AllSamples() {
  std::vector<Sample> out = OfFlows();
  for (Sample& sample : Others()) out.push_back(std::move(sample));
  return out;
}

std::string SampleName(const testing::TestParamInfo<Sample>& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

// Only the service's port: everything that passes as a flow must be of it.
Setting OnlyThePort() {
  const std::string ports = "[{protocol: TCP, port: 5432}, {protocol: UDP, port: 5432}, {protocol: SCTP, port: 5432}]";
  return {.policies = AllowIngress("db", "web", ports) + AllowEgress("web", "db", ports)};
}

Packet Leaving(ByteVector bytes) {
  return {BH_HOOK_INGRESS, kWeb.zone(), kWeb.ifindex(), kWeb.ifindex(), 0, false, std::move(bytes)};
}
Packet Arriving(ByteVector bytes) {
  return {BH_HOOK_EGRESS, kDb.zone(), kDb.ifindex(), kWeb.ifindex(), kWeb.slot(), false, std::move(bytes)};
}

// The IP header says how much there is.
void MakeHonest(ByteVector& bytes) {
  if (bytes[12] == 0x86) {
    bytes[18] = static_cast<uint8_t>((bytes.size() - 54) >> 8);
    bytes[19] = static_cast<uint8_t>(bytes.size() - 54);
  } else {
    bytes[16] = static_cast<uint8_t>((bytes.size() - 14) >> 8);
    bytes[17] = static_cast<uint8_t>(bytes.size() - 14);
  }
}

class LiesTest : public testing::TestWithParam<Sample> {};

INSTANTIATE_TEST_SUITE_P(, LiesTest, testing::ValuesIn(AllSamples()), SampleName);

TEST_P(LiesTest, CutAtEveryOffset) {
  Stage stage(OnlyThePort());
  const ByteVector whole = GetParam().frame.Build();
  for (size_t length = 15; length < whole.size(); ++length) {
    const ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    if (!KernelTakes(cut)) continue;  // see wire_test.cc
    EXPECT_FALSE(stage.Run(Leaving(cut)).pass) << length << " of " << whole.size();
    EXPECT_FALSE(stage.Run(Arriving(cut)).pass && cut[12] != 8) << length << " of " << whole.size();
  }
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(LiesTest, AByteThatLiesAtEveryOffset) {
  const ByteVector honest = GetParam().frame.Build();
  for (const bool leaves : {true, false}) {
    Stage stage(OnlyThePort());
    for (size_t at = 0; at < std::min(GetParam().headers, honest.size()); ++at) {
      const uint8_t was = honest[at];
      for (const int lie : {0, 0x2c, 0x3c, 0x7f, 0xff, was ^ 1, was ^ 0x20, was ^ 0x80, was + 1}) {
        ByteVector bytes = honest;
        bytes[at] = static_cast<uint8_t>(lie);
        if (KernelTakes(bytes)) stage.Run(leaves ? Leaving(bytes) : Arriving(bytes));
      }
    }
    for (const auto& [key, flow] : stage.Flows()) {
      EXPECT_EQ(flow.service_port, kServicePort);
      EXPECT_TRUE(HasPorts(key.protocol)) << int{key.protocol};
      EXPECT_EQ(flow.slot[flow.opener], kWeb.slot());
      // A packet that is delivered may have been translated on its way: its provenance counts.
      EXPECT_TRUE(!leaves || key.address[flow.opener] == kWeb.v4 || key.address[flow.opener] == kWeb.v6);
      EXPECT_TRUE(key.address[flow.responder()] == kDb.v4 || key.address[flow.responder()] == kDb.v6);
    }
  }
}

class CutFlowTest : public testing::TestWithParam<Sample> {};

INSTANTIATE_TEST_SUITE_P(, CutFlowTest, testing::ValuesIn(OfFlows()), SampleName);

// A packet that ends in the middle of its headers, and says so itself, is refused; one that ends behind them is as good as whole.
TEST_P(CutFlowTest, OneThatSaysItIsCut) {
  Stage stage(OnlyThePort());
  const ByteVector whole = GetParam().frame.Build();
  for (size_t length = whole[12] == 0x86 ? 54 : 34; length <= whole.size(); ++length) {
    ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    MakeHonest(cut);
    const bool enough = length >= GetParam().headers;
    EXPECT_EQ(stage.Run(Leaving(cut)).pass, enough) << length << " of " << whole.size();
    EXPECT_EQ(stage.Run(Arriving(cut)).pass, enough) << length << " of " << whole.size();
  }
}

}  // namespace
}  // namespace bulkhead::packet_test
