// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/random_world.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "rapidcheck.h"

namespace bulkhead {
namespace {

template <typename T>
T Pick(const std::vector<T>& from) {
  return from[static_cast<size_t>(Draw(static_cast<int>(from.size())))];
}

bool Chance(int one_in) { return Draw(one_in) == one_in - 1; }

const std::vector<std::string>& Namespaces() {
  static const std::vector<std::string> kNames = {"shop", "lab", "ops"};
  return kNames;
}
const std::vector<std::string>& Keys() {
  static const std::vector<std::string> kKeys = {"app", "tier", "team"};
  return kKeys;
}
const std::vector<std::string>& Values() {
  static const std::vector<std::string> kValues = {"a", "b", ""};
  return kValues;
}

LabelSelector RandomSelector() {
  LabelSelector selector;
  const int labels = Draw(3);
  for (int i = 0; i < labels; ++i) selector.match_labels[Pick(Keys())] = Pick(Values());
  const int expressions = Chance(3) ? 1 + Draw(2) : 0;
  for (int i = 0; i < expressions; ++i) {
    LabelRequirement requirement;
    requirement.key = Pick(Keys());
    requirement.op = static_cast<LabelRequirement::Op>(Draw(4));
    const bool takes = requirement.op == LabelRequirement::Op::kIn || requirement.op == LabelRequirement::Op::kNotIn;
    const int values = takes ? 1 + Draw(2) : 0;
    for (int j = 0; j < values; ++j) requirement.values.push_back(Pick(Values()));
    selector.match_expressions.push_back(std::move(requirement));
  }
  return selector;
}

IpBlock RandomBlock() {
  const IpAddress address = RandomAddress();
  const std::vector<int> lengths =
      address.IsV4() ? std::vector<int>{24, 0, 15, 25, 30, 31, 32} : std::vector<int>{64, 0, 8, 126, 127, 128};
  IpBlock block;
  block.cidr = Prefix::Of(address, Pick(lengths));
  const int excepts = Draw(3);
  for (int i = 0; i < excepts; ++i) {
    const Prefix except = Prefix::Of(RandomAddress(), Pick(lengths));
    if (block.cidr.Contains(except) && except.length > block.cidr.length) block.except.push_back(except);
  }
  return block;
}

PolicyPeer RandomPeer() {
  PolicyPeer peer;
  const int shape = Draw(4);
  if (shape == 3) {
    peer.ip_block = RandomBlock();
    return peer;
  }
  if (shape != 1) peer.pod_selector = RandomSelector();
  if (shape != 0) peer.namespace_selector = RandomSelector();
  if (shape != 0 && Chance(2)) peer.namespace_selector->match_labels = {{"kubernetes.io/metadata.name", Pick(Namespaces())}};
  return peer;
}

PolicyPort RandomPort() {
  PolicyPort port;
  port.protocol = Pick<uint8_t>({kProtoTcp, kProtoUdp, kProtoSctp});
  const int shape = Draw(4);
  if (shape == 0) port.first = port.last = static_cast<uint16_t>(1 + Draw(6));
  if (shape == 1) {
    port.first = static_cast<uint16_t>(1 + Draw(6));
    port.last = static_cast<uint16_t>(Chance(4) ? 65535 : port.first + Draw(4));
  }
  if (shape == 2) port.name = Pick<std::string>({"http", "dns"});
  return port;
}

std::vector<PolicyRule> RandomRules() {
  std::vector<PolicyRule> rules(static_cast<size_t>(Draw(4)));
  for (PolicyRule& rule : rules) {
    const int peers = Draw(3), ports = Draw(4);
    for (int i = 0; i < peers; ++i) rule.peers.push_back(RandomPeer());
    for (int i = 0; i < ports; ++i) rule.ports.push_back(RandomPort());
  }
  return rules;
}

bool Same(const LabelSelector& a, const LabelSelector& b) {
  return a.match_labels == b.match_labels &&
         std::equal(
             a.match_expressions.begin(), a.match_expressions.end(), b.match_expressions.begin(), b.match_expressions.end(),
             [](const auto& x, const auto& y) { return std::tie(x.key, x.op, x.values) == std::tie(y.key, y.op, y.values); });
}

bool Same(const std::optional<LabelSelector>& a, const std::optional<LabelSelector>& b) {
  return a.has_value() == b.has_value() && (!a || Same(*a, *b));
}

bool Same(const PolicyPeer& a, const PolicyPeer& b) {
  if (!Same(a.pod_selector, b.pod_selector) || !Same(a.namespace_selector, b.namespace_selector)) return false;
  if (a.ip_block.has_value() != b.ip_block.has_value()) return false;
  return !a.ip_block || (a.ip_block->cidr == b.ip_block->cidr && a.ip_block->except == b.ip_block->except);
}

bool Same(const PolicyPort& a, const PolicyPort& b) {
  return std::tie(a.protocol, a.first, a.last, a.name) == std::tie(b.protocol, b.first, b.last, b.name);
}

bool Same(const std::vector<PolicyRule>& a, const std::vector<PolicyRule>& b) {
  const auto same = [](const auto& x, const auto& y) { return Same(x, y); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const PolicyRule& x, const PolicyRule& y) {
    return std::equal(x.peers.begin(), x.peers.end(), y.peers.begin(), y.peers.end(), same) &&
           std::equal(x.ports.begin(), x.ports.end(), y.ports.begin(), y.ports.end(), same);
  });
}

}  // namespace

