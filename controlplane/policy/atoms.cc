// SPDX-License-Identifier: Apache-2.0
// Pass 3: selectors and ipBlocks, each distinct one resolved once.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/passes.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::compile {
namespace {

// A text that equal selectors share. Lengths stand before what may hold any byte.
void AddCanonical(const LabelSelector& selector, std::string* out) {
  const auto add = [out](const std::string& text) { absl::StrAppend(out, text.size(), ":", text); };
  for (const auto& [key, value] : selector.match_labels) {
    add(key);
    add(value);
  }
  for (const LabelRequirement& requirement : selector.match_expressions) {
    absl::StrAppend(out, "/", static_cast<int>(requirement.op), ",", requirement.values.size(), ",");
    add(requirement.key);
    for (const std::string& value : requirement.values) add(value);
  }
}

}  // namespace

void AtomTable::Reset(const CompileInput& input, const CidrTable& cidrs, Population* population,
                      std::vector<std::vector<AtomId>>* of_identity) {
  nodes_ = input.nodes;
  cidrs_ = &cidrs;
  population_ = population;
  population_->Set(input);
  of_identity_ = of_identity;
  of_identity_->assign(input.identities.size(), {});
  ids_.clear();
  added_.clear();
  new_blocks_or_ports_ = false;
  atoms_ = {};
  atoms_.blocks_of_cidr.resize(cidrs.size());
}

void AtomTable::Resolve(PlanPolicy* policy, Plan* plan) {
  policy->selects = Subject(*policy->document);
  for (size_t direction = 0; direction < 2; ++direction) {
    for (const uint32_t number : policy->rules[direction]) {
      PlanRule& rule = plan->rules[direction][number];
      for (const PolicyPeer& peer : rule.rule->peers) Peer(*policy->document, peer, &rule.atoms);
      UsesPorts(rule.rule->ports);
    }
  }
}

void AtomTable::StartChanges(const CidrTable& cidrs) {
  cidrs_ = &cidrs;
  of_identity_ = nullptr;
  added_.clear();
  new_blocks_or_ports_ = false;
}

AtomId AtomTable::Subject(const Policy& policy) {
  const bool one_namespace = policy.kind == PolicyKind::kNetworkPolicy;
  return Selector(policy, one_namespace ? nullptr : &policy.namespace_selector, policy.pod_selector);
}

void AtomTable::Peer(const Policy& policy, const PolicyPeer& peer, std::vector<AtomId>* out) {
  if (peer.ip_block) out->push_back(Block(peer.ip_block->cidr, peer.ip_block->except));
  for (const Prefix& network : peer.networks) out->push_back(Block(network, {}));
  if (peer.node_selector) Nodes(*peer.node_selector, out);
  if (!peer.pod_selector && !peer.namespace_selector) return;
  static const LabelSelector kEverything;
  out->push_back(Selector(policy, peer.namespace_selector ? &*peer.namespace_selector : nullptr,
                          peer.pod_selector ? *peer.pod_selector : kEverything));
}

void AtomTable::Nodes(const LabelSelector& selector, std::vector<AtomId>* out) {
  for (const KnownNode& node : nodes_) {
    if (!Matches(selector, node.labels)) continue;
    for (const IpAddress& address : node.addresses) out->push_back(Block(Prefix::Host(address), {}));
  }
}

void AtomTable::UsesPorts(const std::vector<PolicyPort>& ports) {
  for (const PolicyPort& port : ports) {
    if (port.name.empty()) continue;
    const auto at = std::lower_bound(atoms_.port_names.begin(), atoms_.port_names.end(), port.name);
    if (at != atoms_.port_names.end() && *at == port.name) continue;
    atoms_.port_names.insert(at, port.name);
    new_blocks_or_ports_ = true;
  }
}

std::pair<AtomId, bool> AtomTable::Intern(const std::string& key) {
  const auto [found, added] = ids_.try_emplace(key, static_cast<AtomId>(ids_.size()));
  atoms_.count = static_cast<uint32_t>(ids_.size());
  return {found->second, added};
}

// namespaces null: the policy's own.
AtomId AtomTable::Selector(const Policy& policy, const LabelSelector* namespaces, const LabelSelector& pods) {
  key_.clear();
  if (namespaces) {
    key_ = "n";
    AddCanonical(*namespaces, &key_);
    key_ += '|';
  } else {
    absl::StrAppend(&key_, "s", policy.ns.size(), ":", policy.ns);
  }
  const size_t where = key_.size();
  AddCanonical(pods, &key_);
  const auto [id, added] = Intern(key_);
  if (!added) return id;
  const SelectorAtom atom{namespaces == nullptr, &policy.ns, namespaces, &pods};
  const std::vector<uint32_t>& members = population_->Members(key_, atom);
  if (of_identity_) {
    for (const uint32_t identity : members) (*of_identity_)[identity].push_back(id);
  } else {
    added_.emplace_back(id, members);
  }
  if (namespaces) {
    Atoms::InNamespaces& there = atoms_.in_namespaces[key_.substr(0, where)];
    there.namespaces = *namespaces;
    there.pods.emplace_back(id, pods);
  } else {
    atoms_.in_namespace[policy.ns].emplace_back(id, pods);
  }
  return id;
}

AtomId AtomTable::Block(const Prefix& cidr, const std::vector<Prefix>& except) {
  BlockAtom block;
  block.cidr = cidrs_->Find(cidr).value();
  for (const Prefix& prefix : except) block.except.push_back(cidrs_->Find(prefix).value());
  std::sort(block.except.begin(), block.except.end());
  block.except.erase(std::unique(block.except.begin(), block.except.end()), block.except.end());
  std::string key = absl::StrCat("b", block.cidr);
  for (const uint32_t index : block.except) absl::StrAppend(&key, ",", index);
  const auto [id, added] = Intern(key);
  if (!added) return id;
  block.atom = id;
  new_blocks_or_ports_ = true;
  atoms_.blocks_of_cidr[block.cidr].push_back(static_cast<uint32_t>(atoms_.blocks.size()));
  atoms_.blocks.push_back(std::move(block));
  return id;
}

std::vector<AtomId> Atoms::OfCidrs(const std::vector<uint32_t>& cidrs) const {
  std::vector<AtomId> out;
  const auto inside = [&](uint32_t cidr) { return std::binary_search(cidrs.begin(), cidrs.end(), cidr); };
  for (const uint32_t cidr : cidrs) {
    for (const uint32_t index : blocks_of_cidr[cidr]) {
      const BlockAtom& block = blocks[index];
      if (std::none_of(block.except.begin(), block.except.end(), inside)) out.push_back(block.atom);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<AtomId> Atoms::OfIdentity(const Identity& identity, const std::map<std::string, Labels>& namespaces) const {
  std::vector<AtomId> out;
  const auto add = [&](const std::vector<std::pair<AtomId, LabelSelector>>& pods) {
    for (const auto& [atom, selector] : pods) {
      if (Matches(selector, identity.labels)) out.push_back(atom);
    }
  };
  if (const auto own = in_namespace.find(identity.ns); own != in_namespace.end()) add(own->second);
  const Labels space = NamespaceLabels(namespaces, identity.ns);
  for (const auto& [text, there] : in_namespaces) {
    if (Matches(there.namespaces, space)) add(there.pods);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bulkhead::compile
