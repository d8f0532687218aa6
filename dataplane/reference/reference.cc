// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/reference.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "bulkhead/abi/address.h"
#include "bulkhead/abi/config.h"

namespace bulkhead::reference {
namespace {

constexpr uint64_t kNanosecondsPerTick = 1'000'000'000 / Reference::kTicksPerSecond;

// Before the first policy nobody has one.
std::shared_ptr<const CompiledPolicy> NoPolicy() {
  auto policy = std::make_shared<CompiledPolicy>();
  policy->subjects.resize(3);
  for (uint32_t i = 0; i < 3; ++i) {
    policy->subjects[i].identity = i;
    policy->subject_index[SubjectKey{i, {}}] = i;
  }
  policy->rules.resize(3);
  return policy;
}

EdgeRecord RecordOf(const EdgeKey& key, const bh_edge& edge) {
  EdgeRecord record;
  record.source_identity = key.source;
  record.destination_identity = key.destination;
  record.protocol = key.protocol;
  record.port = key.port;
  record.verdict = key.verdict;
  record.peer = key.peer;
  record.flows = edge.flows;
  record.answered = edge.answered;
  record.denied = edge.denied;
  record.source_workloads = edge.workloads[0];
  record.destination_workloads = edge.workloads[1];
  record.first_seen = edge.first_seen;
  record.last_seen = edge.last_seen;
  return record;
}

}  // namespace

Reference::Reference() : policy_(NoPolicy()) {
  tables_.policy = policy_.get();
  tables_.directory.SetPolicy(policy_.get());
  SetOptions(DataplaneOptions()).IgnoreError();
}

Outcome Reference::Judge(const Packet& packet) { return reference::Judge(tables_, packet).Run(); }

void Reference::SetClock(uint32_t tick) {
  tables_.now += uint64_t{tick - tables_.tick} * kNanosecondsPerTick;  // goes on where the ticks wrap
  tables_.tick = tick;
}

absl::Status Reference::SetOptions(const DataplaneOptions& options) {
  Timeouts timeouts;
  for (int state = 0; state < 4; ++state) {
    timeouts[BH_TIMEOUT_TCP][state] = options.timeouts.tcp[state] * kTicksPerSecond;
    timeouts[BH_TIMEOUT_UDP][state] = options.timeouts.udp[state] * kTicksPerSecond;
    timeouts[BH_TIMEOUT_OTHER][state] = options.timeouts.other[state] * kTicksPerSecond;
  }
  tables_.flows.SetTimeouts(timeouts);
  tables_.midstream_limit.per_tick = (options.midstream_per_second + kTicksPerSecond - 1) / kTicksPerSecond;
  tables_.ledger.Mute(options.events_per_second == 0);
  tables_.ledger.MuteAnswers(options.dns_answers_per_second == 0);
  if (tables_.proxy_is_world != options.proxy_is_world) RaiseEpoch(false);  // verdicts depend on it
  tables_.proxy_is_world = options.proxy_is_world;
  return absl::OkStatus();
}

void Reference::RaiseEpoch(bool flip) {
  const uint32_t slot = BH_STAMP_SLOT(tables_.stamp) ^ (flip ? 1u : 0u);
  tables_.stamp = BH_STAMP(BH_STAMP_EPOCH(tables_.stamp) + 1, slot);
}

absl::Status Reference::ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) {
  if (policy == nullptr) return absl::InvalidArgumentError("no policy");
  policy_ = std::move(policy);
  tables_.policy = policy_.get();
  tables_.directory.SetPolicy(policy_.get());
  RaiseEpoch(true);
  return absl::OkStatus();
}

absl::Status Reference::GrowPolicy(const PolicyGrowth&) {
  tables_.directory.GrowPolicy();
  return absl::OkStatus();
}

absl::Status Reference::GrowStaged(const PolicyGrowth&) {
  if (staged_ == nullptr) return absl::FailedPreconditionError("there is no policy that could have grown");
  tables_.directory.GrowStaged();
  return absl::OkStatus();
}

