// SPDX-License-Identifier: Apache-2.0
#include "rapidcheck.h"
#include "tests/unit/policy/random_draw.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead {
namespace {

// Any ASCII, which is always UTF-8.
std::string RandomText() {
  std::string text = *rc::gen::string<std::string>();
  for (char& c : text) c = static_cast<char>(c & 0x7f);
  return text.substr(0, 100);
}

LabelSelector RandomSelector() {
  LabelSelector selector;
  const int labels = Draw(3);
  for (int i = 0; i < labels; ++i) selector.match_labels[RandomLabelKey()] = RandomLabelValue();
  const int expressions = Chance(3) ? 1 + Draw(2) : 0;
  for (int i = 0; i < expressions; ++i) {
    LabelRequirement requirement;
    requirement.key = RandomLabelKey();
    requirement.op = static_cast<LabelRequirement::Op>(Draw(4));
    const bool takes = requirement.op == LabelRequirement::Op::kIn || requirement.op == LabelRequirement::Op::kNotIn;
    const int values = takes ? 1 + Draw(2) : 0;
    for (int j = 0; j < values; ++j) requirement.values.push_back(RandomLabelValue());
    selector.match_expressions.push_back(std::move(requirement));
  }
  return selector;
}

Prefix RandomPrefix() {
  const IpAddress address = RandomAddress();
  if (address.IsV4()) return Prefix::Of(address, Pick<int>({24, 0, 15, 25, 30, 31, 32}));
  return Prefix::Of(address, Pick<int>({64, 0, 8, 126, 127, 128}));
}

IpBlock RandomBlock() {
  IpBlock block;
  block.cidr = RandomPrefix();
  const int excepts = Draw(3);
  for (int i = 0; i < excepts; ++i) {
    const Prefix except = RandomPrefix();
    if (block.cidr.Contains(except) && except.length > block.cidr.length) block.except.push_back(except);
  }
  return block;
}

LabelSelector RandomNamespaceSelector() {
  LabelSelector selector = RandomSelector();
  if (Chance(2)) selector.match_labels = {{"kubernetes.io/metadata.name", RandomNamespace()}};
  return selector;
}

PolicyPeer RandomPeer() {
  PolicyPeer peer;
  const int shape = Draw(4);
  if (shape == 3) {
    peer.ip_block = RandomBlock();
    return peer;
  }
  if (shape != 1) peer.pod_selector = RandomSelector();
  if (shape != 0) peer.namespace_selector = RandomNamespaceSelector();
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

PolicyPeer RandomTierPeer(Direction direction) {
  PolicyPeer peer;
  const int shape = Draw(direction == Direction::kEgress ? 4 : 2);
  // Everybody, often: what stands before and after such a rule is where tiers go wrong.
  if (shape <= 1) peer.namespace_selector = Chance(2) ? LabelSelector{} : RandomNamespaceSelector();
  if (shape == 1) peer.pod_selector = RandomSelector();
  if (shape == 2) peer.node_selector = RandomSelector();
  if (shape == 3) {
    peer.networks.push_back(RandomPrefix());
    const Prefix second = RandomPrefix();  // a set: no prefix twice
    if (Chance(2) && second != peer.networks[0]) peer.networks.push_back(second);
  }
  return peer;
}

PolicyPort RandomTierPort(bool may_have_name) {
  PolicyPort port;
  const int shape = Draw(may_have_name ? 3 : 2);
  if (shape == 2) {
    port.protocol = 0;
    port.name = Pick<std::string>({"http", "dns"});
    return port;
  }
  port.protocol = Pick<uint8_t>({kProtoTcp, kProtoUdp, kProtoSctp});
  port.first = port.last = static_cast<uint16_t>(1 + Draw(6));
  if (shape == 1) port.last = static_cast<uint16_t>(Chance(4) ? 65535 : port.first + 1 + Draw(4));
  return port;
}

std::vector<PolicyRule> RandomTierRules(PolicyKind kind, Direction direction) {
  std::vector<PolicyRule> rules(static_cast<size_t>(Draw(4)));
  for (PolicyRule& rule : rules) {
    rule.action = static_cast<RuleAction>(Draw(kind == PolicyKind::kBaselineAdminNetworkPolicy ? 2 : 3));
    if (Chance(4)) rule.name = RandomText();
    bool may_have_name = true;
    const int peers = 1 + Draw(2), ports = Draw(4);
    for (int i = 0; i < peers; ++i) {
      rule.peers.push_back(RandomTierPeer(direction));
      may_have_name = may_have_name && rule.peers.back().namespace_selector;
    }
    for (int i = 0; i < ports; ++i) rule.ports.push_back(RandomTierPort(may_have_name));
  }
  return rules;
}

void DrawMeta(Policy* policy) {
  if (Chance(4)) policy->labels = RandomLabels();
  if (!Chance(4)) return;
  const std::string note = RandomText();
  if (!note.empty()) policy->annotations = {{"note", note}};
}

}  // namespace

Policy RandomPolicy(const std::string& name) {
  Policy policy;
  policy.ns = RandomNamespace();
  policy.name = name;
  DrawMeta(&policy);
  policy.pod_selector = RandomSelector();
  const int types = Draw(3);
  policy.isolates_ingress = types != 1;
  policy.isolates_egress = types != 0;
  policy.ingress = RandomRules();
  policy.egress = RandomRules();
  return policy;
}

Policy RandomTierPolicy(const std::string& name) {
  Policy policy;
  policy.name = name;
  DrawMeta(&policy);
  if (name == "default") {
    policy.kind = PolicyKind::kBaselineAdminNetworkPolicy;
    policy.tier = Tier::kBaseline;
    policy.priority = kLastPriority;
  } else {
    policy.kind = Chance(3) ? PolicyKind::kAdminNetworkPolicy : PolicyKind::kClusterNetworkPolicy;
    policy.tier = policy.kind == PolicyKind::kClusterNetworkPolicy && Chance(2) ? Tier::kBaseline : Tier::kAdmin;
    policy.priority = Pick<int>({0, 1, 1000});
  }
  if (Chance(4)) SetAudit(&policy);
  policy.namespace_selector = RandomNamespaceSelector();
  policy.subject_is_pods = Chance(2);
  if (policy.subject_is_pods) policy.pod_selector = RandomSelector();
  policy.ingress = RandomTierRules(policy.kind, Direction::kIngress);
  policy.egress = RandomTierRules(policy.kind, Direction::kEgress);
  return policy;
}

void SetAudit(Policy* policy) {
  policy->audit = true;
  policy->annotations[kModeAnnotation] = "audit";
}

bool SamePolicy(Policy a, Policy b) {
  for (Policy* policy : {&a, &b}) {
    policy->pos = {};
    for (std::vector<PolicyRule>* rules : {&policy->ingress, &policy->egress}) {
      for (PolicyRule& rule : *rules) {
        rule.pos = {};
        for (PolicyPeer& peer : rule.peers) peer.pos = {};
        for (PolicyPort& port : rule.ports) port.pos = {};
      }
    }
  }
  return a == b;
}

}  // namespace bulkhead
