// SPDX-License-Identifier: Apache-2.0
// Pass 3: selectors and ipBlocks, each distinct one resolved once, by sets of identities rather than identity by identity.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/passes.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::compile {
namespace {

// Who is in a namespace, has a label, has a label's key. Lists rather than sets of bits: labels that are different in every
// workload are many.
class Population {
 public:
  explicit Population(const CompileInput& input) : size_(input.identities.size()) {
    for (uint32_t i = 0; i < size_; ++i) {
      const Identity& identity = input.identities[i].identity;
      namespaces_[identity.ns].push_back(i);
      for (const auto& [key, value] : identity.labels) {
        keys_[key].push_back(i);
        labels_[Pair(key, value)].push_back(i);
      }
    }
    for (const auto& [ns, members] : namespaces_) namespace_labels_[ns] = NamespaceLabels(input.namespaces, ns);
  }

  Bits Namespace(const std::string& ns) const {
    Bits out(size_);
    Add(namespaces_, ns, &out);
    return out;
  }
  Bits Namespaces(const LabelSelector& selector) const {
    Bits out(size_);
    for (const auto& [ns, labels] : namespace_labels_) {
      if (Matches(selector, labels)) Add(namespaces_, ns, &out);
    }
    return out;
  }
  Bits Pods(const LabelSelector& selector) const {
    Bits out = Bits::All(size_);
    for (const auto& [key, value] : selector.match_labels) {
      Bits having(size_);
      Add(labels_, Pair(key, value), &having);
      out.And(having);
    }
    for (const LabelRequirement& requirement : selector.match_expressions) Restrict(requirement, &out);
    return out;
  }

 private:
  using Table = std::unordered_map<std::string, std::vector<uint32_t>>;

  static std::string Pair(const std::string& key, const std::string& value) { return absl::StrCat(key.size(), ":", key, value); }
  static void Add(const Table& table, const std::string& key, Bits* out) {
    const auto found = table.find(key);
    if (found == table.end()) return;
    for (const uint32_t member : found->second) out->Set(member);
  }
  void Restrict(const LabelRequirement& requirement, Bits* out) const {
    using Op = LabelRequirement::Op;
    Bits having(size_);
    if (requirement.op == Op::kExists || requirement.op == Op::kDoesNotExist) Add(keys_, requirement.key, &having);
    for (const std::string& value : requirement.values) Add(labels_, Pair(requirement.key, value), &having);
    const bool wanted = requirement.op == Op::kExists || requirement.op == Op::kIn;
    if (wanted) {
      out->And(having);
    } else {
      out->AndNot(having);
    }
  }

  size_t size_;
  Table namespaces_, labels_, keys_;
  std::map<std::string, Labels> namespace_labels_;
};

// A text that equal selectors share. Lengths stand before what may hold any byte.
std::string Canonical(const LabelSelector& selector) {
  std::string out;
  const auto add = [&](const std::string& text) { absl::StrAppend(&out, text.size(), ":", text); };
  for (const auto& [key, value] : selector.match_labels) {
    add(key);
    add(value);
  }
  for (const LabelRequirement& requirement : selector.match_expressions) {
    absl::StrAppend(&out, "/", static_cast<int>(requirement.op), ",", requirement.values.size(), ",");
    add(requirement.key);
    for (const std::string& value : requirement.values) add(value);
  }
  return out;
}

class Resolver {
 public:
  Resolver(const CompileInput& input, const CidrIndex& cidrs) : population_(input), cidrs_(cidrs) {
    atoms_.of_identity.resize(input.identities.size());
    atoms_.blocks_of_cidr.resize(cidrs.prefixes().size());
  }

  AtomId Pods(const std::string& ns, const LabelSelector& pods) {
    const auto [id, added] = Intern(absl::StrCat("s", ns.size(), ":", ns, Canonical(pods)));
    if (added) {
      Bits members = population_.Namespace(ns);
      members.And(population_.Pods(pods));
      Give(id, members);
    }
    return id;
  }

  AtomId Peer(const std::string& own_ns, const PolicyPeer& peer) {
    if (peer.ip_block) return Block(*peer.ip_block);
    if (!peer.namespace_selector) return Pods(own_ns, peer.pod_selector.value_or(LabelSelector{}));
    const LabelSelector pods = peer.pod_selector.value_or(LabelSelector{});
    const std::string spaces = Canonical(*peer.namespace_selector);
    const auto [id, added] = Intern(absl::StrCat("n", spaces.size(), ":", spaces, Canonical(pods)));
    if (added) {
      Bits members = population_.Namespaces(*peer.namespace_selector);
      members.And(population_.Pods(pods));
      Give(id, members);
    }
    return id;
  }

  void UsesPorts(const std::vector<PolicyPort>& ports) {
    for (const PolicyPort& port : ports) {
      if (!port.name.empty()) port_names_.insert(port.name);
    }
  }

  Atoms Take() {
    atoms_.count = static_cast<uint32_t>(ids_.size());
    atoms_.port_names.assign(port_names_.begin(), port_names_.end());
    return std::move(atoms_);
  }

 private:
  std::pair<AtomId, bool> Intern(std::string key) {
    const auto [found, added] = ids_.emplace(std::move(key), static_cast<AtomId>(ids_.size()));
    return {found->second, added};
  }

  AtomId Block(const IpBlock& block) {
    std::string key = absl::StrCat("b", cidrs_.IndexOf(block.cidr));
    std::set<uint32_t> except;
    for (const Prefix& prefix : block.except) except.insert(cidrs_.IndexOf(prefix));
    for (const uint32_t index : except) absl::StrAppend(&key, ",", index);
    const auto [id, added] = Intern(std::move(key));
    if (added) {
      const uint32_t cidr = cidrs_.IndexOf(block.cidr);
      atoms_.blocks_of_cidr[cidr].push_back(static_cast<uint32_t>(atoms_.blocks.size()));
      atoms_.blocks.push_back({id, cidr, {except.begin(), except.end()}});
    }
    return id;
  }

  void Give(AtomId id, const Bits& members) {
    members.ForEach([&](size_t identity) { atoms_.of_identity[identity].push_back(id); });
  }

  Population population_;
  const CidrIndex& cidrs_;
  std::unordered_map<std::string, AtomId> ids_;
  std::set<std::string> port_names_;
  Atoms atoms_;
};

}  // namespace

Atoms ResolveAtoms(const CompileInput& input, const CidrIndex& cidrs, std::vector<PlanPolicy>* policies) {
  Resolver resolver(input, cidrs);
  for (PlanPolicy& policy : *policies) {
    policy.selects = resolver.Pods(policy.document->ns, policy.document->pod_selector);
    for (PlanDirection& direction : policy.directions) {
      for (PlanRule& rule : direction.rules) {
        for (const PolicyPeer& peer : rule.rule->peers) rule.atoms.push_back(resolver.Peer(policy.document->ns, peer));
        resolver.UsesPorts(rule.rule->ports);
      }
    }
  }
  return resolver.Take();
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

}  // namespace bulkhead::compile
