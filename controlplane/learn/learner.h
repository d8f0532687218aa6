// SPDX-License-Identifier: Apache-2.0
// Learner: remembers who really talked to whom, and proposes the policy that permits it.
//
//   dataplane edges --Record--> SQLite (outlives workloads and daemon) --Propose--> NetworkPolicy YAML with its evidence
//                                                                      --Ready, ReadReview, Diff--> what people decide by
//   people --Decide--> SQLite
//
// Thread safety: any thread may call; calls wait for each other. What only reads holds the lock only while it reads the history.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_LEARNER_H_
#define BULKHEAD_CONTROLPLANE_LEARN_LEARNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/flow_record.h"
#include "bulkhead/model/ip.h"
#include "bulkhead/model/workload.h"
#include "bulkhead/api/replay.h"
#include "controlplane/api/learned.h"
#include "controlplane/api/service.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/limits.h"

namespace bulkhead {

// One moment on two clocks: Unix time, and the clock of EdgeRecord::first_seen (nanoseconds).
struct LearnMoment {
  uint64_t unix_seconds = 0;
  uint64_t edge_clock_ns = 0;
};

// A name that a DNS answer to a workload gave for an address.
struct SeenName {
  std::string name;
  IpAddress address;
};

// A socket of a workload that listens (TCP), or is bound and not connected (UDP).
struct Listener {
  IdentityId identity = kIdentityUnknown;
  uint8_t protocol = 0;
  uint16_t port = 0;
};

// How long the workloads of an identity ran since the last call, added up: two that ran for a second each are 2000 ms. at_once: the
// most that were running at the same moment; 0: not known.
struct Presence {
  IdentityId identity = kIdentityUnknown;
  uint64_t workload_ms = 0;
  uint64_t at_once = 0;
};

struct RecordResult {
  uint64_t changed = 0;       // edges that had something new
  uint64_t unattributed = 0;  // edges of an identity that the lookup does not know: left for the next drain
  uint64_t forgotten = 0;     // remembered edges that gave way to the limit
  uint64_t quarantined = 0;   // sources and windows that were found to scan
};

class Learner {
 public:
  // nullptr: not known (any more). Reserved identities are never asked for.
  using IdentityLookup = std::function<const Identity*(IdentityId)>;

  // Opens (creates) its tables in the SQLite database at `path`, over a connection of its own. Errors: kDataLoss, kInternal,
  // kFailedPrecondition (tables of a newer version).
  static absl::StatusOr<std::unique_ptr<Learner>> Open(const std::string& path, const LearnLimits& limits = {});
  virtual ~Learner() = default;

  // Takes what the dataplane has added up so far (totals since each edge was created there) and stores the difference to the last
  // drain, in one transaction: after a crash the next drain picks up exactly what was not stored. An edge that was re-created in
  // the dataplane since (its first_seen differs, or a total went down) counts from zero. When it fails nothing was taken.
  virtual absl::StatusOr<RecordResult> Record(const std::vector<EdgeRecord>& edges, const IdentityLookup& lookup,
                                              const LearnMoment& now) = 0;

  // Each of these is one transaction. What is not valid (names of other than host name characters, identities that the lookup does
  // not know) is left out.
  virtual absl::Status RecordNames(const std::vector<SeenName>& names, const LearnMoment& now) = 0;
  virtual absl::Status RecordListeners(const std::vector<Listener>& listeners, const IdentityLookup& lookup,
                                       const LearnMoment& now) = 0;
  virtual absl::Status RecordPresence(const std::vector<Presence>& presence, const IdentityLookup& lookup,
                                      const LearnMoment& now) = 0;

  // Everything remembered, added up by names; sorted by source, destination, protocol, port, verdict, peer. The identities in
  // `edge` are the latest that had these names.
  virtual absl::StatusOr<std::vector<LearnedEdge>> Edges() = 0;

  // See readiness.h.
  virtual absl::StatusOr<std::vector<Readiness>> Ready(std::string_view scope) = 0;
  // See review.h.
  virtual absl::StatusOr<Review> ReadReview(std::string_view scope) = 0;
  // Accepts or rejects an edge, as review.h names it. `who` and the moment are kept. kResourceExhausted: there are too many
  // decisions.
  virtual absl::Status Decide(std::string_view edge, bool accepted, std::string_view who, const LearnMoment& now) = 0;
  // See versions.h.
  virtual absl::StatusOr<VersionDiff> Diff(const ServiceName& service, std::string_view old_digest,
                                           std::string_view new_digest) = 0;

  // One proposal for each service that was seen, in order. scope: "" = all, "NAMESPACE", or "NAMESPACE/SERVICE".
  // kNotFound: nothing was seen of that scope.
  virtual absl::StatusOr<std::vector<Proposal>> Propose(std::string_view scope, const View& view) = 0;

  // Everything recorded since `since` (Unix seconds, 0 = ever) judged by the draft on top of what is in force. Errors: as
  // learn::ReplayHistory.
  virtual absl::StatusOr<api::Replay> Replay(const std::vector<Policy>& draft, const View& view, uint64_t since) = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_LEARN_LEARNER_H_
