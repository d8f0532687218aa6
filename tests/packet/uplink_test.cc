// SPDX-License-Identifier: Apache-2.0
// The program of the uplinks, packet by packet: what it drops, and all that it must leave alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <memory>

#include "dataplane/ebpf/ebpf_uplinks.h"
#include "tests/packet/ebpf_world.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint16_t kAsked = 5432, kAsking = 40000, kPublishedPort = 15432, kLocalFirst = 32768, kLocalLast = 60999;

class UplinkTest : public testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    if (SharedWorld() == nullptr) return;
    auto uplinks = SharedWorld()->backend().OpenUplinks(UplinkHook::kGeneric);
    ASSERT_TRUE(uplinks.ok()) << uplinks.status();
    uplinks_ = *std::move(uplinks);
  }
  static void TearDownTestSuite() { uplinks_.reset(); }

  void SetUp() override {
    world_ = SharedWorld();
    if (world_ == nullptr) GTEST_SKIP() << "needs ebpf";
    ASSERT_TRUE(world_->Reset().ok());
    DataplaneOptions options = Stage::Options();
    options.uplinks = true;
    ASSERT_TRUE(backend().SetOptions(options).ok());
    ASSERT_TRUE(uplinks_->SetHostMacs({GatewayMac()}).ok());
    ASSERT_TRUE(uplinks_->SetLocalPorts(kLocalFirst, kLocalLast).ok());
    ASSERT_TRUE(uplinks_->SetBlocked({}).ok());
    Apply({});
    ASSERT_TRUE(backend().SetHostAddresses(HostAddresses()).ok());
    for (const Actor& actor : Cast()) ASSERT_TRUE(backend().PutEndpoint(actor.endpoint).ok());
    counters_ = backend().ReadCounters().value();
  }
  void Apply(const Setting& setting) {
    std::vector<EndpointState> endpoints;
    for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
    const auto policy = std::make_shared<const CompiledPolicy>(CompileSetting(setting, endpoints, ++generation_));
    ASSERT_TRUE(backend().ApplyPolicy(policy).ok());
  }
  // Of the workload's port, at port kPublishedPort of every address.
  void Publish(uint8_t protocol, uint16_t host_port = kPublishedPort) {
    const IpAddress everywhere{static_cast<uint8_t>(family()), {}};
    ASSERT_TRUE(backend().SetPublished({{everywhere, host_port, protocol, kDb.ip(family()), kAsked, kDb.zone()}}).ok());
  }

  int family() const { return GetParam(); }
  EbpfBackend& backend() { return world_->backend(); }
  // From outside to an address, through the host.
  Frame To(const IpAddress& address) { return Headers(family(), MacAddress{{2, 9, 9, 9, 9, 9}}, From(), GatewayMac(), address); }
  IpAddress From() const { return Outside(family()); }
  std::string Cidr(const IpAddress& address) const { return Prefix::Host(address).ToString(); }

  bool Drops(const ByteVector& bytes) {
    const auto run = world_->RunXdp(uplinks_->program(), 0, bytes);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return false;
    EXPECT_TRUE(run->action == XDP_PASS || run->action == XDP_DROP) << run->action;
    return run->action == XDP_DROP;
  }
  bool Drops(const Frame& frame) { return Drops(frame.Build()); }
  // How often the reason was counted since the last call.
  uint64_t Counted(bh_reason reason, bh_verdict verdict = BH_DENY) {
    const std::vector<uint64_t> now = backend().ReadCounters().value();
    const size_t index = static_cast<size_t>(reason) * 3 + verdict;
    const uint64_t more = now[index] - counters_[index];
    counters_ = now;
    return more;
  }
  bool Untouched() { return counters_ == backend().ReadCounters().value(); }
  // A workload sends something, by its own hook.
  bool Leaves(const Actor& from, const Frame& frame) {
    const auto action = world_->Run({BH_HOOK_INGRESS, from.zone(), from.ifindex(), from.ifindex(), 0, false, frame.Build()});
    EXPECT_TRUE(action.ok()) << action.status();
    counters_ = backend().ReadCounters().value();
    return action.ok() && *action == -1;
  }

  static std::unique_ptr<EbpfUplinks> uplinks_;
  EbpfWorld* world_ = nullptr;
  std::vector<uint64_t> counters_;
  uint64_t generation_ = 0;
};
std::unique_ptr<EbpfUplinks> UplinkTest::uplinks_;
INSTANTIATE_TEST_SUITE_P(, UplinkTest, testing::Values(4, 6),
                         [](const testing::TestParamInfo<int>& family) { return "v" + std::to_string(family.param); });

