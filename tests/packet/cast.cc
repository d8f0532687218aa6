// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/cast.h"

#include <cstdlib>

namespace bulkhead::packet_test {
namespace {

constexpr IdentityId kFirst = kFirstIdentity;

Actor Make(uint16_t slot, const std::string& name, const std::string& service, IdentityId identity, uint16_t zone,
           const std::string& v4, const std::string& v6) {
  Actor actor;
  actor.name = name;
  actor.service = service;
  actor.v4 = Ip(v4);
  actor.v6 = Ip(v6);
  actor.endpoint.slot = slot;
  actor.endpoint.ifindex = kFirstIfindex + slot;
  actor.endpoint.zone = zone;
  actor.endpoint.bound = identity != kIdentityUnknown;
  actor.endpoint.mac.bytes = {2, 0, 0, 0, static_cast<uint8_t>(zone), static_cast<uint8_t>(slot)};
  if (actor.endpoint.bound) {
    actor.endpoint.workload = 1000u + slot;
    actor.endpoint.identity = identity;
    actor.endpoint.addresses = {actor.v4, actor.v6};
  }
  return actor;
}

}  // namespace

const std::vector<Actor>& Cast() {
  static const std::vector<Actor> cast = {
      Make(1, "web", "web", kFirst, 1, "198.18.1.2", "fd00:1::2"),
      Make(2, "web2", "web", kFirst, 1, "198.18.1.3", "fd00:1::3"),
      Make(3, "api", "api", kFirst + 1, 1, "198.18.1.4", "fd00:1::4"),
      Make(4, "db", "db", kFirst + 2, 1, "198.18.1.5", "fd00:1::5"),
      Make(5, "evil", "evil", kFirst + 3, 1, "198.18.1.6", "fd00:1::6"),
      Make(6, "stranger", "", kIdentityUnknown, 1, "198.18.1.7", "fd00:1::7"),
      Make(7, "cache", "cache", kFirst + 4, 2, "198.18.2.2", "fd00:2::2"),
      Make(8, "twin", "twin", kFirst + 5, 2, "198.18.1.3", "fd00:1::3"),
  };
  return cast;
}

const Actor& Late() {
  static const Actor late = Make(9, "late", "late", kFirst + 6, 1, "198.18.1.8", "fd00:1::8");
  return late;
}

const Actor& Who(const std::string& name) {
  for (const Actor& actor : Cast()) {
    if (actor.name == name) return actor;
  }
  std::abort();
}

const Actor &kWeb = Who("web"), &kWeb2 = Who("web2"), &kApi = Who("api"), &kDb = Who("db"), &kEvil = Who("evil"),
            &kStranger = Who("stranger"), &kCache = Who("cache"), &kTwin = Who("twin");

IpAddress Ip(const std::string& text) {
  const auto address = IpAddress::Parse(text);
  if (!address) std::abort();
  return *address;
}

const std::vector<IpAddress>& HostAddresses() {
  static const std::vector<IpAddress> addresses = {Gateway(1, 4), Gateway(1, 6), Gateway(2, 4),
                                                   Gateway(2, 6), HostUplink(4), HostUplink(6)};
  return addresses;
}

IpAddress Gateway(uint16_t zone, int family) {
  const std::string number = std::to_string(zone);
  return Ip(family == 4 ? "198.18." + number + ".1" : "fd00:" + number + "::1");
}

IpAddress HostUplink(int family) { return Ip(family == 4 ? "198.19.0.1" : "fd00:9::1"); }

IpAddress Outside(int family, uint8_t n) {
  IpAddress address = Ip(family == 4 ? "198.19.1.0" : "fd00:9:1::");
  address.bytes[family == 4 ? 3 : 15] = n;
  return address;
}

MacAddress GatewayMac() { return {{2, 0, 0, 0, 0, 1}}; }
MacAddress Broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

IpAddress LinkLocal(const Actor& actor) {
  const auto& mac = actor.mac().bytes;
  IpAddress out = Ip("fe80::ff:fe00:0");
  out.bytes[8] = mac[0] ^ 2;
  out.bytes[9] = mac[1];
  out.bytes[10] = mac[2];
  out.bytes[13] = mac[3];
  out.bytes[14] = mac[4];
  out.bytes[15] = mac[5];
  return out;
}

Frame Headers(int family, const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac, const IpAddress& to) {
  if (family == 4) return Ethernet{from_mac, to_mac, {}} / IPv4{from, to};
  return Ethernet{from_mac, to_mac, {}} / IPv6{from, to};
}

Frame Between(const Actor& from, const Actor& to, int family) {
  return Headers(family, from.mac(), from.ip(family), to.mac(), to.ip(family));
}

Frame FromGateway(const IpAddress& source, const Actor& to) {
  return Headers(source.family, GatewayMac(), source, to.mac(), to.ip(source.family));
}

Frame ToGateway(const Actor& from, const IpAddress& destination) {
  return Headers(destination.family, from.mac(), from.ip(destination.family), GatewayMac(), destination);
}

}  // namespace bulkhead::packet_test
