// SPDX-License-Identifier: Apache-2.0
// A workload speaks in its own name: addresses, ARP, neighbour discovery, DHCP; and what must pass although it has none yet.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

const IpAddress kAny4 = IpAddress::V4(0, 0, 0, 0);
const IpAddress kAny6 = Ip("::");
const IpAddress kAllNodes = Ip("ff02::1"), kAllRouters = Ip("ff02::2"), kMldRouters = Ip("ff02::16"),
                kDhcpServers = Ip("ff02::1:2");
const MacAddress kGroupMac{{0x33, 0x33, 0, 0, 0, 1}};

Frame Nd(const Actor& from, const IpAddress& source, const IpAddress& destination, const Frame& message, uint8_t hop_limit = 255) {
  return Ethernet{from.mac(), kGroupMac, {}} / IPv6{source, destination, {}, hop_limit} / message;
}

// Every service enforces, and policy allows nothing at all: what passes, passes without it.
Setting Closed() { return {.policies = IsolateEgress("web") + IsolateIngress("web") + IsolateEgress("db") + IsolateIngress("db")}; }

TEST(SourceTest, AnothersAddress) {
  for (const int family : {4, 6}) {
    Stage stage({});
    for (const IpAddress& source : {kDb.ip(family), Outside(family), Gateway(1, family), kCache.ip(family), kTwin.ip(family)}) {
      const Frame frame = Headers(family, kWeb.mac(), source, kApi.mac(), kApi.ip(family)) / Udp{1, 2, {}};
      EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_SPOOFED_IP)) << source.ToString();
    }
    const Frame unspecified = Headers(family, kWeb.mac(), family == 4 ? kAny4 : kAny6, kApi.mac(), kApi.ip(family)) / Udp{1, 2, {}};
    EXPECT_THAT(stage.Leaves(kWeb, unspecified), Denied(BH_REASON_SPOOFED_IP));
    EXPECT_TRUE(stage.Edges().empty()) << "a forged packet is never evidence";
  }
}

TEST(SourceTest, AnothersMac) {
  for (const int family : {4, 6}) {
    Stage stage({});
    const Frame frame = Headers(family, kDb.mac(), kWeb.ip(family), kApi.mac(), kApi.ip(family)) / Udp{1, 2, {}};
    EXPECT_THAT(stage.Leaves(kWeb, frame), Denied(BH_REASON_SPOOFED_MAC));
  }
}

TEST(SourceTest, AMacThatNobodyKnowsIsNotChecked) {
  Stage stage({});
  EndpointState endpoint = kWeb.endpoint;
  endpoint.mac = {};
  stage.Put(endpoint);
  const Frame frame = Headers(4, kDb.mac(), kWeb.v4, kApi.mac(), kApi.v4) / Udp{1, 2, {}};
  EXPECT_THAT(stage.Leaves(kWeb, frame), Allowed());
}

TEST(SourceTest, ForgeriesPassOutsideEnforceAndAreTold) {
  Stage stage({.mode = Mode::kLearn});
  const Frame frame = Headers(4, kWeb.mac(), kDb.v4, kApi.mac(), kApi.v4) / Udp{1, 2, {}};
  const Outcome outcome = stage.Leaves(kWeb, frame);
  EXPECT_THAT(outcome, WouldBeDenied(BH_REASON_SPOOFED_IP));
  EXPECT_EQ(outcome.tag, BH_TAG_REFUSED) << "not as anything of web's";
  EXPECT_TRUE(stage.Flows().empty());
  EXPECT_TRUE(stage.Edges().empty());
}

TEST(SourceTest, AnyEnforcingSideDropsAForgery) {
  Stage stage({.mode = Mode::kLearn, .modes = {{"api", Mode::kEnforce}}});
  const Frame frame = Headers(4, kWeb.mac(), kDb.v4, kApi.mac(), kApi.v4) / Udp{1, 2, {}};
  EXPECT_THAT(stage.Travels(kWeb, kApi, frame), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, Between(kDb, kWeb) / Udp{1, 2, {}}), WouldBeDenied(BH_REASON_SPOOFED_IP));
}