TEST_P(UplinkTest, WithoutPolicyEverythingPasses) {
  Publish(kProtoTcp);
  for (const IpAddress& to : {kWeb.ip(family()), HostUplink(family()), Outside(family(), 9)}) {
    EXPECT_FALSE(Drops(To(to) / Tcp{kAsking, kPublishedPort}));
    EXPECT_FALSE(Drops(To(to) / Udp{kAsking, 53}));
  }
  EXPECT_TRUE(Untouched());
}

TEST_P(UplinkTest, BlockedInEveryMode) {
  const Prefix prefix = Prefix::Of(From(), family() == 4 ? 24 : 64);
  ASSERT_TRUE(uplinks_->SetBlocked({prefix}).ok());
  for (const Mode mode : {Mode::kLearn, Mode::kAudit, Mode::kEnforce}) {
    Apply({.mode = mode, .global_mode = mode});
    EXPECT_TRUE(Drops(To(HostUplink(family())) / Tcp{kAsking, 22}));
    EXPECT_EQ(Counted(BH_REASON_BLOCKED), 1u);
  }
  EXPECT_TRUE(Drops(To(HostUplink(family())) / Tcp{kAsking, 22, kAck})) << "answers, too";
  EXPECT_TRUE(Drops(To(Outside(family(), 9)) / Payload{40})) << "whatever it is";
  EXPECT_EQ(uplinks_->ReadBlocked().value().at(prefix).packets, 5u);
  EXPECT_GT(uplinks_->ReadBlocked().value().at(prefix).bytes, 5u * 54);
  ASSERT_TRUE(uplinks_->SetBlocked({prefix, Prefix::Host(Outside(family(), 9))}).ok());
  EXPECT_EQ(uplinks_->ReadBlocked().value().at(prefix).packets, 5u) << "what stays keeps its count";
  ASSERT_TRUE(uplinks_->SetBlocked({}).ok());
  EXPECT_FALSE(Drops(To(HostUplink(family())) / Tcp{kAsking, 22}));
}

TEST_P(UplinkTest, AllMayBeBlocked) {
  ASSERT_TRUE(uplinks_->SetBlocked({Prefix::Of(From(), 0)}).ok());
  EXPECT_TRUE(Drops(To(HostUplink(family())) / Tcp{kAsking, 22}));
  const int other = family() == 4 ? 6 : 4;
  EXPECT_FALSE(Drops(Headers(other, MacAddress{}, Outside(other), GatewayMac(), HostUplink(other)) / Tcp{kAsking, 22}));
}

TEST_P(UplinkTest, ForgedSources) {
  const auto forged = [&](const IpAddress& to) {
    return Headers(family(), MacAddress{{2, 9, 9, 9, 9, 9}}, kWeb.ip(family()), GatewayMac(), to) / Tcp{kAsking, 22};
  };
  for (const IpAddress& to : {HostUplink(family()), kDb.ip(family()), Outside(family())}) {
    EXPECT_TRUE(Drops(forged(to)));
    EXPECT_EQ(Counted(BH_REASON_SPOOFED_IP), 1u);
  }
  Apply({.mode = Mode::kAudit, .global_mode = Mode::kAudit});
  EXPECT_FALSE(Drops(forged(HostUplink(family()))));
  EXPECT_EQ(Counted(BH_REASON_SPOOFED_IP, BH_WOULD_DENY), 1u);
  Apply({.mode = Mode::kAudit, .modes = {{"web", Mode::kEnforce}}, .global_mode = Mode::kAudit});
  EXPECT_TRUE(Drops(forged(HostUplink(family())))) << "whose address it is enforces";
  Apply({.mode = Mode::kAudit, .modes = {{"db", Mode::kEnforce}}, .global_mode = Mode::kAudit});
  EXPECT_TRUE(Drops(forged(kDb.ip(family())))) << "who it is for enforces";
  EXPECT_FALSE(Drops(forged(kApi.ip(family()))));
}

