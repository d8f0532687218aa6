// SPDX-License-Identifier: Apache-2.0
// Sift: adds edges up by service, and decides which of them support a rule and which are set aside, and why. Pure; any thread.
// This is the one place that says "supports a rule"; proposals, reviews and readiness all ask it.
//
// What must be told apart: an edge that the service has, however rare, and one that somebody who sits in one of its workloads makes
// (a scanner; a worm that connects to a few neighbours' real ports, each answered). One flow of either looks the same, so the whole
// record is asked, in this order:
//
//  1. A person's decision. Rejected stays forbidden, whatever comes later. Accepted supports, except where no rule can be right:
//     never answered, a client's port, a peer nobody knows, a protocol or name that a NetworkPolicy cannot express.
//  2. Answers. Only answered flows count, and none of a window in which the source was in quarantine (scan_watch.h); replicas that
//     did not scan still vouch for an edge that they have, too.
//  3. Direction and port. TCP: who sent the SYN. UDP: who was first, if the receiver's namespace has such a socket. A port of the
//     clients' range is a service's only if it is listened on for longer than a client lives, or is one of a kind between the two
//     and used again and again. What neither proves nor disproves is undecided, never guessed.
//  4. Independence. A retry, a burst and a thousand flows of one connection pool are one event; so what is counted is occurrences:
//     a window with answered flows counts once for each workload that first took part in it, at least once. Three are needed
//     (Hygiene::occurrences), so three windows, or three workloads. One flow, or one window of one workload, waits for review.
//     A restarted workload looks like another one, so no more of them are believed than ran at the same moment.
//  5. One workload alone, seldom (in less than 1/8 of the windows that the service was there):
//     - Clustered: all within a stretch so short that an edge of steady rate would fall into it with a chance below 1% (the range
//     of
//       n uniform points has P(range <= x) = n x^(n-1) - (n-1) x^n; David and Nagaraja, Order Statistics, 2.3). It happened once,
//       as an episode, however many flows that made. Asked of edges with fewer than 8 windows: one that goes on is not an episode.
//     - A burst: in two thirds of its windows the same workload used three such edges or more. Rare edges of a service meet by
//       chance, not each time; a sweep over neighbours always does.
//     - A deviant: three edges or more, seldom or not, that one workload alone has, of a service with several, where chance would
//     have
//       spread them over the others: n windows at one of R replicas have a chance of R^(1-n), together below 1%.
//     - Folded: of windows that were folded to save room only the number is known, so they prove nothing here: what is left
//       must have the occurrences by itself.
//     An edge that several workloads have is exempt: replicas do the same, attackers seldom own them all.
//     So is not, of a service whose workloads gave way to others, an edge whose workloads may all have been one that was started
//     again: it is asked whether it is clustered, folded, or a burst with others such.
//  6. Novelty. A stable service that shows more than a few new edges on one day shows them for review: whoever waits until learning
//     looks finished and then moves slowly is held to that rate.
//
//  7. Peers outside that a service calls, one by one: whoever sits in a workload chooses the addresses, and could make many of them
//     with one flow each. See peers.h.
//
// Would-denials do not change what supports a rule. An edge that does, and of which the latest flows passed only because of the mode, is
// for review besides (IsKnownButCut): the policy in force lacks it.
//
// What stays: one who from a single workload uses one foreign edge, repeatedly, over a long time, and alone, is a rare edge by
// everything that can be observed. That is what the evidence above each rule is for.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_
#define BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

enum class Standing : uint8_t {
  kSupports,     // a rule is made of it
  kNeedsNoRule,  // from the host: permitted without one
  // Set aside. For a person to decide:
  kDenied,       // seen only as denied, or as what policy would deny
  kSingle,       // answered once in all that time
  kSeldom,       // in too few windows, of too few workloads
  kClustered,    // one workload, one episode
  kBurst,        // one workload, always together with several others as rare
  kDeviant,      // one workload of several, which alone has several such edges
  kOverCap,      // one of too many new ones of a service that was stable
  kQuarantined,  // only while the source scanned
  kUndecided,    // whose port that is cannot be told
  // Not for rules at all:
  kUnanswered,   // a scan, or a service that is not there
  kRejected,     // somebody said so
  kClientPort,   // looks like the port of a client, seen from the wrong end
  kUnknownPeer,  // nobody knows who that was
  kNoPort,       // a protocol that NetworkPolicy cannot name (ICMP)
  kNoName,       // a namespace or service that it cannot name
};
inline bool IsSetAside(Standing standing) { return standing > Standing::kNeedsNoRule; }
inline bool IsForReview(Standing standing) { return standing >= Standing::kDenied && standing <= Standing::kUndecided; }
// "answered once only", ...
const char* StandingReason(Standing standing);

