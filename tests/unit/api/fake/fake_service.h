// SPDX-License-Identifier: Apache-2.0
// FakeService: a daemon without a kernel: a small shop with fixed flows, edges and events. Thread safety: any thread; what is
// public and not guarded is set before the server starts.
#ifndef BULKHEAD_TESTS_UNIT_API_FAKE_FAKE_SERVICE_H_
#define BULKHEAD_TESTS_UNIT_API_FAKE_FAKE_SERVICE_H_

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bulkhead/abi/policy.h"
#include "controlplane/api/service.h"

namespace bulkhead::testing {

// Identities of the shop.
inline constexpr IdentityId kWeb = 16, kDb = 17, kApi = 18;
// Interned ids of its rules.
inline constexpr uint32_t kDefaultRule = 100, kDbIngress0 = 101, kDbIsolated = 102;

// shop/web (1 workload), shop/db (3; policy db isolates its ingress and admits app=api), shop/api (1). db enforces.
std::shared_ptr<View> MakeShopView();

// The event and flow clocks now, ns.
uint64_t MonotonicNow();
uint64_t BoottimeNow();
uint64_t UnixNow();  // seconds

class FakeService : public DaemonService {
 public:
  FakeService();

  std::shared_ptr<const View> GetView() const override;
  LoopLatency ReadLoopLatency() const override { return loop_latency; }
  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override;
  absl::StatusOr<std::vector<uint64_t>> ReadCounters() override;
  uint64_t ReadEvents(uint64_t after, const std::function<bool(uint64_t, const bh_event&)>& callback) override;
  absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) override;
  absl::Status SetCapture(const std::optional<CaptureFilter>& filter) override;
  absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) override;
  absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() override { return rules; }
  absl::StatusOr<std::vector<LearnedEdge>> ReadEdges() override;
  absl::Status ReadLiveEdges(const std::function<bool(const EdgeRecord&)>& callback) override;
  absl::StatusOr<ChangeResult> ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options) override;
  absl::StatusOr<ChangeResult> DeletePolicy(const std::string& ref) override;
  absl::StatusOr<ChangeResult> SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                       uint32_t confirm_seconds) override;
  absl::StatusOr<ChangeResult> Confirm() override;
  absl::StatusOr<ChangeResult> AddBlock(const Prefix& prefix, uint64_t seconds) override;
  absl::StatusOr<ChangeResult> RemoveBlock(const Prefix& prefix) override;
  absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() override { return blocked; }
  absl::StatusOr<std::map<uint32_t, uint64_t>> ReadUplinkDrops() override { return uplink_drops; }
  absl::StatusOr<ChangeResult> StagePolicy(const std::vector<PolicyText>& files) override;
  absl::StatusOr<ChangeResult> PromoteStaged() override;
  absl::StatusOr<ChangeResult> DiscardStaged() override;
  absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) override;
  absl::StatusOr<std::vector<Proposal>> Propose(const std::string& scope) override;
  absl::StatusOr<api::Replay> ReplayPolicy(const std::vector<Policy>& draft, uint64_t since) override;
  absl::StatusOr<std::vector<Readiness>> ReadReadiness(const std::string& scope) override;
  absl::StatusOr<Review> ReadReview(const std::string& scope) override;
  absl::Status DecideEdge(const std::string& edge, bool accepted, const std::string& who) override;
  absl::StatusOr<VersionDiff> DiffVersions(const ServiceName& service, const std::string& old_digest,
                                           const std::string& new_digest) override;

  absl::StatusOr<std::vector<TableFill>> ReadTables() override { return tables; }
  absl::StatusOr<LearnProgress> ReadLearnProgress() override { return progress; }
  uint64_t StateBytes() const override { return 4096; }

  void SetView(std::shared_ptr<const View> view);
  void AddFlow(const FlowRecord& flow);
  // In place of all flows and live edges that were added.
  void SetTraffic(std::vector<FlowRecord> flows, std::vector<EdgeRecord> edges);
  void AddEvent(const bh_event& event);
  // What the mutating calls were given, one sentence each.
  std::vector<std::string> calls() const;

  size_t generated_flows = 0;  // more flows, made as they are read
  absl::StatusOr<api::Replay> replay = api::Replay{};
  absl::Status flows_status;   // what ReadFlows ends with
  absl::StatusOr<ChangeResult> change = ChangeResult{42, {"shop/db: created"}, {"shop/db is in mode audit: nothing is dropped"}};
  std::vector<SimulatedPacket> simulated;  // that Simulate was given last
  std::vector<SimulatedRun> runs;          // and what it answers
  std::map<uint32_t, RuleCounts> rules;
  std::vector<bh_capture_packet> captured;  // each capture gets them
  std::vector<LearnedEdge> edges;
  std::vector<StagedEdgeRecord> staged_edges;
  std::vector<Proposal> proposals;
  std::vector<Readiness> readiness;  // at first: every service of the shop is ready
  Review review;
  absl::Status decided;
  VersionDiff versions;
  std::vector<uint64_t> counters;
  LoopLatency loop_latency;
  std::vector<TableFill> tables = {{"flows_ipv4", 3, 65536}, {"fragments", 8192, 8192, true}};
  LearnProgress progress;
  std::map<Prefix, BlockCount> blocked;
  std::map<uint32_t, uint64_t> uplink_drops;
  std::atomic<size_t> flows_read{0};

 private:
  void Record(std::string call);

  mutable std::mutex mutex_;
  std::shared_ptr<const View> view_;
  std::vector<FlowRecord> flows_;
  std::vector<EdgeRecord> live_edges_;
  size_t drained_ = 0;  // of captured
  std::vector<bh_event> events_;
  std::vector<std::string> calls_;
};

// From web to db, 5432/tcp.
FlowRecord MakeShopFlow(IdentityId source, Verdict verdict, uint32_t destination_rule, uint64_t age_ms, uint64_t idle_ms);
bh_event MakeShopEvent(IdentityId source, uint8_t verdict, uint8_t reason);
LearnedEdge MakeShopEdge(const std::string& source, Verdict verdict, uint64_t flows, uint64_t answered, uint64_t denied);

}  // namespace bulkhead::testing

#endif  // BULKHEAD_TESTS_UNIT_API_FAKE_FAKE_SERVICE_H_