TEST_P(UplinkTest, AnAddressThatTwoWorkloadsHave) {
  // web2's and twin's.
  const Frame forged = Headers(family(), MacAddress{}, kTwin.ip(family()), GatewayMac(), HostUplink(family())) / Tcp{kAsking, 22};
  EXPECT_TRUE(Drops(forged));
  Apply({.global_mode = Mode::kAudit});
  EXPECT_FALSE(Drops(forged)) << "nobody knows whose it is";
  Apply({.policies = IsolateIngress("web") + IsolateIngress("twin")});
  EXPECT_FALSE(Drops(To(kTwin.ip(family())) / Tcp{kAsking, kAsked})) << "nor whose policy to ask";
}

TEST_P(UplinkTest, OthersFramesAreNotLookedAt) {
  const MacAddress another{{2, 8, 8, 8, 8, 8}};
  Apply({.policies = IsolateIngress("web")});
  EXPECT_FALSE(Drops(Headers(family(), MacAddress{}, kWeb.ip(family()), another, HostUplink(family())) / Tcp{kAsking, 22}));
  EXPECT_FALSE(Drops(Headers(family(), MacAddress{}, From(), another, kWeb.ip(family())) / Tcp{kAsking, 22}));
  EXPECT_TRUE(Untouched());
  EXPECT_TRUE(Drops(Headers(family(), MacAddress{}, From(), kWeb.mac(), kWeb.ip(family())) / Tcp{kAsking, 22})) << "on its own bridge";
  EXPECT_TRUE(Drops(Headers(family(), MacAddress{}, kDb.ip(family()), kWeb.mac(), kWeb.ip(family())) / Tcp{kAsking, 22}));
}

TEST_P(UplinkTest, BehindTags) {
  Apply({.policies = IsolateIngress("web")});
  const IpAddress web = kWeb.ip(family());
  const auto frame = [&](std::vector<uint16_t> tags, const MacAddress& to, const IpAddress& from) {
    Frame out = Ethernet{MacAddress{{2, 9, 9, 9, 9, 9}}, to, {}};
    for (const uint16_t tag : tags) out = out / Vlan{tag, 0x8100, {}};
    out = family() == 4 ? out / IPv4{from, web} : out / IPv6{from, web};
    return out / Tcp{kAsking, kAsked};
  };
  for (const std::vector<uint16_t>& tags : {std::vector<uint16_t>{7}, {7, 8}}) {
    EXPECT_TRUE(Drops(frame(tags, GatewayMac(), From())));
    EXPECT_TRUE(Drops(frame(tags, GatewayMac(), kDb.ip(family()))));
    EXPECT_FALSE(Drops(frame(tags, MacAddress{{2, 8, 8, 8, 8, 8}}, From()))) << "another's";
  }
  EXPECT_FALSE(Drops(frame({7, 8, 9}, GatewayMac(), From()))) << "tc sees it";
  ASSERT_TRUE(uplinks_->SetBlocked({Prefix::Host(From())}).ok());
  EXPECT_TRUE(Drops(frame({7}, MacAddress{{2, 8, 8, 8, 8, 8}}, From())));
}

TEST_P(UplinkTest, RoutedWorkloads) {
  Apply({.policies = AllowIngress("web", Cidr(Outside(family(), 9)), "")});
  const Frame to_web = To(kWeb.ip(family()));
  EXPECT_TRUE(Drops(to_web / Tcp{kAsking, kAsked}));
  EXPECT_EQ(Counted(BH_REASON_POLICY), 1u);
  EXPECT_TRUE(Drops(to_web / Udp{kAsking, kAsked}));
  EXPECT_TRUE(Drops(to_web / Sctp{kAsking, kAsked}));
  EXPECT_TRUE(Drops(family() == 4 ? to_web / Icmp{} : to_web / Icmp6{}));
  std::vector<EdgeRecord> edges;
  ASSERT_TRUE(backend().ReadEdges([&](const EdgeRecord& edge) { return edges.push_back(edge), true; }).ok());
  EXPECT_EQ(edges.size(), 4u) << "as evidence, the same as at the workload's hook";
  counters_ = backend().ReadCounters().value();
  const Frame allowed = Headers(family(), MacAddress{}, Outside(family(), 9), GatewayMac(), kWeb.ip(family()));
  EXPECT_FALSE(Drops(allowed / Tcp{kAsking, kAsked}));
  EXPECT_FALSE(Drops(To(kApi.ip(family())) / Tcp{kAsking, kAsked}));
  EXPECT_TRUE(Untouched()) << "what passes is told by the workload's hook";
}