// The first port of Linux's own range for clients (net.ipv4.ip_local_port_range).
inline constexpr uint16_t kFirstClientPort = 32768;
// One of several such ports between two services is a service's only if so many flows were answered on it.
inline constexpr uint64_t kServicePortFlows = 8;
// A listening socket on such a port is a service's when it was seen in so many windows.
inline constexpr uint64_t kServicePortWindows = 2;

// When an address outside answered, and whom.
struct PeerSeen {
  std::vector<uint64_t> windows;           // starts; sorted, each once
  uint64_t folded_windows = 0;             // further ones, of which no more is known
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
  uint64_t workloads = 0;                  // bitmap, as EdgeRecord
};

// All edges between two nodes on one port.
struct Relation {
  Node source, destination;
  uint8_t protocol = 0;
  uint16_t port = 0;

  // Flows that policy allowed, or that nobody had an opinion on, outside quarantine. When the relation was accepted: all answered.
  uint64_t answered = 0;
  uint64_t answered_would_deny = 0;        // flows that only the mode let pass
  uint64_t quarantined = 0;                // answered flows that support nothing
  uint64_t unanswered = 0;                 // flows
  uint64_t denied = 0;                     // packets
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds; of the answered flows if there are any
  std::map<IpAddress, uint64_t> peers;     // of the outside: address -> answered flows
  // Further ones that a service called, and that no rule is made of until somebody accepts the relation: see peers.h.
  std::map<IpAddress, uint64_t> set_aside_peers;
  std::map<IpAddress, PeerSeen> peers_seen;  // of both
  // Those of `peers` that by themselves were seen too seldom for a rule: they count for a network or for everybody, not alone.
  std::set<IpAddress> thin_peers;
  std::set<std::string> source_digests, destination_digests;
  uint64_t source_workloads = 0, destination_workloads = 0;  // bitmaps, as EdgeRecord; of answered flows, would-be denied included
  // So many workloads of the source ran at once, at most; 0: not known. A workload that is started anew gets another bit.
  uint64_t source_at_once = 0;
  std::vector<uint64_t> windows;  // starts of those with an answered flow as in `answered`; sorted
  uint64_t folded_windows = 0;    // further ones, of which no more is known
  uint64_t occurrences = 0;
  std::optional<Decision> decision;
  Standing standing = Standing::kUnanswered;
  // Some of it was answered only because the mode let it pass, and nothing showed since that policy permits it by now: the policy in
  // force would cut it. Its evidence stays what it is.
  bool cut_by_policy = false;
  std::string assumed;  // permitted though it was not seen, and why; empty: it was seen
};

// How many workloads of the source are believed to have taken part: bits of lives one after the other prove nothing, since whoever
// sits in a container can end it and have it started again.
uint64_t BelievedWorkloads(const Relation& relation);
// The same of a bitmap of workloads. at_once: how many ran at once, at most; 0: not known.
uint64_t Believed(uint64_t workloads, uint64_t at_once);

// Known by its evidence, and the policy in force would deny it all the same: the policy lacks it, or the evidence deceives. Enforcing
// would answer that without being asked, so a person has to.
inline bool IsKnownButCut(const Relation& relation) { return !IsSetAside(relation.standing) && relation.cut_by_policy; }
// Why it waits for review, or is set aside.
const char* WaitingReason(const Relation& relation);

// For a person to decide, and with answers that a decision could be about.
inline bool WaitsForReview(const Relation& relation) {
  if (IsKnownButCut(relation)) return true;
  return IsForReview(relation.standing) && relation.answered + relation.answered_would_deny + relation.quarantined > 0;
}

// scope: "" = all, "NAMESPACE", or "NAMESPACE/SERVICE". Nodes that are no services are in no scope.
bool InScope(std::string_view scope, const Node& node);
// kNotFound, in words.
absl::Status NothingSeen(std::string_view scope);

// Sorted by source, destination, protocol, port.
std::vector<Relation> Sift(const Evidence& evidence);

// "shop/web->shop/db:5432/tcp", "world->shop/web:80/tcp": the name of a relation in `learn review`, `accept` and `reject`.
std::string RelationName(const Node& source, const Node& destination, uint8_t protocol, uint16_t port);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_SIFT_H_
