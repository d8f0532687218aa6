// SPDX-License-Identifier: Apache-2.0
// Who appears in packet tests: containers on two bridges, the host, the world outside.
//
//   zone 1 (198.18.1.0/24, fd00:1::/64): web, web2 (a replica of web), api, db, evil, stranger (nobody has said who it is)
//   zone 2 (198.18.2.0/24, fd00:2::/64): cache, twin (has the addresses of web2 on this bridge)
//   late: in zone 1 as well, but it comes later, and no policy knows it before Stage::Grow
//   the host: .1 of both, and 198.19.0.1, fd00:9::1 on its uplink; outside: 198.19.1.N, fd00:9:1::N
#ifndef BULKHEAD_TESTS_PACKET_CAST_H_
#define BULKHEAD_TESTS_PACKET_CAST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/backend.h"
#include "tests/packet/build.h"

namespace bulkhead::packet_test {

struct Actor {
  std::string name;
  std::string service;
  EndpointState endpoint;
  IpAddress v4, v6;

  uint16_t slot() const { return endpoint.slot; }
  uint32_t ifindex() const { return endpoint.ifindex; }
  uint16_t zone() const { return endpoint.zone; }
  const MacAddress& mac() const { return endpoint.mac; }
  const IpAddress& ip(int family) const { return family == 4 ? v4 : v6; }
};

const std::vector<Actor>& Cast();
// The actor of that name; there must be one.
const Actor& Who(const std::string& name);
extern const Actor &kWeb, &kWeb2, &kApi, &kDb, &kEvil, &kStranger, &kCache, &kTwin;
// Not of Cast().
const Actor& Late();

inline constexpr uint32_t kUplink = 150;        // ifindex: where packets from outside come in
inline constexpr uint32_t kNoEndpoint = 190;    // an interface that no endpoint has
inline constexpr uint32_t kFirstIfindex = 100;  // of slot 0: an actor's is this + its slot

// The other slot that an actor may have: of its container before or after a restart.
inline uint16_t Replacement(uint16_t slot) { return static_cast<uint16_t>(slot > 100 ? slot - 100 : slot + 100); }

IpAddress Ip(const std::string& text);
const std::vector<IpAddress>& HostAddresses();
IpAddress Gateway(uint16_t zone, int family);  // the host's address on the bridge
IpAddress HostUplink(int family);
IpAddress Outside(int family, uint8_t n = 7);
MacAddress GatewayMac();
MacAddress Broadcast();
IpAddress LinkLocal(const Actor& actor);

// Ethernet and IP headers from one to another, as the network would carry them.
Frame Headers(int family, const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac, const IpAddress& to);
Frame Between(const Actor& from, const Actor& to, int family = 4);
Frame FromGateway(const IpAddress& source, const Actor& to);       // routed or made by the host
Frame ToGateway(const Actor& from, const IpAddress& destination);  // for the host, or for it to route

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_CAST_H_
