// SPDX-License-Identifier: Apache-2.0
// DaemonService: what the HTTP server asks of the daemon. The daemon implements it; tests fake it.
//
// Thread safety: any thread may call. The mutating calls are carried out by the control thread one after the other; the caller
// blocks until its call is done (the control thread never blocks on the caller).
// Errors: kInvalidArgument for what the user gave (message as shown: file:line:column ...), kFailedPrecondition for what is
// refused in this state, kNotFound, kUnavailable. Nothing that is enforced changes when a call fails.
#ifndef BULKHEAD_CONTROLPLANE_API_SERVICE_H_
#define BULKHEAD_CONTROLPLANE_API_SERVICE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/capture.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/api/replay.h"
#include "bulkhead/model/capture.h"
#include "bulkhead/model/block_count.h"
#include "bulkhead/model/flow_record.h"
#include "bulkhead/model/simulation.h"
#include "bulkhead/model/table_fill.h"
#include "controlplane/api/learned.h"
#include "controlplane/api/loop_latency.h"
#include "controlplane/api/view.h"

namespace bulkhead {

struct PolicyText {
  std::string name;  // of the file, for messages
  std::string text;
};

struct ApplyOptions {
  bool dry_run = false;
  std::optional<Mode> mode;      // set this mode on the services that the policies select
  uint32_t confirm_seconds = 0;  // 0 = for good; else revert unless Confirm comes in time
};

// What a change did, in sentences for people; `notes` is what is not enforced because of mode, or stays open for want of a policy.
struct ChangeResult {
  uint64_t generation = 0;
  std::vector<std::string> changes;
  std::vector<std::string> notes;
};

// What `learn propose` gives for one service.
struct Proposal {
  std::string ns;
  std::string service;
  std::string yaml;
  uint64_t answered_flows = 0;  // seen
  uint64_t covered_flows = 0;   // of these, permitted by the proposal
  uint64_t set_aside = 0;       // edges that were not answered, or could not be decided
};

// One line of `learn edges`: an edge with names, kept after its workloads are gone.
struct LearnedEdge {
  std::string source_ns, source_service, destination_ns, destination_service;  // host, world, unknown: service only
  EdgeRecord edge;                                                             // counts are totals over all recorded time
  uint64_t first_seen_unix = 0, last_seen_unix = 0;                            // seconds
};

// How far learning is.
struct LearnProgress {
  uint64_t edges = 0;        // that support a rule, of all services
  uint64_t versions = 0;     // of services, by image digest
  uint64_t ready = 0;        // of these
  uint64_t waiting = 0;      // edges that wait for a decision
  uint64_t quarantined = 0;  // sources that scanned
};

class DaemonService {
 public:
  virtual ~DaemonService() = default;

  virtual std::shared_ptr<const View> GetView() const = 0;
  virtual LoopLatency ReadLoopLatency() const = 0;
  virtual absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) = 0;
  virtual absl::StatusOr<std::vector<uint64_t>> ReadCounters() = 0;
  // As Backend::ReadRules.
  virtual absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() = 0;
  // As Backend's.
  virtual absl::Status SetCapture(const std::optional<CaptureFilter>& filter) = 0;
  virtual absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) = 0;
  virtual absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) = 0;
  // Denied and would-be denied packets, oldest first, from a bounded buffer. `after`: the sequence number to go on from (0 = all).
  // Returns the sequence number to give next time.
  virtual uint64_t ReadEvents(uint64_t after, const std::function<bool(uint64_t sequence, const bh_event&)>& callback) = 0;
  virtual absl::StatusOr<std::vector<LearnedEdge>> ReadEdges() = 0;
  // The dataplane's own, as Backend::ReadEdges gives them.
  virtual absl::Status ReadLiveEdges(const std::function<bool(const EdgeRecord&)>& callback) = 0;

  virtual absl::StatusOr<ChangeResult> ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options) = 0;
  // ref: as PolicyRef: "shop/db", "cnp:guard".
  virtual absl::StatusOr<ChangeResult> DeletePolicy(const std::string& ref) = 0;
  // service empty: the namespace; both empty: global. mode nullopt: back to what is inherited.
  virtual absl::StatusOr<ChangeResult> SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                               uint32_t confirm_seconds) = 0;
  virtual absl::StatusOr<ChangeResult> Confirm() = 0;
  // The uplinks' deny list; View::blocks shows it. seconds 0: until it is removed. kResourceExhausted: it is full.
  virtual absl::StatusOr<ChangeResult> AddBlock(const Prefix& prefix, uint64_t seconds) = 0;
  virtual absl::StatusOr<ChangeResult> RemoveBlock(const Prefix& prefix) = 0;
  virtual absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() = 0;
  virtual absl::StatusOr<std::map<uint32_t, uint64_t>> ReadUplinkDrops() = 0;  // packets, by ifindex
  // A candidate beside what is in force: see `bulkhead policy stage`. View::staged shows it. kFailedPrecondition: nothing is staged.
  virtual absl::StatusOr<ChangeResult> StagePolicy(const std::vector<PolicyText>& files) = 0;
  virtual absl::StatusOr<ChangeResult> PromoteStaged() = 0;
  virtual absl::StatusOr<ChangeResult> DiscardStaged() = 0;
  virtual absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) = 0;
  // As the learner's: see controlplane/learn/learner.h.
  virtual absl::StatusOr<std::vector<Readiness>> ReadReadiness(const std::string& scope) = 0;
  virtual absl::StatusOr<Review> ReadReview(const std::string& scope) = 0;
  virtual absl::Status DecideEdge(const std::string& edge, bool accepted, const std::string& who) = 0;
  virtual absl::StatusOr<VersionDiff> DiffVersions(const ServiceName& service, const std::string& old_digest,
                                                   const std::string& new_digest) = 0;
  // How full the dataplane's tables are.
  virtual absl::StatusOr<std::vector<TableFill>> ReadTables() = 0;
  // Up to a minute old: all evidence has to be read for it.
  virtual absl::StatusOr<LearnProgress> ReadLearnProgress() = 0;
  virtual uint64_t StateBytes() const = 0;  // of the database on disk
  // scope: "" = all, "NAMESPACE", or "NAMESPACE/SERVICE".
  virtual absl::StatusOr<std::vector<Proposal>> Propose(const std::string& scope) = 0;
  // As Learner::Replay; since: seconds back from now, 0 = everything recorded.
  virtual absl::StatusOr<api::Replay> ReplayPolicy(const std::vector<Policy>& draft, uint64_t since) = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_SERVICE_H_
