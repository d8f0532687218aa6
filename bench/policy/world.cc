// SPDX-License-Identifier: Apache-2.0
#include "bench/policy/world.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::bench {
namespace {

constexpr size_t kKindsPerNamespace = 10;

std::string NamespaceOf(size_t kind) { return absl::StrCat("team-", kind / kKindsPerNamespace); }
std::string AppOf(size_t kind) { return absl::StrCat("app-", kind); }

LabelSelector App(size_t kind) { return {{{"app", AppOf(kind)}}, {}}; }
LabelSelector InNamespace(const std::string& ns) { return {{{kNamespaceNameLabel, ns}}, {}}; }

PolicyPeer PeerOf(size_t kind, size_t own) {
  PolicyPeer peer;
  peer.pod_selector = App(kind);
  if (NamespaceOf(kind) != NamespaceOf(own)) peer.namespace_selector = InNamespace(NamespaceOf(kind));
  return peer;
}

PolicyPort Port(uint8_t protocol, uint16_t first, uint16_t last) { return {protocol, first, last, "", {}}; }

// One kind calls about five others; which, follows from its number.
PolicyRule CallRule(size_t own, size_t step, size_t kinds) {
  PolicyRule rule;
  for (size_t i = 0; i < 2; ++i) rule.peers.push_back(PeerOf((own + 1 + 7 * step + i) % kinds, own));
  rule.ports.push_back(
      Port(kProtoTcp, static_cast<uint16_t>(8000 + own % 100), static_cast<uint16_t>(8000 + own % 100 + step % 3)));
  if (step % 4 == 0) rule.ports.push_back({kProtoTcp, 0, 0, "http", {}});
  return rule;
}

Policy Developers(size_t number, size_t kinds) {
  Policy policy;
  const size_t own = number % kinds, step = number / kinds;
  policy.ns = NamespaceOf(own);
  policy.name = absl::StrCat("policy-", number);
  policy.pod_selector = App(own);
  policy.isolates_ingress = step % 2 == 0;
  policy.isolates_egress = step % 2 == 1;
  std::vector<PolicyRule>& rules = policy.isolates_ingress ? policy.ingress : policy.egress;
  rules.push_back(CallRule(own, step, kinds));
  rules.push_back(CallRule(own, step + 1, kinds));
  PolicyRule shared;  // name servers, or what comes from outside
  PolicyPeer peer;
  if (policy.isolates_egress) {
    peer.namespace_selector = InNamespace("team-0");
    peer.pod_selector = LabelSelector{};
    shared.ports.push_back(Port(kProtoUdp, 53, 53));
  } else {
    peer.ip_block = IpBlock{*Prefix::Parse(absl::StrCat("203.0.", number % 200, ".0/24")), {}};
    shared.ports.push_back(Port(kProtoTcp, 443, 443));
  }
  shared.peers.push_back(peer);
  rules.push_back(shared);
  policy.pos = {absl::StrCat(policy.name, ".yaml"), 1, 1};
  return policy;
}

Policy Tiers(size_t number, size_t kinds) {
  Policy policy;
  policy.kind = PolicyKind::kClusterNetworkPolicy;
  policy.tier = number % 2 == 0 ? Tier::kAdmin : Tier::kBaseline;
  policy.priority = static_cast<int>(number % 1000);
  policy.name = absl::StrCat("tier-", number);
  policy.namespace_selector = InNamespace(NamespaceOf(number % kinds));
  for (const RuleAction action : {RuleAction::kPass, RuleAction::kDeny}) {
    PolicyRule rule;
    rule.action = action;
    PolicyPeer peer;
    peer.namespace_selector = InNamespace(NamespaceOf((number * 3 + 1) % kinds));
    rule.peers.push_back(peer);
    rule.ports.push_back(Port(kProtoTcp, 22, 23));
    policy.ingress.push_back(rule);
  }
  policy.pos = {absl::StrCat(policy.name, ".yaml"), 1, 1};
  return policy;
}

}  // namespace

KnownIdentity MakeWorkload(size_t number, size_t kind) {
  KnownIdentity known;
  known.identity.id = kFirstIdentity + static_cast<IdentityId>(number);
  known.identity.ns = NamespaceOf(kind);
  known.identity.service = AppOf(kind);
  known.identity.labels = {{"app", AppOf(kind)}, {"instance", absl::StrCat(number)}, {"tier", kind % 2 == 0 ? "front" : "back"}};
  known.identity.image_digest = absl::StrCat("sha256:", kind);
  known.mode = Mode::kEnforce;
  known.named_ports = {{"http", kProtoTcp, static_cast<uint16_t>(8080 + kind % 2)}};
  known.addresses.push_back(IpAddress::V4(198, static_cast<uint8_t>(18 + (number >> 16)), static_cast<uint8_t>(number >> 8),
                                          static_cast<uint8_t>(number)));
  return known;
}

CompileInput MakeWorld(const Size& size) {
  CompileInput input;
  auto documents = std::make_shared<PolicyDocuments>();
  const size_t tiers = size.policies / 100;
  for (size_t i = 0; i < tiers; ++i) documents->policies.push_back(Tiers(i, size.kinds));
  for (size_t i = tiers; i < size.policies; ++i) documents->policies.push_back(Developers(i - tiers, size.kinds));
  input.documents = std::move(documents);
  for (size_t i = 0; i < size.workloads; ++i) input.identities.push_back(MakeWorkload(i, i % size.kinds));
  input.global_mode = Mode::kEnforce;
  return input;
}

std::shared_ptr<const PolicyDocuments> ChangeOne(const PolicyDocuments& documents, size_t which) {
  auto changed = std::make_shared<PolicyDocuments>(documents);
  Policy& policy = changed->policies[which % changed->policies.size()];
  std::vector<PolicyRule>& rules = policy.ingress.empty() ? policy.egress : policy.ingress;
  uint16_t& last = rules.front().ports.front().last;
  ++last;
  return changed;
}

}  // namespace bulkhead::bench