TEST_P(UplinkTest, WhatWouldBeDeniedLeavesNoTrace) {
  Apply({.policies = IsolateIngress("web"), .mode = Mode::kAudit});
  EXPECT_FALSE(Drops(To(kWeb.ip(family())) / Tcp{kAsking, kAsked}));
  EXPECT_FALSE(Drops(To(kWeb.ip(family())) / Udp{kAsking, kAsked}));
  EXPECT_TRUE(Untouched());
}

TEST_P(UplinkTest, WhatOpensNothingIsLeftToTheWorkloadsHook) {
  Apply({.policies = IsolateIngress("web")});
  const Frame to_web = To(kWeb.ip(family()));
  for (const uint8_t flags : {kAck, static_cast<uint8_t>(kSyn | kAck), kRst, static_cast<uint8_t>(kFin | kAck)}) {
    EXPECT_FALSE(Drops(to_web / Tcp{kAsked, kAsking, flags}));
  }
  EXPECT_FALSE(Drops(family() == 4 ? to_web / Icmp{0, 0, 7, 1} : to_web / Icmp6{129, 0, 7, 1})) << "an echo reply";
  EXPECT_FALSE(Drops((family() == 4 ? to_web / Icmp{3, 4} : to_web / Icmp6{2, 0}) / Payload{60})) << "the path's MTU";
  EXPECT_FALSE(Drops(family() == 6 ? to_web / Icmp6{135, 0} / Payload{20} : to_web / Icmp{5, 0})) << "neighbours, redirects";
  EXPECT_TRUE(Untouched());
}

TEST_P(UplinkTest, AnswersOfAWorkloadsOwnFlows) {
  Apply({.policies = IsolateIngress("web")});
  const Frame answer = To(kWeb.ip(family())) / Udp{53, kAsking};
  EXPECT_TRUE(Drops(answer));
  ASSERT_TRUE(Leaves(kWeb, ToGateway(kWeb, From()) / Udp{kAsking, 53}));
  EXPECT_FALSE(Drops(answer));
  EXPECT_TRUE(Drops(To(kWeb.ip(family())) / Udp{54, kAsking})) << "no answer to that";
}

TEST_P(UplinkTest, PublishedTcp) {
  Publish(kProtoTcp);
  Apply({.policies = AllowIngress("db", Cidr(Outside(family(), 9)), "[{protocol: TCP, port: 5432}]")});
  const Frame to_host = To(HostUplink(family()));
  EXPECT_TRUE(Drops(to_host / Tcp{kAsking, kPublishedPort}));
  EXPECT_EQ(Counted(BH_REASON_POLICY), 1u);
  EXPECT_FALSE(Drops(Headers(family(), MacAddress{}, Outside(family(), 9), GatewayMac(), HostUplink(family())) / Tcp{kAsking, kPublishedPort}))
      << "by the workload's port";
  EXPECT_FALSE(Drops(to_host / Tcp{443, kPublishedPort, kSyn | kAck})) << "an answer of a masqueraded flow";
  EXPECT_FALSE(Drops(to_host / Tcp{443, kPublishedPort, kAck}));
  EXPECT_FALSE(Drops(to_host / Tcp{kAsking, kAsked})) << "not published: the host's own";
  EXPECT_FALSE(Drops(to_host / Udp{kAsking, kPublishedPort})) << "published for TCP alone";
  EXPECT_FALSE(Drops(To(Outside(family(), 9)) / Tcp{kAsking, kPublishedPort})) << "no address of the host";
  EXPECT_TRUE(Untouched());
}