// At full size from the first case on: the ranges are small enough.
int Draw(int end) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); }

Labels RandomLabels() {
  Labels labels;
  const int count = Draw(4);
  for (int i = 0; i < count; ++i) labels[Pick(Keys())] = Pick(Values());
  return labels;
}

IpAddress RandomAddress() {
  const int low = Draw(6);
  if (Chance(3)) return IpAddress::Parse(absl::StrCat("fd00::", low)).value();
  return IpAddress::V4(198, static_cast<uint8_t>(18 + Draw(3)), static_cast<uint8_t>(Draw(2)), static_cast<uint8_t>(low));
}

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

Policy RandomPolicy(const std::string& name) {
  Policy policy;
  policy.ns = Pick(Namespaces());
  policy.name = name;
  if (Chance(4)) policy.labels = RandomLabels();
  if (Chance(4)) policy.annotations = {{"note", *rc::gen::string<std::string>()}};
  for (char& c : policy.annotations["note"]) c = static_cast<char>(c & 0x7f);  // any ASCII, which is always UTF-8
  if (policy.annotations["note"].empty()) policy.annotations.clear();
  policy.pod_selector = RandomSelector();
  const int types = Draw(3);
  policy.isolates_ingress = types != 1;
  policy.isolates_egress = types != 0;
  policy.ingress = RandomRules();
  policy.egress = RandomRules();
  return policy;
}

PolicyDocuments RandomDocuments() {
  PolicyDocuments documents;
  const int count = Draw(6);
  for (int i = 0; i < count; ++i) documents.policies.push_back(RandomPolicy(absl::StrCat("p", (i * 7) % 10)));
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
    known.identity.ns = Pick(Namespaces());
    known.identity.labels = RandomLabels();
    known.local = !Chance(4);
    known.named_ports = RandomNamedPorts();
    const int addresses = Draw(3);
    for (int j = 0; j < addresses; ++j) known.addresses.push_back(RandomAddress());
    input.identities.push_back(std::move(known));
  }
  if (Chance(2)) input.host_addresses.push_back(RandomAddress());
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
  inventory.nodes.push_back({"node", {}, {RandomAddress()}});
  const int workloads = 1 + Draw(6);
  for (int i = 0; i < workloads; ++i) {
    InventoryWorkload workload;
    workload.ns = Pick(Namespaces());
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

bool SamePolicy(const Policy& a, const Policy& b) {
  return std::tie(a.ns, a.name, a.labels, a.annotations, a.isolates_ingress, a.isolates_egress) ==
             std::tie(b.ns, b.name, b.labels, b.annotations, b.isolates_ingress, b.isolates_egress) &&
         Same(a.pod_selector, b.pod_selector) && Same(a.ingress, b.ingress) && Same(a.egress, b.egress);
}

}  // namespace bulkhead
