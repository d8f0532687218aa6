// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/random_world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/unit/policy/random_draw.h"

namespace bulkhead {

std::vector<NamedPort> RandomNamedPorts() {
  std::vector<NamedPort> ports;
  const int count = Draw(3);
  for (int i = 0; i < count; ++i) {
    ports.push_back(
        {Pick<std::string>({"http", "dns", "other"}), Pick<uint8_t>({kProtoTcp, kProtoUdp}), static_cast<uint16_t>(1 + Draw(6))});
  }
  std::sort(ports.begin(), ports.end());
  return ports;
}

PolicyDocuments RandomDocuments() {
  PolicyDocuments documents;
  const int count = Draw(6);
  for (int i = 0; i < count; ++i) {
    documents.policies.push_back(RandomPolicy(absl::StrCat("p", (i * 7) % 10)));
    if (Chance(4)) SetAudit(&documents.policies.back());
  }
  const int tiers = Draw(4);
  for (int i = 0; i < tiers; ++i) documents.policies.push_back(RandomTierPolicy(absl::StrCat("c", (i * 7) % 10)));
  if (Chance(3)) documents.policies.push_back(RandomTierPolicy("default"));
  return documents;
}

CompileInput RandomInput() {
  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(RandomDocuments());
  if (Chance(2)) input.namespaces["shop"] = RandomLabels();
  const int identities = Draw(7);
  for (int i = 0; i < identities; ++i) {
    KnownIdentity known;
    known.identity.id = kFirstIdentity + static_cast<IdentityId>(i);
    known.identity.ns = RandomNamespace();
    known.identity.labels = RandomLabels();
    known.local = !Chance(4);
    known.named_ports = RandomNamedPorts();
    const int addresses = Draw(3);
    for (int j = 0; j < addresses; ++j) known.addresses.push_back(RandomAddress());
    input.identities.push_back(std::move(known));
  }
  if (Chance(2)) input.host_addresses.push_back(RandomAddress());
  if (Chance(2)) input.nodes.push_back({"node", RandomLabels(), {RandomAddress()}});
  const int nodes = Draw(3);
  for (int i = 0; i < nodes; ++i) input.nodes.push_back({absl::StrCat("node", i), RandomLabels(), {RandomAddress()}});
  input.options.default_allow = !Chance(4);
  input.options.allow_from_host = !Chance(4);
  return input;
}

TestParty RandomParty(const CompileInput& input) {
  TestParty party;
  const int kind = Draw(6);
  if (kind >= 2 && !input.identities.empty()) {
    party.kind = Party::Kind::kWorkload;
    party.identity = static_cast<size_t>(Draw(static_cast<int>(input.identities.size())));
    const auto& addresses = input.identities[party.identity].addresses;
    if (!addresses.empty() && !Chance(4)) party.address = Pick(addresses);
  } else if (kind == 0) {
    party.kind = Party::Kind::kWorld;
    if (!Chance(4)) party.address = RandomAddress();
  } else {
    party.kind = Chance(2) ? Party::Kind::kUnknown : Party::Kind::kHost;
    if (party.kind == Party::Kind::kHost && !input.host_addresses.empty()) party.address = input.host_addresses[0];
  }
  return party;
}

std::pair<uint8_t, uint16_t> RandomProtocolAndPort() {
  const auto protocol = Pick<uint8_t>({kProtoTcp, kProtoUdp, kProtoSctp, kProtoIcmp, 47});
  if (!HasPorts(protocol)) return {protocol, 0};
  return {protocol, static_cast<uint16_t>(Chance(6) ? 65535 : 1 + Draw(10))};
}

Inventory RandomInventory() {
  Inventory inventory;
  if (Chance(2)) inventory.namespaces["shop"] = RandomLabels();
  inventory.nodes.push_back({"node", RandomLabels(), {RandomAddress()}});
  const int workloads = 1 + Draw(6);
  for (int i = 0; i < workloads; ++i) {
    InventoryWorkload workload;
    workload.ns = RandomNamespace();
    workload.name = workload.owner = absl::StrCat("w", i);
    workload.labels = RandomLabels();
    const int addresses = Draw(3);
    for (int j = 0; j < addresses; ++j) workload.addresses.push_back(RandomAddress());
    workload.named_ports = RandomNamedPorts();
    workload.host_network = Chance(5);
    if (Chance(2)) workload.node = "node";
    inventory.workloads.push_back(std::move(workload));
  }
  return inventory;
}

}  // namespace bulkhead
