// SPDX-License-Identifier: Apache-2.0
// Evidence: what has been seen, as values. Read from the ledger, understood by the passes that make proposals.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/view.h"

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

struct Edge {
  size_t source = 0, destination = 0;  // indexes into Evidence::parties
  uint8_t protocol = 0;
  uint16_t port = 0;
  Verdict verdict = Verdict::kAllow;
  IpAddress peer;  // of the side that is no workload here; else unspecified IPv4
  uint64_t flows = 0, answered = 0, denied = 0;
  uint64_t first_seen = 0, last_seen = 0;  // Unix seconds
};

struct Evidence {
  std::vector<Party> parties;
  std::vector<Edge> edges;  // sorted by source and destination party, protocol, port, verdict, peer
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_H_