absl::Status Reference::StagePolicy(std::shared_ptr<const CompiledPolicy> policy) {
  staged_ = std::move(policy);
  tables_.staged = staged_.get();
  tables_.directory.SetStaged(staged_.get());
  tables_.ledger.ForgetStaged();
  if (staged_ != nullptr) RaiseEpoch(false);
  return absl::OkStatus();
}

std::map<std::pair<uint16_t, IpAddress>, Reference::Place> Reference::Places() const {
  const Directory& directory = tables_.directory;
  std::set<std::pair<uint16_t, IpAddress>> keys;
  for (const IpAddress& address : directory.host_addresses()) keys.insert({0, address});
  for (const auto& [slot, endpoint] : directory.endpoints()) {
    if (!endpoint.bound) continue;
    for (const IpAddress& address : endpoint.addresses) keys.insert({{0, address}, {endpoint.zone, address}});
  }
  std::map<std::pair<uint16_t, IpAddress>, Place> out;
  for (const auto& [zone, address] : keys) {
    out[{zone, address}] = {directory.At(zone, address).value_or(Resident()), directory.Destination(zone, address)};
  }
  return out;
}

std::optional<EndpointState> Reference::Known(uint16_t slot) const {
  const EndpointState* endpoint = tables_.directory.AtSlot(slot);
  return endpoint == nullptr ? std::nullopt : std::optional(*endpoint);
}

void Reference::Change(uint16_t slot, const std::function<void()>& change) {
  const auto subjects = [&] { return std::pair(tables_.directory.Endpoint(slot, 4), tables_.directory.Endpoint(slot, 6)); };
  const auto old = Known(slot);
  const auto old_subjects = subjects();
  const auto before = Places();
  change();
  const auto now = Known(slot);
  const auto after = Places();
  // More addresses alone disturb nobody: that is how containers start.
  const auto same = [](EndpointState a, const EndpointState& b) {
    a.addresses = b.addresses;
    return a == b;
  };
  const bool changed = old && (!now || !same(*old, *now) || old_subjects != subjects());
  const bool lost = std::any_of(before.begin(), before.end(), [&](const auto& item) {
    const auto found = after.find(item.first);
    return found == after.end() || found->second != item.second;
  });
  if (changed || lost) RaiseEpoch(false);
}

absl::Status Reference::PutEndpoint(const EndpointState& endpoint) {
  if (endpoint.slot == 0 || endpoint.slot >= BH_MAX_ENDPOINTS) return absl::InvalidArgumentError("endpoint slot out of range");
  EndpointState state = endpoint;
  if (!state.bound) {  // nobody's yet, whatever else is said of it
    state.workload = 0;
    state.identity = kIdentityUnknown;
    state.addresses.clear();
  }
  const auto before = Known(endpoint.slot);
  const auto fits = [](const EndpointState& s) { return s.bound && s.zone != 0 && s.mac != MacAddress{}; };
  const bool same =
      before && fits(state) && before->ifindex == state.ifindex && before->zone == state.zone && before->mac == state.mac;
  if (!same) fast_.erase(endpoint.slot);
  Change(endpoint.slot, [&] { tables_.directory.Put(state); });
  return absl::OkStatus();
}

absl::Status Reference::RemoveEndpoint(uint16_t slot) {
  fast_.erase(slot);
  Change(slot, [&] { tables_.directory.Remove(slot); });
  return absl::OkStatus();
}

absl::Status Reference::SetFastPath(const std::vector<uint16_t>& slots, uint32_t /*seconds*/) {
  const std::set<uint16_t> before = std::exchange(fast_, {});
  for (const uint16_t slot : slots) {
    const auto endpoint = Known(slot);
    if (endpoint && endpoint->bound && endpoint->zone != 0 && endpoint->mac != MacAddress{}) fast_.insert(slot);
  }
  if (!std::includes(fast_.begin(), fast_.end(), before.begin(), before.end())) RaiseEpoch(false);
  return absl::OkStatus();
}

absl::Status Reference::SetHostAddresses(const std::vector<IpAddress>& addresses) {
  const std::set<IpAddress> before = tables_.directory.host_addresses();
  tables_.directory.SetHostAddresses(addresses);
  if (tables_.directory.host_addresses() != before) RaiseEpoch(false);
  return absl::OkStatus();
}

