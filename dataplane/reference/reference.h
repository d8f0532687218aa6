// SPDX-License-Identifier: Apache-2.0
// Reference: the obvious, slow backend. Tests compare every other one with it. Not thread-safe; time stands still until SetClock.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_REFERENCE_H_
#define BULKHEAD_DATAPLANE_REFERENCE_REFERENCE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/backend.h"
#include "dataplane/reference/judge.h"
#include "dataplane/reference/packet.h"

namespace bulkhead::reference {

class Reference : public Backend {
 public:
  static constexpr uint32_t kTicksPerSecond = 4;

  Reference();

  Outcome Judge(const Packet& packet);
  void SetClock(uint32_t tick);
  uint32_t clock() const { return tables_.tick; }
  uint32_t stamp() const { return tables_.stamp; }
  // All entries, linked and expired ones too.
  const std::map<FlowKey, Flow>& flows() const { return tables_.flows.flows(); }

  absl::Status SetOptions(const DataplaneOptions& options) override;
  absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) override;
  absl::Status GrowPolicy(const PolicyGrowth& growth) override;  // there is always room
  absl::Status GrowStaged(const PolicyGrowth& growth) override;
  absl::Status StagePolicy(std::shared_ptr<const CompiledPolicy> policy) override;
  absl::Status PutEndpoint(const EndpointState& endpoint) override;
  absl::Status RemoveEndpoint(uint16_t slot) override;
  absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses) override;
  absl::Status SetPublished(const std::vector<PublishedTarget>& targets) override;
  // Decides nothing but the way that a packet takes when it passes: only the epoch shows it here.
  absl::Status SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds) override;
  // Recorded, no more: Judge is told the zone with the packet.
  absl::Status Attach(uint32_t ifindex, uint16_t zone) override;
  absl::Status Detach(uint32_t ifindex) override;
  const std::map<uint32_t, uint16_t>& attached() const { return attached_; }

  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override;
  absl::Status ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) override;
  absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) override;
  absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() override { return tables_.ledger.rules(); }
  absl::Status DrainEvents(const std::function<void(const bh_event&)>& callback) override;
  absl::Status TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                             const std::function<void(const EdgeRecord&)>& callback) override;
  absl::Status DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) override;
  absl::Status SetCapture(const std::optional<CaptureFilter>& filter) override;  // kUnimplemented: it keeps no packets
  absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) override;
  absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) override;  // kUnimplemented
  absl::StatusOr<std::vector<uint64_t>> ReadCounters() override;
  absl::StatusOr<uint64_t> Sweep() override;

 private:
  // What packets find under an address.
  struct Place {
    Resident resident;
    Party party;
    bool operator==(const Place&) const = default;
  };
  // By (zone, address).
  std::map<std::pair<uint16_t, IpAddress>, Place> Places() const;
  std::optional<EndpointState> Known(uint16_t slot) const;
  // Makes the change; raises the epoch if the endpoint was known and differs, or an address that was known is found no longer or as
  // something else.
  void Change(uint16_t slot, const std::function<void()>& change);
  void RaiseEpoch(bool flip);

  std::shared_ptr<const CompiledPolicy> policy_, staged_;
  Tables tables_;
  std::map<uint32_t, uint16_t> attached_;
  std::set<uint16_t> fast_;
};

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_REFERENCE_H_