// Whoever does not enforce cannot answer in another's place somebody who does, nor break its flows by errors.
TEST(SourceTest, AForgeryIsNoFirstAnswerAndNoError) {
  Stage stage({.mode = Mode::kLearn, .modes = {{"web", Mode::kEnforce}}});
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, Outside(4)) / Udp{40000, 53, {}}), Allowed());
  const Frame forged = Headers(4, kEvil.mac(), Outside(4), kWeb.mac(), kWeb.v4) / Udp{53, 40000, {}};
  EXPECT_THAT(stage.Travels(kEvil, kWeb, forged), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kWeb, FromGateway(Outside(4), kWeb) / Udp{53, 40000, {}}, 0, kUplink), Established());
  const Frame asked = Between(kWeb, kDb) / Udp{40001, 5432, {}};
  EXPECT_THAT(stage.Travels(kWeb, kDb, asked), Established());
  const Frame error = Icmp{3, 3} / (IPv4{kWeb.v4, kDb.v4} / Udp{40001, 5432, {}});
  EXPECT_THAT(stage.Travels(kEvil, kWeb, Between(kEvil, kWeb) / error), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Travels(kDb, kWeb, Between(kDb, kWeb) / error), Allowed());
}

// The bridge learns from every frame that passes: a neighbour's MAC on one of a flow that is allowed would take its frames away.
TEST(SourceTest, AnEstablishedFlowTakesNoOtherMac) {
  Stage stage({});
  for (const int family : {4, 6}) {
    const auto asks = [&](const MacAddress& from) {
      return Headers(family, from, (family == 4 ? kWeb.v4 : kWeb.v6), kDb.mac(), (family == 4 ? kDb.v4 : kDb.v6)) /
             Udp{40000, 5432, {}};
    };
    const auto answers = [&](const MacAddress& from) {
      return Headers(family, from, (family == 4 ? kDb.v4 : kDb.v6), kWeb.mac(), (family == 4 ? kWeb.v4 : kWeb.v6)) /
             Udp{5432, 40000, {}};
    };
    EXPECT_THAT(stage.Travels(kWeb, kDb, asks(kWeb.mac())), Established());
    EXPECT_THAT(stage.Travels(kDb, kWeb, answers(kDb.mac())), Established());
    EXPECT_THAT(stage.Leaves(kWeb, asks(kApi.mac())), Denied(BH_REASON_SPOOFED_MAC));
    EXPECT_THAT(stage.Leaves(kDb, answers(kApi.mac())), Denied(BH_REASON_SPOOFED_MAC));
    stage.Apply({.policies = AllowIngress("cache", "api", "")});
    EXPECT_THAT(stage.Leaves(kWeb, asks(kWeb.mac())), Allowed()) << "judged again";
    EXPECT_THAT(stage.Leaves(kWeb, asks(kApi.mac())), Denied(BH_REASON_SPOOFED_MAC));
    EXPECT_THAT(stage.Travels(kWeb, kDb, asks(kWeb.mac())), Established());
  }
}

TEST(SourceTest, Arp) {
  Stage stage(Closed());
  const auto arp = [](const MacAddress& ethernet, const MacAddress& mac, const IpAddress& ip, uint16_t operation) {
    return Ethernet{ethernet, Broadcast(), {}} / Arp{operation, mac, ip, {}, kApi.v4};
  };
  for (const uint16_t operation : {1, 2}) {
    EXPECT_THAT(stage.Travels(kWeb, kDb, arp(kWeb.mac(), kWeb.mac(), kWeb.v4, operation)), Allowed());
    EXPECT_THAT(stage.Leaves(kWeb, arp(kWeb.mac(), kWeb.mac(), kAny4, operation)), Allowed()) << "a probe, RFC 5227";
    EXPECT_THAT(stage.Leaves(kWeb, arp(kWeb.mac(), kWeb.mac(), kDb.v4, operation)), Denied(BH_REASON_SPOOFED_ARP));
    EXPECT_THAT(stage.Leaves(kWeb, arp(kWeb.mac(), kDb.mac(), kWeb.v4, operation)), Denied(BH_REASON_SPOOFED_ARP));
    EXPECT_THAT(stage.Leaves(kWeb, arp(kDb.mac(), kWeb.mac(), kWeb.v4, operation)), Denied(BH_REASON_SPOOFED_ARP));
    EXPECT_THAT(stage.Leaves(kStranger, arp(kDb.mac(), kWeb.mac(), kWeb.v4, operation)), Allowed()) << "nobody knows its name";
  }
}

