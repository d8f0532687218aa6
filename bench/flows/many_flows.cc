// SPDX-License-Identifier: Apache-2.0
#include "bench/flows/many_flows.h"

#include <random>
#include <string>

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

}  // namespace

ManyFlows::ManyFlows(size_t count, uint8_t family) {
  SetView(MakeView(family));
  std::mt19937 random(7);
  const uint64_t now = testing::BoottimeNow();
  flows_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const bool from_world = random() % 4 == 0;
    const uint32_t source = from_world ? kServices * kReplicas + random() % 60'000 : random() % (kServices * kReplicas);
    const uint32_t destination = random() % (kServices * kReplicas);
    FlowRecord flow = testing::MakeShopFlow(0, Verdict::kAllow, random() % kRules + 1, 1, 1);
    flow.source = AddressOf(family, source);
    flow.destination = AddressOf(family, destination);
    flow.source_port = static_cast<uint16_t>(1024 + i % 60'000);
    flow.source_identity = from_world ? kIdentityWorld : kFirstIdentity + source / kReplicas;
    flow.destination_identity = kFirstIdentity + destination / kReplicas;
    flow.source_slot = from_world ? uint16_t{0} : static_cast<uint16_t>(source + 1);
    flow.destination_slot = static_cast<uint16_t>(destination + 1);
    flow.source_rule = random() % 20 + 1;
    flow.first_seen = now - 3'600'000'000'000 + i * 1000;
    flow.last_seen = now - random() % 60'000'000'000;
    flow.opened_ns = flow.first_seen;
    flow.bytes[0] = random();
    flows_.push_back(flow);
  }
}

absl::Status ManyFlows::ReadFlows(const std::function<bool(const FlowRecord&)>& callback) {
  for (const FlowRecord& flow : flows_) {
    if (!callback(flow)) break;
  }
  return absl::OkStatus();
}

}  // namespace bulkhead::bench