TEST_P(UplinkTest, PublishedUdp) {
  Apply({.policies = IsolateIngress("db")});
  const Frame to_host = To(HostUplink(family()));
  Publish(kProtoUdp);
  EXPECT_TRUE(Drops(to_host / Udp{53, kPublishedPort}));
  for (const uint16_t port : {kLocalFirst, kLocalLast}) {
    Publish(kProtoUdp, port);
    EXPECT_FALSE(Drops(to_host / Udp{53, port})) << "may be a masqueraded flow's";
  }
  for (const uint16_t port : {kLocalFirst - 1, kLocalLast + 1}) {
    Publish(kProtoUdp, static_cast<uint16_t>(port));
    EXPECT_TRUE(Drops(to_host / Udp{53, static_cast<uint16_t>(port)}));
  }
}

TEST_P(UplinkTest, UdpFromWhomSomebodyHasAsked) {
  Apply({.policies = IsolateIngress("db")});
  Publish(kProtoUdp);
  const Frame answer = To(HostUplink(family())) / Udp{53, kPublishedPort};
  EXPECT_TRUE(Drops(answer));
  // Masquerading keeps the port, and takes any other if it is in use.
  ASSERT_TRUE(Leaves(kWeb, ToGateway(kWeb, From()) / Udp{kAsking, 53}));
  EXPECT_FALSE(Drops(answer));
  EXPECT_TRUE(Drops(To(HostUplink(family())) / Udp{54, kPublishedPort})) << "another port of the same";
}

TEST_P(UplinkTest, FragmentsAndCutPacketsAreLeftToTheWorkloadsHook) {
  Apply({.policies = IsolateIngress("web")});
  const ByteVector whole = (To(kWeb.ip(family())) / Tcp{kAsking, kAsked}).Build();
  for (size_t length = 14; length < whole.size(); ++length) {
    EXPECT_FALSE(Drops(ByteVector(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)))) << length;
  }
  EXPECT_TRUE(Drops(whole));
  if (family() == 4) {
    const Frame ethernet = Ethernet{MacAddress{}, GatewayMac(), {}};
    EXPECT_FALSE(Drops(ethernet / IPv4{.source = From(), .destination = kWeb.v4, .protocol = kProtoUdp, .id = 7, .offset = 1480} / Payload{64}));
    EXPECT_TRUE(Drops(ethernet / IPv4{.source = From(), .destination = kWeb.v4, .id = 7, .more = true} / Udp{1, 2} / Payload{64}));
  }
}

// The first buffer of a long frame ends before these headers do.
TEST_P(UplinkTest, BlockedThoughTheHeadersAreOutOfReach) {
  if (family() == 4) GTEST_SKIP() << "headers of IPv4 are not long enough";
  Frame frame = To(HostUplink(6)) / Extension{kDestinationOptions, 2048, {}} / Extension{kDestinationOptions, 1536, {}};
  frame = frame / Tcp{kAsking, 22} / Payload{400};
  EXPECT_FALSE(Drops(frame));
  ASSERT_TRUE(uplinks_->SetBlocked({Prefix::Host(From())}).ok());
  EXPECT_TRUE(Drops(frame));
  EXPECT_EQ(Counted(BH_REASON_BLOCKED), 1u);
}

TEST_P(UplinkTest, GroupsAndOtherProtocolsPass) {
  Apply({.policies = IsolateIngress("web")});
  EXPECT_FALSE(Drops(Ethernet{MacAddress{}, Broadcast(), {}} / Arp{}));
  EXPECT_FALSE(Drops(Ethernet{MacAddress{}, GatewayMac(), 0x88cc} / Payload{60}));
  const IpAddress group = Ip(family() == 4 ? "224.0.0.251" : "ff02::fb");
  EXPECT_FALSE(Drops(Headers(family(), MacAddress{}, From(), {{1, 0, 0x5e, 0, 0, 0xfb}}, group) / Udp{5353, 5353}));
  EXPECT_FALSE(Drops(Headers(family(), MacAddress{}, From(), Broadcast(), kWeb.ip(family())) / Udp{5353, 5353}));
  EXPECT_TRUE(Untouched());
}

}  // namespace
}  // namespace bulkhead::packet_test