TEST(SourceTest, ArpThatLiesAboutItsLengths) {
  Stage stage({});
  Arp arp{1, kWeb.mac(), kWeb.v4, {}, kApi.v4};
  arp.hardware_length = 8;
  EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), Broadcast(), {}} / arp), Denied(BH_REASON_TRUNCATED));
  arp.hardware_length = 6;
  arp.hardware = 6;
  EXPECT_THAT(stage.Leaves(kWeb, Ethernet{kWeb.mac(), Broadcast(), {}} / arp), Denied(BH_REASON_TRUNCATED));
}

TEST(SourceTest, NeighbourDiscoveryInOnesOwnName) {
  Stage stage(Closed());
  const IpAddress own = kWeb.v6, link_local = LinkLocal(kWeb);
  for (const IpAddress& source : {own, link_local}) {
    EXPECT_THAT(stage.Travels(kWeb, kDb, Nd(kWeb, source, kAllNodes, NeighbourSolicitation(kDb.v6, kWeb.mac()))), Allowed());
    EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, source, kAllNodes, NeighbourAdvertisement(own, kWeb.mac()))), Allowed());
    EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, source, kAllNodes, NeighbourAdvertisement(link_local))), Allowed());
    EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, source, kAllRouters, RouterSolicitation(kWeb.mac()))), Allowed());
  }
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, kAny6, kAllNodes, NeighbourSolicitation(own))), Allowed())
      << "duplicate address detection";
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, kAny6, kAllRouters, RouterSolicitation())), Allowed());
}

