// SPDX-License-Identifier: Apache-2.0
// Sift: adds edges up by service, and decides which of them support a rule and which are set aside, and why. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_
#define BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// A party without what tells its replicas and versions apart. ns and service: kService only.
struct Node {
  PartyKind kind = PartyKind::kUnknown;
  std::string ns, service;

  auto operator<=>(const Node&) const = default;
  bool IsService() const { return kind == PartyKind::kService; }
};

enum class Standing : uint8_t {
  kSupports,     // a rule is made of it
  kNeedsNoRule,  // from the host: permitted without one
  // Set aside:
  kDenied,       // seen only as denied, or as what policy would deny: a person decided so
  kUnanswered,   // a scan, or a service that is not there
  kSingle,       // answered once in all that time
  kClientPort,   // looks like the port of a client, seen from the wrong end
  kUnknownPeer,  // nobody knows who that was
  kNoPort,       // a protocol that NetworkPolicy cannot name (ICMP)
  kNoName,       // a namespace or service that it cannot name
};
inline bool IsSetAside(Standing standing) { return standing > Standing::kNeedsNoRule; }
// "answered once only", ...
const char* StandingReason(Standing standing);

// The first port of Linux's own range for clients (net.ipv4.ip_local_port_range).
inline constexpr uint16_t kFirstClientPort = 32768;
// One of several such ports between two services is a service's only if so many flows were answered on it.
inline constexpr uint64_t kServicePortFlows = 8;

// All edges between two nodes on one port.
struct Relation {
  Node source, destination;
  uint8_t protocol = 0;
  uint16_t port = 0;

  uint64_t answered = 0;                   // flows that policy allowed, or that nobody had an opinion on
  uint64_t answered_would_deny = 0;        // flows that only the mode let pass
  uint64_t unanswered = 0;                 // flows
  uint64_t denied = 0;                     // packets
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds; of the answered flows if there are any
  std::map<IpAddress, uint64_t> peers;     // of the outside: address -> answered flows
  std::set<std::string> source_digests, destination_digests;
  Standing standing = Standing::kUnanswered;
  std::string assumed;  // permitted though it was not seen, and why; empty: it was seen
};

// Sorted by source, destination, protocol, port.
std::vector<Relation> Sift(const Evidence& evidence);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_