absl::Status Reference::SetPublished(const std::vector<PublishedTarget>& targets) {
  const std::vector<PublishedTarget> before = tables_.directory.published();
  tables_.directory.SetPublished(targets);
  if (!std::is_permutation(before.begin(), before.end(), targets.begin(), targets.end())) RaiseEpoch(false);
  return absl::OkStatus();
}

absl::Status Reference::Attach(uint32_t ifindex, uint16_t zone) {
  attached_[ifindex] = zone;
  return absl::OkStatus();
}

absl::Status Reference::Detach(uint32_t ifindex) {
  attached_.erase(ifindex);
  return absl::OkStatus();
}

absl::Status Reference::ReadFlows(const std::function<bool(const FlowRecord&)>& callback) {
  for (const auto& [key, flow] : flows()) {
    if (flow.linked) continue;
    const int from = flow.opener, to = flow.responder();
    FlowRecord record;
    record.source = key.address[from];
    record.destination = key.address[to];
    record.source_port = key.port[from];
    record.destination_port = key.port[to];
    record.protocol = key.protocol;
    record.zone = key.zone;
    record.source_identity = flow.ruling.source;
    record.destination_identity = flow.ruling.destination;
    record.service_port = flow.service_port;
    record.verdict = flow.ruling.verdict;
    record.source_rule = flow.ruling.source_rule;
    record.destination_rule = flow.ruling.destination_rule;
    record.state = static_cast<FlowState>(flow.state);
    for (const int i : {0, 1}) {
      record.packets[i] = flow.packets[i == 0 ? from : to];
      record.bytes[i] = flow.bytes[i == 0 ? from : to];
    }
    record.first_seen = record.opened_ns = flow.first_seen;
    record.last_seen = flow.last_seen * kNanosecondsPerTick;
    record.stamp = flow.stamp;
    record.source_slot = flow.slot[from];
    record.destination_slot = flow.slot[to];
    if (!callback(record)) break;
  }
  return absl::OkStatus();
}

absl::Status Reference::ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) {
  for (const auto& [key, edge] : tables_.ledger.edges()) {
    if (!callback(RecordOf(key, edge))) break;
  }
  return absl::OkStatus();
}

absl::Status Reference::TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                                      const std::function<void(const EdgeRecord&)>& callback) {
  for (const auto& [key, edge] : tables_.ledger.TakeIdle(seen_before, unanswered_before)) callback(RecordOf(key, edge));
  return absl::OkStatus();
}

absl::Status Reference::ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) {
  for (const auto& [key, edge] : tables_.ledger.staged()) {
    if (!callback({RecordOf(key.edge, edge), key.verdict, key.source_rule, key.destination_rule})) break;
  }
  return absl::OkStatus();
}

absl::Status Reference::DrainEvents(const std::function<void(const bh_event&)>& callback) {
  for (const bh_event& event : tables_.ledger.TakeEvents()) callback(event);
  return absl::OkStatus();
}

absl::Status Reference::DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) {
  for (const bh_dns_answer& answer : tables_.ledger.TakeAnswers()) callback(answer);
  return absl::OkStatus();
}

absl::Status Reference::SetCapture(const std::optional<CaptureFilter>& filter) {
  return filter ? absl::UnimplementedError("the reference keeps no packets") : absl::OkStatus();
}
absl::Status Reference::DrainCapture(const std::function<bool(const bh_capture_packet&)>&) { return absl::OkStatus(); }

absl::StatusOr<std::vector<SimulatedRun>> Reference::Simulate(const std::vector<SimulatedPacket>&) {
  return absl::UnimplementedError("the reference judges for good");
}

absl::StatusOr<std::vector<uint64_t>> Reference::ReadCounters() {
  const auto& counters = tables_.ledger.counters();
  return std::vector<uint64_t>(counters.begin(), counters.end());
}

absl::StatusOr<uint64_t> Reference::Sweep() { return tables_.flows.Sweep(tables_.tick); }

}  // namespace bulkhead::reference
