// SPDX-License-Identifier: Apache-2.0
// Backend: what the control plane asks of a dataplane. `ebpf` is the product; `reference` is the obvious evaluator that tests trust.
//
// Thread safety: the mutating calls come from one thread (the control thread), except Attach and Detach, which may come from one
// worker at the same time, and Sweep, which may come from another. The Read* and Drain* calls may come from any thread.
// Errors: a call that fails leaves what is enforced as it was, or stricter; it may be repeated.
#ifndef BULKHEAD_DATAPLANE_BACKEND_H_
#define BULKHEAD_DATAPLANE_BACKEND_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/capture.h"
#include "bulkhead/abi/dns.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/model/capture.h"
#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/flow_record.h"
#include "bulkhead/model/simulation.h"
#include "bulkhead/model/workload.h"

namespace bulkhead {

// An endpoint as the dataplane knows it. Unbound: the interface exists and its programs may run, but nobody has said yet who it
// is; it is judged as the unknown subject, its addresses are not published, and its source addresses are not checked.
struct EndpointState {
  uint16_t slot = 0;  // 1..BH_MAX_ENDPOINTS-1; the caller hands them out and never reuses one while packets may carry it
  uint32_t ifindex = 0;
  uint16_t zone = 0;
  bool bound = false;
  MacAddress mac;
  uint32_t workload = 0;  // number shared by all endpoints of one workload; not 0 when bound
  IdentityId identity = kIdentityUnknown;
  std::vector<IpAddress> addresses;

  bool operator==(const EndpointState&) const = default;
};

// A port of the host and the workload's address behind it. host.IsUnspecified(): every host address of that family.
struct PublishedTarget {
  IpAddress host;
  uint16_t host_port = 0;
  uint8_t protocol = kProtoTcp;
  IpAddress target;
  uint16_t target_port = 0;
  uint16_t target_zone = 0;

  auto operator<=>(const PublishedTarget&) const = default;
};

// Seconds, by FlowState.
struct FlowTimeouts {
  uint32_t tcp[4] = {60, 8 * 3600, 120, 10};
  uint32_t udp[4] = {30, 180, 30, 10};
  uint32_t other[4] = {30, 60, 30, 10};

  bool operator==(const FlowTimeouts&) const = default;
};

struct DataplaneOptions {
  uint32_t flow_quota_divisor = 8;  // the entries of one endpoint may take this part of each flow table; 1: all of it
  bool proxy_is_world = true;  // host-originated traffic to a published target is judged as world
  bool uplinks = false;        // uplinks are judged, too (dataplane/uplinks.h)
  FlowTimeouts timeouts;
  uint32_t events_per_second = 1000;     // per CPU
  uint32_t midstream_per_second = 4096;  // per CPU: TCP found in the middle of a stream and taken for an answer
  uint32_t dns_answers_per_second = 250;  // per CPU: handed over by DrainAnswers
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::Status SetOptions(const DataplaneOptions& options) = 0;

  // Makes `policy` the one that packets see: whole or not at all. rules[].id must be filled. Raises the epoch.
  // kResourceExhausted names what does not fit, with counts; the old policy stays.
  virtual absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) = 0;
  // The policy that was applied (or staged) last has grown by this: publishes what is new, without a new generation; no cached
  // verdict changes. kResourceExhausted: the tables have no room left beside what they hold; apply the policy anew.
  virtual absl::Status GrowPolicy(const PolicyGrowth& growth) = 0;
  virtual absl::Status GrowStaged(const PolicyGrowth& growth) = 0;

  // A policy that judges beside the active one and decides nothing; null: none (any more). From now on every flow that is judged is
  // judged by both, and ReadStagedEdges adds them up; flows that exist are judged again on their next packet. Errors as ApplyPolicy.
  virtual absl::Status StagePolicy(std::shared_ptr<const CompiledPolicy> policy) = 0;

  // Creates or replaces the endpoint of that slot, its addresses included. A subject that the active policy does not know (its
  // kind is new) is published as unknown until the next ApplyPolicy: compile first. O(addresses), whatever the number of endpoints.
  // Raises the epoch only if a published address changed or lost its subject.
  virtual absl::Status PutEndpoint(const EndpointState& endpoint) = 0;
  virtual absl::Status RemoveEndpoint(uint16_t slot) = 0;

  virtual absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses) = 0;
  virtual absl::Status SetPublished(const std::vector<PublishedTarget>& targets) = 0;

  // The endpoints that packets of the others of the list, if of the same zone, may be handed to past the bridge and their egress hook
  // (bpf/fast_path.h), for so many seconds from now: call again before they are over. Replaces the list of before; raises the epoch
  // when one that is there no longer is on it. One that is unbound, of zone 0, or without a known MAC is never on it, whatever is
  // said here, and PutEndpoint and RemoveEndpoint take it off when it changes.
  virtual absl::Status SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds) = 0;

  // Puts the programs of a zone on both directions of an interface, and reads back that they are there. Idempotent.
  virtual absl::Status Attach(uint32_t ifindex, uint16_t zone) = 0;
  virtual absl::Status Detach(uint32_t ifindex) = 0;

  // Calls back for every flow, in no order; stops when the callback returns false. A flow that changes meanwhile is seen as it was
  // before or after. Linked entries are left out. Memory is bounded however many there are, and the callback may take its time: no
  // lock is held, and ages count from the call.
  virtual absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) = 0;
  virtual absl::Status ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) = 0;
  // Takes out the edges without an outside peer that were last seen before that moment (CLOCK_BOOTTIME, ns), or never answered and
  // seen before the other, and hands each over as it was at its end. Flows of such an edge that come later make a new one. Those
  // with an outside peer give way by themselves, the least recently used first, and nothing counts them: what such a one did since
  // it was read last is lost.
  virtual absl::Status TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                                     const std::function<void(const EdgeRecord&)>& callback) = 0;
  // Since the policy was staged; nothing when none is.
  virtual absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) = 0;
  // What rules have decided, by interned id: those that ever decided something, as far as they are counted (abi/rule.h).
  virtual absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() = 0;
  // Hands over the events that have come since the last call.
  virtual absl::Status DrainEvents(const std::function<void(const bh_event&)>& callback) = 0;
  // Hands over the DNS answers to workloads that have come since the last call, as far as they were kept: UDP from port 53 that answers
  // what the workload sent. What they say is not looked at.
  virtual absl::Status DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) = 0;
  // One capture at a time: nullopt ends it. What it says may be changed while it runs. SetCapture and DrainCapture may come from any
  // one thread at a time. DrainCapture hands over the packets that have come since the last call until the callback returns false.
  virtual absl::Status SetCapture(const std::optional<CaptureFilter>& filter) = 0;
  virtual absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) = 0;
  // What the programs, as they are loaded, would do with these packets, one after the other: one sees what those before it have left,
  // and nothing else does. Any thread; calls wait for each other.
  virtual absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) = 0;
  // By index as in abi/event.h; BH_COUNTER_COUNT values.
  virtual absl::StatusOr<std::vector<uint64_t>> ReadCounters() = 0;
  // Frees expired flows. Returns how many.
  virtual absl::StatusOr<uint64_t> Sweep() = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_BACKEND_H_
