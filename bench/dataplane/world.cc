// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/world.h"

#include <arpa/inet.h>

#include <chrono>
#include <utility>

#include "bulkhead/abi/event.h"

namespace bulkhead::bench {
namespace {

constexpr uint32_t kAddressRoom = 1u << 18;  // a workload's address stands there twice
constexpr uint16_t kFirstChurnSlot = 2000, kChurnSlots = 1000;

// Calls back with each slot of both tables: hot part, port[0] and port[1] of its key, owner.
template <typename Callback>
void ForEachSlot(const FlowTables::Memory& memory, const Callback& callback) {
  for (uint32_t group = 0; group < memory.groups4; ++group) {
    for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
      bh_flow4_slot& slot = memory.flows4[group].slot[n];
      callback(slot.hot, slot.key.port, memory.colds4[group].cold[n].owner, 0);
    }
  }
  for (uint32_t group = 0; group < memory.groups6; ++group) {
    for (bh_flow6_slot& slot : memory.flows6[group].slot) callback(slot.hot, slot.key.port, slot.cold.owner, 1);
  }
}

// A replica of web that comes and goes.
EndpointState Passenger(uint32_t number) {
  EndpointState out = EndpointOf(static_cast<uint16_t>(kFirstChurnSlot + number % kChurnSlots));
  out.identity = kFirstIdentity + kWeb;
  out.addresses = {AddressOf(out.slot, 4), AddressOf(out.slot, 6)};
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> World::Create(KernelWriter& writer, const Clock& clock, const std::string& name,
                                                     uint32_t flow_entries, std::shared_ptr<const CompiledPolicy> policy,
                                                     const std::vector<EndpointState>& endpoints, bool xdp) {
  std::unique_ptr<World> out(new World());
  EbpfOptions options;
  options.pin_root = "/sys/fs/bpf/" + name;
  options.flow_entries = flow_entries;
  options.workload_xdp = xdp;
  options.max_entries["bh_addresses"] = kAddressRoom;
  auto backend = EbpfBackend::Open(writer, clock, options);
  if (!backend.ok()) return backend.status();
  out->backend_ = *std::move(backend);
  DataplaneOptions all;
  all.flow_quota_divisor = 1;
  absl::Status status = out->backend_->SetOptions(all);
  if (status.ok()) status = out->backend_->LoadZone(kZone);
  if (status.ok()) status = out->backend_->ApplyPolicy(std::move(policy));
  for (const EndpointState& endpoint : endpoints) {
    if (status.ok()) status = out->backend_->PutEndpoint(endpoint);
  }
  if (!status.ok()) return status;
  return out;
}

void World::Answer() {
  ForEachSlot(backend_->flow_tables().memory(), [](bh_flow_hot& hot, const __u16*, uint16_t, int) {
    if (BH_META_HOLDS_FLOW(hot.meta)) hot.meta = BH_META(hot.meta, BH_FLOW_ESTABLISHED, BH_META_FLAGS(hot.meta) | BH_FLOW_HEARD);
  });
}

uint64_t World::Counted() {
  uint64_t packets = 0;
  ForEachSlot(backend_->flow_tables().memory(), [&packets](bh_flow_hot& hot, const __u16*, uint16_t, int) {
    if (BH_META_HOLDS_FLOW(hot.meta)) packets += BH_COUNT_PACKETS(hot.count[0]) + BH_COUNT_PACKETS(hot.count[1]);
  });
  return packets;
}

// Services have the higher addresses, hence the second port of a key. Flows that lasted before came to lie where no such flow was
// in their way, so nothing is lost behind a slot that is new again.
void World::Forget() {
  const FlowTables::Memory& memory = backend_->flow_tables().memory();
  ForEachSlot(memory, [&memory](bh_flow_hot& hot, const __u16* port, uint16_t owner, int family) {
    const __u16 wanted = htons(kNewPort);
    if (!BH_META_HOLDS_FLOW(hot.meta)) {
      hot = {};
    } else if (port[1] == wanted) {
      hot = {};
      --memory.usage->flows[owner][family];
    }
  });
}

absl::StatusOr<World::Judged> World::Count() {
  const auto counters = backend_->ReadCounters();
  if (!counters.ok()) return counters.status();
  Judged out;
  for (size_t i = 0; i < BH_REASON_COUNT * 3; ++i) out.packets += (*counters)[i];
  out.failed = (*counters)[BH_COUNTER_FLOWS_FAILED];
  return out;
}

absl::Status World::Churn(const std::stop_token& stop, uint32_t per_second) {
  constexpr uint32_t kAlive = 10;
  const auto pause = std::chrono::microseconds(500'000 / per_second);
  for (uint32_t number = 0; !stop.stop_requested(); ++number) {
    if (auto status = backend_->PutEndpoint(Passenger(number)); !status.ok()) return status;
    std::this_thread::sleep_for(pause);
    if (number >= kAlive) {
      if (auto status = backend_->RemoveEndpoint(Passenger(number - kAlive).slot); !status.ok()) return status;
    }
    std::this_thread::sleep_for(pause);
  }
  return absl::OkStatus();
}

void World::StartChurn(uint32_t per_second) {
  churn_ = std::jthread([this, per_second](const std::stop_token& stop) { churned_ = Churn(stop, per_second); });
}

absl::Status World::StopChurn() {
  churn_.request_stop();
  churn_.join();
  return churned_;
}

}  // namespace bulkhead::bench
