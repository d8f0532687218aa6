// SPDX-License-Identifier: Apache-2.0
#include "bench/flows/many_flows.h"

#include <arpa/inet.h>

#include <bit>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "dataplane/flow/flow_reader.h"

namespace bulkhead::bench {
namespace {

constexpr uint32_t kServices = 200;
constexpr uint32_t kReplicas = 5;
constexpr IdentityId kFirstIdentity = 1000;
constexpr uint32_t kRules = 500;

// Number 0 and up: workloads; beyond them, the world.
IpAddress AddressOf(uint8_t family, uint32_t number) {
  if (family == 4) return IpAddress::V4(198, static_cast<uint8_t>(18 + (number >> 16)), static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number));
  IpAddress address;
  address.family = 6;
  address.bytes = {0xfd, 0x00, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 0, static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
                   static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
  return address;
}

std::shared_ptr<View> MakeView(uint8_t family) {
  auto view = std::make_shared<View>();
  for (uint32_t number = 0; number < kServices * kReplicas; ++number) {
    const std::string service = "service-" + std::to_string(number / kReplicas);
    Workload workload;
    workload.id = std::to_string(number);
    workload.runtime = "docker";
    workload.ns = "bench";
    workload.name = service + "-" + std::to_string(number % kReplicas);
    workload.service = service;
    workload.identity = kFirstIdentity + number / kReplicas;
    workload.endpoints.resize(1);
    workload.endpoints[0].addresses = {AddressOf(family, number)};
    const std::string key = "docker/" + workload.id;
    view->endpoints.push_back({static_cast<uint16_t>(number + 1), 1, number + 10, true, true, key});
    view->identities[workload.identity] = {workload.identity, "bench", service, {}, ""};
    view->workloads[key] = std::move(workload);
  }
  for (uint32_t id = 1; id <= kRules; ++id) {
    RuleInfo rule;
    rule.key = "bench/policy-" + std::to_string(id) + " ingress[0]";
    rule.tier = Tier::kNetworkPolicy;
    rule.policy_ns = "bench";
    rule.index = 0;
    rule.id = id;
    view->rules[id] = rule;
  }
  return view;
}

// Groups for twice as many flows, at least; a power of two.
uint32_t GroupsFor(size_t count, bool used) { return used ? std::bit_ceil(static_cast<uint32_t>(count / BH_GROUP_SLOTS * 4 + 4)) : 4; }

}  // namespace

template <typename Key>
void ManyFlows::Put(const IpAddress& source, uint16_t source_port, const IpAddress& destination, uint16_t port, bh_flow flow) {
  const bool opener = std::pair(destination.bytes, port) < std::pair(source.bytes, source_port);  // the side that the source is
  Key key{};
  std::memcpy(key.address[opener], source.bytes.data(), sizeof(key.address[0]));
  std::memcpy(key.address[!opener], destination.bytes.data(), sizeof(key.address[0]));
  key.port[opener] = htons(source_port);
  key.port[!opener] = htons(port);
  key.protocol = kProtoTcp;
  key.zone = 1;
  if (opener) {
    flow.hot.meta |= BH_META(0, 0, BH_FLOW_OPENER);
    std::swap(flow.hot.slot[0], flow.hot.slot[1]);
  }
  if (memory_.Put(key, flow)) ++count_;
}

ManyFlows::ManyFlows(size_t count, uint8_t family) : memory_(GroupsFor(count, family == 4), GroupsFor(count, family == 6)) {
  SetView(MakeView(family));
  std::mt19937 random(7);
  for (size_t i = 0; i < count; ++i) {
    const bool from_world = random() % 4 == 0;
    const uint32_t source = from_world ? kServices * kReplicas + random() % 60'000 : random() % (kServices * kReplicas);
    const uint32_t destination = random() % (kServices * kReplicas);
    bh_flow flow{};
    flow.hot.meta = BH_META(0, BH_FLOW_ESTABLISHED, 0);
    flow.hot.last_seen = 1000 - random() % 100;
    flow.hot.slot[0] = from_world ? uint16_t{0} : static_cast<uint16_t>(source + 1);
    flow.hot.slot[1] = static_cast<uint16_t>(destination + 1);
    for (const int side : {0, 1}) flow.hot.count[side] = BH_COUNT(random(), random() % 100'000);
    flow.cold.first_seen = 1 + i * 1000;
    flow.cold.source_identity = from_world ? kIdentityWorld : kFirstIdentity + source / kReplicas;
    flow.cold.destination_identity = kFirstIdentity + destination / kReplicas;
    flow.cold.source_rule = random() % 20 + 1;
    flow.cold.destination_rule = random() % kRules + 1;
    flow.cold.service_port = 5432;
    const auto port = static_cast<uint16_t>(1024 + i % 60'000);
    if (family == 4) {
      Put<bh_flow4_key>(AddressOf(4, source), port, AddressOf(4, destination), 5432, flow);
    } else {
      Put<bh_flow6_key>(AddressOf(6, source), port, AddressOf(6, destination), 5432, flow);
    }
  }
}

absl::Status ManyFlows::ReadFlows(const std::function<bool(const FlowRecord&)>& callback) {
  const FlowTime now{1000, bulkhead::testing::MonotonicNow(), bulkhead::testing::BoottimeNow(), 256'000'000};
  ReadFlowTables(memory_.tables(), memory_.control(), now, callback);
  return absl::OkStatus();
}

}  // namespace bulkhead::bench
