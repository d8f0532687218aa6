// SPDX-License-Identifier: Apache-2.0
// Service: the daemon's side of DaemonService. Reading calls answer from snapshots and the dataplane in the caller's thread; changing
// ones are handed to the control thread, and the caller waits.
//
// Thread safety: as DaemonService. Once the loop has stopped, what needs it answers kUnavailable.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_SERVICE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_SERVICE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/api/service.h"
#include "controlplane/daemon/control.h"
#include "dataplane/ebpf/census.h"

namespace bulkhead {

class Service : public DaemonService {
 public:
  // All must outlive it. learner may be null: then what was learnt cannot be had.
  Service(Control* control, EventLoop* loop, Backend* backend, Uplinks* uplinks, Learner* learner, EdgeDrain* edges, const Clock* clock)
      : control_(control), loop_(loop), backend_(backend), uplinks_(uplinks), learner_(learner), edges_(edges), clock_(clock) {}

  std::shared_ptr<const View> GetView() const override { return control_->GetView(); }
  LoopLatency ReadLoopLatency() const override { return loop_->latency(); }
  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override { return backend_->ReadFlows(callback); }
  absl::StatusOr<std::vector<uint64_t>> ReadCounters() override { return backend_->ReadCounters(); }
  uint64_t ReadEvents(uint64_t after, const std::function<bool(uint64_t, const bh_event&)>& callback) override {
    return control_->events().Read(after, callback);
  }
  absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) override {
    return backend_->Simulate(packets);
  }
  absl::Status SetCapture(const std::optional<CaptureFilter>& filter) override { return backend_->SetCapture(filter); }
  absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) override {
    return backend_->DrainCapture(callback);
  }
  absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() override { return backend_->ReadRules(); }
  absl::StatusOr<std::vector<LearnedEdge>> ReadEdges() override;
  absl::Status ReadLiveEdges(const std::function<bool(const EdgeRecord&)>& callback) override { return backend_->ReadEdges(callback); }
  absl::StatusOr<std::vector<TableFill>> ReadTables() override { return CountTables(control_->config().pin_root); }
  absl::StatusOr<LearnProgress> ReadLearnProgress() override;
  uint64_t StateBytes() const override;
  absl::StatusOr<std::vector<Proposal>> Propose(const std::string& scope) override;
  absl::StatusOr<api::Replay> ReplayPolicy(const std::vector<Policy>& draft, uint64_t since) override;
  absl::StatusOr<std::vector<Readiness>> ReadReadiness(const std::string& scope) override;
  absl::StatusOr<Review> ReadReview(const std::string& scope) override;
  absl::Status DecideEdge(const std::string& edge, bool accepted, const std::string& who) override;
  absl::StatusOr<VersionDiff> DiffVersions(const ServiceName& service, const std::string& old_digest,
                                           const std::string& new_digest) override;

  absl::StatusOr<ChangeResult> ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options) override;
  absl::StatusOr<ChangeResult> DeletePolicy(const std::string& ref) override;
  absl::StatusOr<ChangeResult> SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                       uint32_t confirm_seconds) override;
  absl::StatusOr<ChangeResult> Confirm() override;
  absl::StatusOr<ChangeResult> AddBlock(const Prefix& prefix, uint64_t seconds) override;
  absl::StatusOr<ChangeResult> RemoveBlock(const Prefix& prefix) override;
  absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() override { return uplinks_->ReadBlocked(); }
  absl::StatusOr<std::map<uint32_t, uint64_t>> ReadUplinkDrops() override { return uplinks_->ReadDrops(); }
  absl::StatusOr<ChangeResult> StagePolicy(const std::vector<PolicyText>& files) override;
  absl::StatusOr<ChangeResult> PromoteStaged() override;
  absl::StatusOr<ChangeResult> DiscardStaged() override;
  absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) override {
    return backend_->ReadStagedEdges(callback);
  }

 private:
  // Does the work on the control thread and waits for it.
  absl::StatusOr<ChangeResult> OnControl(const std::function<absl::StatusOr<ChangeResult>(Control&)>& work);
  // In the caller's thread: the control thread must not wait for it.
  absl::StatusOr<std::vector<GivenPolicy>> Parse(const std::vector<PolicyText>& files) const;
  // The learner with everything that the dataplane has to tell by now.
  absl::StatusOr<Learner*> FreshLearner(const View& view);
  uint64_t UnixNow() const { return static_cast<uint64_t>(clock_->UnixSeconds()); }

  Control* const control_;
  EventLoop* const loop_;
  Backend* const backend_;
  Uplinks* const uplinks_;
  Learner* const learner_;
  EdgeDrain* const edges_;
  const Clock* const clock_;
  std::mutex progress_mutex_;
  LearnProgress progress_;          // guarded by progress_mutex_, as is progress_at_
  uint64_t progress_at_ = 0;        // CLOCK_MONOTONIC, ns; 0: never
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_SERVICE_H_
