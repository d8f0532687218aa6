// SPDX-License-Identifier: Apache-2.0
// Evidence: what has been seen, as values. Read from the ledger, understood by the passes that make proposals.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/limits.h"

namespace bulkhead::learn {

enum class PartyKind : uint8_t { kUnknown = 0, kHost = 1, kWorld = 2, kService = 3 };  // stored

// One side of edges: an identity by its content, since numbers do not outlive the daemon's database.
struct Party {
  PartyKind kind = PartyKind::kUnknown;
  std::string ns, service;  // kService only
  Labels labels;
  std::string image_digest;
  IdentityId latest = kIdentityUnknown;  // the number it had last

  bool IsService() const { return kind == PartyKind::kService; }
  ServiceName Name() const { return {ns, service}; }
};

// A party without what tells its replicas and versions apart. ns and service: kService only.
struct Node {
  PartyKind kind = PartyKind::kUnknown;
  std::string ns, service;

  auto operator<=>(const Node&) const = default;
  bool IsService() const { return kind == PartyKind::kService; }
};
inline Node NodeOf(const Party& party) {
  return party.IsService() ? Node{party.kind, party.ns, party.service} : Node{party.kind, "", ""};
}

// What an edge did within one window of LearnLimits::window_seconds.
struct EdgeWindow {
  uint64_t start = 0;  // Unix seconds, a multiple of the window's length
  uint64_t flows = 0, answered = 0, denied = 0;
  // Workloads (see EdgeRecord) that are known to have taken part: the dataplane tells of each once in the life of an edge there. 0:
  // none but such as had taken part before.
  uint64_t source_workloads = 0, destination_workloads = 0;
};

struct Edge {
  size_t source = 0, destination = 0;  // indexes into Evidence::parties
  uint8_t protocol = 0;
  uint16_t port = 0;
  Verdict verdict = Verdict::kAllow;
  IpAddress peer;  // of the side that is no workload here; else unspecified IPv4
  uint64_t flows = 0, answered = 0, denied = 0;
  uint64_t first_seen = 0, last_seen = 0;                    // Unix seconds
  uint64_t source_workloads = 0, destination_workloads = 0;  // as in EdgeRecord, over all time
  // Sorted by start. The totals above are of all time: windows that were folded to save room are in them, and only counted below.
  std::vector<EdgeWindow> windows;
  uint64_t folded_windows = 0;  // with an answered flow, and no longer in `windows`
};

// How long the workloads of a party ran within one window, added up.
struct PresenceWindow {
  size_t party = 0;
  uint64_t start = 0;  // Unix seconds
  uint64_t workload_ms = 0;
  uint64_t at_once = 0;  // the most that ran at the same moment; 0: not known (recorded by an earlier version)
};

// A port that workloads of a party were seen to listen on.
struct ListeningPort {
  size_t party = 0;
  uint8_t protocol = 0;
  uint16_t port = 0;
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
  uint64_t windows = 0;                    // distinct ones
};

// A name that DNS answers gave for an address.
struct AddressName {
  IpAddress address;
  std::string name;                        // lower case, no dot at the end
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
};

// Somebody accepted or rejected all edges between two nodes on one port. Kept for ever; the last one counts.
struct Decision {
  Node source, destination;
  uint8_t protocol = 0;
  uint16_t port = 0;
  bool accepted = false;
  std::string who;
  uint64_t made_at = 0;  // Unix seconds
};

enum class ScanReason : uint8_t { kFailures = 0, kFanOut = 1 };  // stored

// A source that behaved like a scanner within a window: see scan_watch.h.
struct Quarantine {
  size_t party = 0;
  IpAddress peer;          // of an outside source; else unspecified IPv4
  uint64_t start = 0;      // of the window
  uint64_t workloads = 0;  // bits of the workloads that did it; 0 = not known which
  ScanReason reason = ScanReason::kFailures;
  uint64_t contacts = 0, failures = 0;  // first contacts within the window, and those of them that failed
};

struct Evidence {
  Hygiene hygiene = {};
  uint64_t window_seconds = 3600;
  std::vector<Party> parties;
  std::vector<Edge> edges;               // sorted by source and destination party, protocol, port, verdict, peer
  std::vector<PresenceWindow> presence;  // sorted by party and start
  std::vector<ListeningPort> listeners;  // sorted by party, protocol, port
  std::vector<AddressName> names;        // sorted by address text and name
  std::vector<Decision> decisions;       // in the order in which they were made
  std::vector<Quarantine> quarantines;   // sorted by party, peer and start
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_
