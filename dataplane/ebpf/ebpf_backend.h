// SPDX-License-Identifier: Apache-2.0
// EbpfBackend: the dataplane in the kernel. Maps and programs are pinned and outlive it; a later one adopts them.
// Thread safety: as Backend says. Works in the network namespace of the calling threads, which must all be in the same.
#ifndef BULKHEAD_DATAPLANE_EBPF_EBPF_BACKEND_H_
#define BULKHEAD_DATAPLANE_EBPF_EBPF_BACKEND_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/adopted_state.h"
#include "dataplane/ebpf/attach.h"
#include "dataplane/ebpf/capturer.h"
#include "dataplane/ebpf/ebpf_uplinks.h"
#include "dataplane/ebpf/fast_ends.h"
#include "dataplane/ebpf/known_macs.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/ebpf/layouts.h"
#include "dataplane/ebpf/publisher.h"
#include "dataplane/ebpf/simulator.h"
#include "dataplane/flow/ring_reader.h"
#include "dataplane/flow/flow_tables.h"
#include "dataplane/flow/flow_time.h"
#include "dataplane/kernel/clock.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

inline constexpr char kDefaultPinRoot[] = "/sys/fs/bpf/bulkhead";

struct EbpfOptions {
  std::string pin_root = kDefaultPinRoot;
  AttachMode attach = AttachMode::kClsact;
  bool workload_xdp = false;  // what workloads send is judged in XDP, where their interface can
  // IPv4 flows, rounded up to a power of two; IPv6 has room for a quarter as many. 0: by the machine's memory, see
  // DefaultFlowEntries. For new maps only.
  uint32_t flow_entries = 0;
  // Elements of other maps by name (bpf/maps.h), for new maps only.
  std::map<std::string, uint32_t, std::less<>> max_entries;
  // Takes the place of whatever is there, and carries nothing over.
  bool reset = false;
  // For tests: as a build of that layout, whose maps of these names mean something else than before.
  uint32_t layout_version = BH_LAYOUT_VERSION;
  std::set<std::string> fresh_maps;
};

LoaderOptions LoaderOptionsFor(const EbpfOptions& options, const StartPlan& plan);

// Both flow tables together take at most half a percent of the memory (bytes): a power of two between 2^14 and 2^22.
uint32_t DefaultFlowEntries(uint64_t memory);

class EbpfBackend : public Backend {
 public:
  // Loads, adopts or takes over from another layout (layouts.h says which; kFailedPrecondition: it may not); interfaces that had programs of an earlier build have this one's when it returns. A policy
  // that was staged no longer is: whoever staged it stages it again.
  // writer and clock must outlive the backend.
  static absl::StatusOr<std::unique_ptr<EbpfBackend>> Open(KernelWriter& writer, const Clock& clock, const EbpfOptions& options);

  // Removes all layouts but ours, once our programs are at all of adopted().older_interfaces that are left. Nothing to do: fine.
  absl::Status FinishUpgrade();

  // Attach for several interfaces that talk to each other already: first all of them get what notes who sends, then what checks it on
  // the way to the receiver. One by one, what a still unnoted sender sends to one that checks already would be dropped as a spoof.
  // An interface that is gone is left out. As Attach: one worker.
  absl::Status AttachTogether(const std::vector<AdoptedAttachment>& interfaces);

  // What was there when it was opened.
  const AdoptedState& adopted() const { return adopted_; }
  uint32_t stamp() const { return publisher_.stamp(); }

  absl::Status SetOptions(const DataplaneOptions& options) override;
  absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) override;
  absl::Status GrowPolicy(const PolicyGrowth& growth) override;
  absl::Status GrowStaged(const PolicyGrowth& growth) override;
  absl::Status StagePolicy(std::shared_ptr<const CompiledPolicy> policy) override;
  absl::Status PutEndpoint(const EndpointState& endpoint) override;
  absl::Status RemoveEndpoint(uint16_t slot) override;
  absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses) override;
  absl::Status SetPublished(const std::vector<PublishedTarget>& targets) override;
  absl::Status SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds) override;
  absl::Status Attach(uint32_t ifindex, uint16_t zone) override;
  absl::Status Detach(uint32_t ifindex) override;
  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override;
  absl::Status ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) override;
  absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) override;
  absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() override;
  absl::Status DrainEvents(const std::function<void(const bh_event&)>& callback) override;
  absl::Status TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                             const std::function<void(const EdgeRecord&)>& callback) override;
  absl::Status DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) override;
  absl::Status SetCapture(const std::optional<CaptureFilter>& filter) override { return capturer_.Set(filter); }
  absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) override {
    return capturer_.Drain(callback);
  }
  absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) override {
    return simulator_.Run(packets);
  }
  absl::StatusOr<std::vector<uint64_t>> ReadCounters() override;
  absl::StatusOr<uint64_t> Sweep() override;

  const FlowTables& flow_tables() const { return *flows_; }
  const bh_control& control() const { return *loader_->maps().control; }
  // Sentences: where workload_xdp cannot be had. Any thread.
  std::vector<std::string> AttachProblems() const;
  // Of this backend, which must outlive it.
  absl::StatusOr<std::unique_ptr<EbpfUplinks>> OpenUplinks(UplinkHook hook);

  // For tests that run the programs themselves. hook: enum bh_hook. nullopt: no programs are loaded for that zone.
  std::optional<int> ProgramFd(uint16_t zone, int hook);
  // Loads a zone's programs without attaching them.
  absl::Status LoadZone(uint16_t zone) { return loader_->Programs(zone).status(); }
  const ZonePrograms* ZoneProgramsOf(uint16_t zone) { return loader_->Loaded(zone); }
  int MapFd(std::string_view name) const { return loader_->MapFd(name); }

 private:
  EbpfBackend(KernelWriter& writer, const Clock& clock, std::unique_ptr<Loader> loader, std::unique_ptr<Attacher> attacher,
              std::unique_ptr<EventReader> events, std::unique_ptr<DnsAnswerReader> answers, std::unique_ptr<FlowTables> flows);

  // Draws the secret of the flow tables' hash, if they have none yet, and notes their sizes.
  absl::Status PrepareFlowTables();
  absl::Status Adopt();
  // Puts this build's programs where records say that an earlier one's were.
  absl::Status AdoptAttachments();
  absl::Status NoteRepairs(const std::vector<std::pair<uint32_t, AttachmentRecord>>& records);
  absl::Status RemoveUnusedPrograms();
  absl::Status TakeOver();
  absl::Status StoreControl(uint32_t& word, uint32_t value);
  absl::StatusOr<FlowTime> Now() const;
  // Edges and rules know of all denied packets then (bpf/denial.h).
  absl::Status SettleDenials();

  KernelWriter& writer_;
  const Clock& clock_;
  std::string base_;  // PinBase of the root
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Attacher> attacher_;
  std::unique_ptr<EventReader> events_;
  std::unique_ptr<DnsAnswerReader> answers_;
  std::unique_ptr<FlowTables> flows_;
  Publisher publisher_;
  FastEnds fast_ends_;
  KnownMacs known_macs_;
  Capturer capturer_;
  Simulator simulator_;
  AdoptedState adopted_;
  StartPlan plan_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_EBPF_BACKEND_H_