TEST(SourceTest, NeighbourDiscoveryInAnothersName) {
  Stage stage(Closed());
  const auto leaves = [&](const IpAddress& source, const Frame& message, uint8_t hop_limit = 255) {
    return stage.Leaves(kWeb, Nd(kWeb, source, kAllNodes, message, hop_limit));
  };
  EXPECT_THAT(leaves(kWeb.v6, NeighbourAdvertisement(kDb.v6, kWeb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(leaves(kWeb.v6, NeighbourAdvertisement(LinkLocal(kDb), kWeb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(leaves(kWeb.v6, NeighbourAdvertisement(kWeb.v6, kDb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(leaves(kWeb.v6, NeighbourSolicitation(kApi.v6, kDb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(leaves(kDb.v6, NeighbourSolicitation(kApi.v6, kWeb.mac())), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(leaves(kWeb.v6, RouterSolicitation(kDb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(leaves(kWeb.v6, NeighbourSolicitation(kApi.v6, kWeb.mac()), 254), Denied(BH_REASON_SPOOFED_ND)) << "routed";
  EXPECT_THAT(
      stage.Leaves(kWeb, Ethernet{kDb.mac(), kGroupMac, {}} / IPv6{kWeb.v6, kAllNodes, {}, 255} / NeighbourSolicitation(kApi.v6)),
      Denied(BH_REASON_SPOOFED_MAC));
}

TEST(SourceTest, NeighbourDiscoveryOptionsThatLie) {
  Stage stage({});
  const auto with_options = [&](const ByteVector& options) {
    return stage.Leaves(kWeb, Nd(kWeb, kWeb.v6, kAllNodes, NeighbourSolicitation(kApi.v6) / Raw{options}));
  };
  EXPECT_THAT(with_options({14, 1, 0, 0, 0, 0, 0, 0}), Allowed()) << "a nonce, RFC 3971";
  EXPECT_THAT(with_options({1, 0, 0, 0, 0, 0, 0, 0}), Denied(BH_REASON_TRUNCATED)) << "of no length";
  EXPECT_THAT(with_options({14, 2, 0, 0, 0, 0, 0, 0}), Denied(BH_REASON_TRUNCATED)) << "beyond the end";
  EXPECT_THAT(with_options({14, 1, 0}), Denied(BH_REASON_TRUNCATED)) << "cut";
  ByteVector many;
  for (int i = 0; i < 8; ++i) many.insert(many.end(), {14, 1, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(with_options(many), Allowed());
  many.insert(many.end(), {14, 1, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(with_options(many), Denied(BH_REASON_SPOOFED_ND)) << "more than are looked at";
}

TEST(SourceTest, NeighbourDiscoveryOptionsThatHoldMore) {
  Stage stage({});
  for (const Actor* from : {&kWeb, &kStranger}) {
    const MacAddress& mac = from->mac();
    const auto with_options = [&](const IpAddress& to, ByteVector options, const ByteVector& rest) {
      options.insert(options.end(), mac.bytes.begin(), mac.bytes.end());
      options.insert(options.end(), rest.begin(), rest.end());
      return stage.Leaves(*from, Nd(*from, from->v6, to, NeighbourSolicitation(kDb.v6) / Raw{options}));
    };
    for (const IpAddress& to : {kAllNodes, kDb.v6}) {
      EXPECT_THAT(with_options(to, {1, 1}, {}), Allowed());
      EXPECT_THAT(with_options(to, {1, 2}, ByteVector(8)), Denied(BH_REASON_SPOOFED_ND)) << "more than a MAC";
      EXPECT_THAT(with_options(to, {14, 2}, ByteVector(8)), Denied(BH_REASON_SPOOFED_ND)) << "more than a nonce";
      EXPECT_THAT(with_options(to, {200, 1}, {}), Denied(BH_REASON_SPOOFED_ND)) << "whatever it is";
      EXPECT_THAT(with_options(to, {1, 1}, {253, 1, 1, 2, 3, 4, 5, 6}), Denied(BH_REASON_SPOOFED_ND)) << "behind a good one";
    }
    EXPECT_THAT(with_options(kAllNodes, {1, 1}, {14, 1, 1, 2, 3, 4, 5, 6}), Allowed());
    EXPECT_THAT(with_options(kDb.v6, {1, 1}, {14, 1, 1, 2, 3, 4, 5, 6}), Denied(BH_REASON_SPOOFED_ND)) << "a nonce is for all";
  }
}

TEST(SourceTest, NeighbourDiscoveryStaysOnTheLink) {
  Stage stage(Closed());
  for (const Actor* from : {&kWeb, &kStranger}) {
    const auto sends = [&](const IpAddress& to, const Frame& message, uint8_t hop_limit = 255) {
      return stage.Leaves(*from, Ethernet{from->mac(), GatewayMac(), {}} / IPv6{from->v6, to, {}, hop_limit} / message);
    };
    for (const Frame& message : {NeighbourSolicitation(Gateway(1, 6)), RouterSolicitation()}) {
      EXPECT_THAT(sends(Outside(6), message), Denied(BH_REASON_SPOOFED_ND)) << "to be routed";
      EXPECT_THAT(sends(kCache.v6, message), Denied(BH_REASON_SPOOFED_ND)) << "to another bridge";
      EXPECT_THAT(sends(kAny6, message), Denied(BH_REASON_SPOOFED_ND));
      for (const IpAddress& to : {Gateway(1, 6), HostUplink(6), kDb.v6, LinkLocal(kDb), Ip("fe80::5efe:1"), kAllNodes}) {
        EXPECT_THAT(sends(to, message), Allowed()) << to.ToString();
        EXPECT_THAT(sends(to, message, 64), Denied(BH_REASON_SPOOFED_ND)) << to.ToString();
      }
    }
  }
}

TEST(SourceTest, NeighbourDiscoveryWithANeighbourThatNobodyKnows) {
  Stage stage(Closed());
  const IpAddress neighbour = Ip("fd00:1::c8"), another = Ip("fd00:1::c9"), elsewhere = Ip("fd00:1:0:1::c8");
  const auto sends = [&](const Actor& from, const IpAddress& source, const IpAddress& to, const Frame& message) {
    return stage.Leaves(from, Ethernet{from.mac(), GatewayMac(), {}} / IPv6{source, to, {}, 255} / message);
  };
  const auto solicits = [](const IpAddress& target) { return NeighbourSolicitation(target, kWeb.mac()); };
  const Frame answer = NeighbourAdvertisement(kWeb.v6, kWeb.mac());
  EXPECT_THAT(sends(kWeb, kWeb.v6, neighbour, answer), Allowed());
  EXPECT_THAT(sends(kWeb, kWeb.v6, neighbour, solicits(neighbour)), Allowed());
  EXPECT_THAT(sends(kWeb, kWeb.v6, neighbour, solicits(another)), Denied(BH_REASON_SPOOFED_ND)) << "tells it something";
  EXPECT_THAT(sends(kWeb, kWeb.v6, neighbour, solicits(neighbour) / Raw{{14, 1, 1, 2, 3, 4, 5, 6}}), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(sends(kWeb, kWeb.v6, neighbour, RouterSolicitation(kWeb.mac())), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(sends(kWeb, LinkLocal(kWeb), neighbour, answer), Denied(BH_REASON_SPOOFED_ND)) << "of another prefix";
  EXPECT_THAT(sends(kWeb, kWeb.v6, elsewhere, answer), Denied(BH_REASON_SPOOFED_ND)) << "to be routed";
  EXPECT_THAT(sends(kStranger, kStranger.v6, neighbour, NeighbourAdvertisement(kStranger.v6)), Denied(BH_REASON_SPOOFED_ND))
      << "nobody knows its address";
}

TEST(SourceTest, NeighbourDiscoveryFromBeyondTheLink) {
  Stage stage(Closed());
  const auto arrives = [&](const IpAddress& to, const MacAddress& mac, uint8_t hop_limit) {
    const Frame ip = Ethernet{GatewayMac(), mac, {}} / IPv6{Outside(6), to, {}, hop_limit};
    return stage.ArrivesFromOutside(kWeb, ip / NeighbourAdvertisement(Outside(6), GatewayMac()));
  };
  for (const uint8_t hop_limit : {uint8_t{1}, uint8_t{64}, uint8_t{254}}) {
    EXPECT_THAT(arrives(kWeb.v6, kWeb.mac(), hop_limit), Denied(BH_REASON_SPOOFED_ND)) << int{hop_limit};
    EXPECT_THAT(arrives(kAllNodes, kGroupMac, hop_limit), Denied(BH_REASON_SPOOFED_ND)) << int{hop_limit};
  }
  EXPECT_THAT(arrives(kWeb.v6, kWeb.mac(), 255), Allowed());
  EXPECT_THAT(arrives(kAllNodes, kGroupMac, 255), Allowed());
}

TEST(SourceTest, NeighbourDiscoveryForOneReceiver) {
  Stage stage(Closed());
  stage.SetHostAddresses({Ip("fe80::1"), Gateway(1, 6)});
  const auto probe = [&](const Actor& at, const IpAddress& to, const MacAddress& mac) {
    const Frame frame = Ethernet{kWeb.mac(), mac, {}} / IPv6{kWeb.v6, to, {}, 255} / NeighbourSolicitation(to, kWeb.mac());
    return stage.Travels(kWeb, at, frame);
  };
  const IpAddress of_its_own = Ip("fe80::1234:5678:9abc:def0");
  for (const IpAddress& to : {kDb.v6, LinkLocal(kDb), of_its_own}) {
    EXPECT_THAT(probe(kDb, to, kDb.mac()), Allowed()) << "neighbours that may not talk find each other: " << to.ToString();
    EXPECT_THAT(probe(kDb, to, kGroupMac), Denied(BH_REASON_WRONG_PORT)) << "everybody could read it: " << to.ToString();
    EXPECT_THAT(probe(kEvil, to, kDb.mac()), Denied(BH_REASON_WRONG_PORT)) << "flooded: " << to.ToString();
  }
  for (const IpAddress& to : {kApi.v6, LinkLocal(kApi), LinkLocal(kStranger), Ip("fe80::1")}) {
    EXPECT_THAT(probe(kEvil, to, kEvil.mac()), Denied(BH_REASON_WRONG_PORT)) << "another's: " << to.ToString();
  }
  EXPECT_THAT(probe(kStranger, kStranger.v6, kStranger.mac()), Allowed()) << "a neighbour that nobody knows";
  EXPECT_THAT(probe(kStranger, LinkLocal(kStranger), kStranger.mac()), Allowed());
  EXPECT_THAT(probe(kStranger, kDb.v6, kStranger.mac()), Denied(BH_REASON_WRONG_PORT));
}

// An answer to nobody would do: "I am fe80::1, and this is my MAC", in a solicitation's source.
TEST(SourceTest, LinkLocalSourcesThatSomebodyElseHas) {
  Stage stage(Closed());
  stage.SetHostAddresses({Ip("fe80::1"), Gateway(1, 6)});
  EndpointState api = kApi.endpoint;
  api.addresses.push_back(Ip("fe80::77"));
  stage.Put(api);
  const auto speaks = [&](const Actor& from, const IpAddress& source) {
    const Outcome solicits = stage.Leaves(from, Nd(from, source, kAllNodes, NeighbourSolicitation(kDb.v6, from.mac())));
    EXPECT_EQ(stage.Leaves(from, Nd(from, source, kAllRouters, RouterSolicitation(from.mac()))).reason, solicits.reason);
    EXPECT_EQ(stage.Leaves(from, Nd(from, source, kMldRouters, ListenerReport(), 1)).reason, solicits.reason);
    return solicits;
  };
  for (const IpAddress& taken : {Ip("fe80::1"), Ip("fe80::77"), LinkLocal(kDb), LinkLocal(kStranger)}) {
    EXPECT_THAT(speaks(kEvil, taken), Denied(BH_REASON_SPOOFED_IP)) << taken.ToString();
  }
  EXPECT_THAT(speaks(kApi, Ip("fe80::77")), Allowed()) << "its own";
  for (const IpAddress& free : {LinkLocal(kEvil), LinkLocal(kCache), Ip("fe80::1234:5678:9abc:def0"), Ip("fe80::2")}) {
    EXPECT_THAT(speaks(kEvil, free), Allowed()) << free.ToString();
  }
  stage.Remove(kDb.slot());
  EXPECT_THAT(speaks(kEvil, LinkLocal(kDb)), Allowed()) << "gone";
  EndpointState unsaid = kEvil.endpoint;
  unsaid.mac = {};
  stage.Put(unsaid);
  EXPECT_THAT(speaks(kEvil, LinkLocal(kWeb)), Denied(BH_REASON_SPOOFED_IP)) << "though its own MAC is not known";
}

TEST(SourceTest, OfTwoEndpointsWithOneMacTheOtherStaysKnown) {
  Stage stage(Closed());
  EndpointState again = kDb.endpoint;
  again.slot = Replacement(kDb.slot());
  again.ifindex = Late().ifindex();
  stage.Put(again);
  stage.Remove(kDb.slot());
  const Frame poison = Nd(kEvil, LinkLocal(kDb), kAllNodes, NeighbourSolicitation(kWeb.v6, kEvil.mac()));
  EXPECT_THAT(stage.Leaves(kEvil, poison), Denied(BH_REASON_SPOOFED_IP));
  stage.Remove(again.slot);
  EXPECT_THAT(stage.Leaves(kEvil, poison), Allowed());
}

TEST(SourceTest, RoutersAreNoWorkloads) {
  Stage stage({});
  const Frame advert = Nd(kWeb, LinkLocal(kWeb), kAllNodes, RouterAdvertisement());
  EXPECT_THAT(stage.Leaves(kWeb, advert), Denied(BH_REASON_ROUTER_ADVERT));
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, LinkLocal(kWeb), kAllNodes, Redirect(kDb.v6))), Denied(BH_REASON_ROUTER_ADVERT));
  EXPECT_THAT(stage.Leaves(kStranger, Nd(kStranger, LinkLocal(kStranger), kAllNodes, RouterAdvertisement())),
              Denied(BH_REASON_ROUTER_ADVERT));
  EXPECT_THAT(stage.ArrivesFromHost(kWeb, Nd(kDb, LinkLocal(kDb), kAllNodes, RouterAdvertisement())), Allowed())
      << "the host's own";
}

TEST(SourceTest, ListenersReport) {
  Stage stage(Closed());
  for (const IpAddress& source : {kAny6, LinkLocal(kWeb)}) {
    EXPECT_THAT(stage.Travels(kWeb, kDb, Nd(kWeb, source, kMldRouters, ListenerReport(), 1)), Allowed());
    EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, source, kMldRouters, ListenerReport(), 64)), Denied(BH_REASON_SPOOFED_ND));
    EXPECT_THAT(stage.ArrivesFromOutside(kDb, Nd(kWeb, source, kMldRouters, ListenerReport(), 64)), Denied(BH_REASON_SPOOFED_ND));
  }
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, kWeb.v6, kMldRouters, ListenerReport(), 1)), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, Nd(kWeb, Outside(6), kMldRouters, ListenerReport(), 1)), Denied(BH_REASON_SPOOFED_ND));
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, kDb.v6, kMldRouters, ListenerReport(), 1)), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Leaves(kWeb, Nd(kWeb, kWeb.v6, kDb.v6, ListenerReport(), 1)), Denied(BH_REASON_ICMP_TYPE))
      << "to nobody's group";
  const auto igmp = [](const IpAddress& source, const IpAddress& to) {
    return Ethernet{kWeb.mac(), kGroupMac, {}} / IPv4{source, to, uint8_t{2}, 1} / Raw{{0x22, 0, 0, 0, 0, 0, 0, 0}};
  };
  EXPECT_THAT(stage.Travels(kWeb, kDb, igmp(kWeb.v4, Ip("224.0.0.22"))), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, igmp(kAny4, Ip("224.0.0.22"))), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, igmp(kDb.v4, Ip("224.0.0.22"))), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Leaves(kWeb, igmp(kWeb.v4, IpAddress::V4(255, 255, 255, 255))), Denied(BH_REASON_POLICY)) << "no group";
  EXPECT_THAT(stage.Arrives(kDb, igmp(kWeb.v4, IpAddress::V4(255, 255, 255, 255)), kWeb.slot(), kWeb.ifindex()),
              Denied(BH_REASON_POLICY));
  const Frame unicast = Between(kWeb, kDb) / Raw{{0x22, 0, 0, 0, 0, 0, 0, 0}};
  EXPECT_THAT(stage.Leaves(kWeb, unicast), Denied(BH_REASON_POLICY));
}

TEST(SourceTest, WhatIsNoReportIsJudgedLikeAnythingElse) {
  Stage stage(Closed());
  const auto igmp = [](IPv4 ip, size_t bytes) {
    ip.source = kWeb.v4;
    ip.destination = Ip("224.0.0.22");
    ip.protocol = uint8_t{2};
    return Ethernet{kWeb.mac(), kGroupMac, {}} / ip / Payload{bytes};
  };
  IPv4 first{{}, {}, {}, 1}, routed;
  first.more = true;
  const size_t most = 8 + 20 * (8 + 10 * 4);
  EXPECT_THAT(stage.Travels(kWeb, kDb, igmp({{}, {}, {}, 1}, 8)), Allowed()) << "IGMPv2, or a query";
  EXPECT_THAT(stage.Travels(kWeb, kDb, igmp({{}, {}, {}, 1}, most)), Allowed()) << "20 groups, 10 sources each";
  const std::pair<const char*, Frame> others[] = {{"longer than hosts need", igmp({{}, {}, {}, 1}, most + 1)},
                                                  {"to be routed", igmp(routed, 8)},
                                                  {"in pieces", igmp(first, 8)}};
  for (const auto& [what, frame] : others) {
    EXPECT_THAT(stage.Arrives(kDb, frame, kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_POLICY)) << what;
    EXPECT_THAT(stage.Travels(kWeb, kDb, frame), Denied(BH_REASON_POLICY)) << what;
  }
}

TEST(SourceTest, LinkLocalIsOnesOwnByItsMac) {
  Stage stage({});
  const auto udp = [](const IpAddress& source, const IpAddress& to) {
    return Headers(6, kWeb.mac(), source, kDb.mac(), to) / Udp{1000, 2000, {}};
  };
  EXPECT_THAT(stage.Leaves(kWeb, udp(LinkLocal(kWeb), LinkLocal(kDb))), Allowed());
  EXPECT_THAT(stage.Arrives(kDb, udp(LinkLocal(kWeb), LinkLocal(kDb)), kWeb.slot(), kWeb.ifindex()), Allowed());
  EXPECT_THAT(stage.Travels(kWeb, kDb, udp(LinkLocal(kWeb), LinkLocal(kDb))), Established());
  EXPECT_THAT(stage.Leaves(kWeb, udp(LinkLocal(kApi), LinkLocal(kDb))), Denied(BH_REASON_SPOOFED_IP));
  EXPECT_THAT(stage.Arrives(kDb, udp(LinkLocal(kWeb), LinkLocal(kApi)), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_WRONG_PORT));
}

TEST(SourceTest, LinkLocalIsJudgedAsTheWorkload) {
  Stage stage({.policies = AllowIngress("db", "api", "")});
  const auto udp = [](const Actor& from) {
    return Headers(6, from.mac(), LinkLocal(from), kDb.mac(), LinkLocal(kDb)) / Udp{1000, 2000, {}};
  };
  EXPECT_THAT(stage.Travels(kApi, kDb, udp(kApi)), Allowed());
  EXPECT_THAT(stage.Travels(kWeb, kDb, udp(kWeb)), Denied(BH_REASON_POLICY));
}

TEST(SourceTest, DhcpClients) {
  Stage stage(Closed());
  const auto v4 = [](const IpAddress& source, const IpAddress& to) {
    return Ethernet{kWeb.mac(), Broadcast(), {}} / IPv4{source, to} / DhcpClient();
  };
  EXPECT_THAT(stage.Leaves(kWeb, v4(kAny4, IpAddress::V4(255, 255, 255, 255))), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, v4(kAny4, kDb.v4)), Denied(BH_REASON_SPOOFED_IP)) << "one that has no address knows no server";
  EXPECT_THAT(stage.Arrives(kDb, v4(kAny4, IpAddress::V4(255, 255, 255, 255)), kWeb.slot(), kWeb.ifindex()),
              Denied(BH_REASON_POLICY))
      << "each receiver judges it";
  const auto v6 = [](const IpAddress& source, const IpAddress& to) {
    return Ethernet{kWeb.mac(), kGroupMac, {}} / IPv6{source, to} / Udp{546, 547, {}} / Payload{20};
  };
  EXPECT_THAT(stage.Leaves(kWeb, v6(LinkLocal(kWeb), kDhcpServers)), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, v6(kDb.v6, kDhcpServers)), Denied(BH_REASON_SPOOFED_IP));
}

TEST(SourceTest, DhcpServers) {
  Stage stage({});
  const Frame v4 = Between(kEvil, kWeb) / DhcpServer(), v6 = Between(kEvil, kWeb, 6) / Udp{547, 546, {}};
  EXPECT_THAT(stage.Leaves(kEvil, v4), Denied(BH_REASON_DHCP_SERVER));
  EXPECT_THAT(stage.Leaves(kEvil, v6), Denied(BH_REASON_DHCP_SERVER));
  EXPECT_THAT(stage.Leaves(kStranger, Between(kStranger, kWeb) / DhcpServer()), Denied(BH_REASON_DHCP_SERVER));
  EXPECT_THAT(stage.ArrivesFromHost(kWeb, FromGateway(Gateway(1, 4), kWeb) / DhcpServer()), Allowed());
}

TEST(SourceTest, EndpointsThatNobodyKnows) {
  Stage stage({});
  const Packet unknown{BH_HOOK_INGRESS, 1, kNoEndpoint, kNoEndpoint, 0, false, (Between(kWeb, kDb) / Udp{1, 2, {}}).Build()};
  EXPECT_THAT(stage.Run(unknown), Denied(BH_REASON_NO_ENDPOINT));
  Packet delivered = unknown;
  delivered.hook = BH_HOOK_EGRESS;
  delivered.tag = kWeb.slot();
  EXPECT_THAT(stage.Run(delivered), Denied(BH_REASON_NO_ENDPOINT));
  EXPECT_THAT(stage.Leaves(kStranger, Headers(4, kDb.mac(), kDb.v4, kApi.mac(), kApi.v4) / Udp{1, 2, {}}), Allowed())
      << "its source cannot be checked";
}

TEST(SourceTest, EndpointsThatNobodyKnowsPassWithoutEnforcement) {
  Stage stage({.global_mode = Mode::kAudit});
  const Packet unknown{BH_HOOK_INGRESS, 1, kNoEndpoint, kNoEndpoint, 9, false, (Between(kWeb, kDb) / Udp{1, 2, {}}).Build()};
  const Outcome outcome = stage.Run(unknown);
  EXPECT_THAT(outcome, WouldBeDenied(BH_REASON_NO_ENDPOINT));
  EXPECT_EQ(outcome.tag, 0) << "whatever the workload wrote there";
}

}  // namespace
}  // namespace bulkhead::packet_test
