// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/facts.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

#include "controlplane/policy/selectors.h"

namespace bulkhead::lint {
namespace {

constexpr uint64_t kMaxBits = uint64_t{1} << 30;  // of all sets of classes together: 128 MB
constexpr uint64_t kMaxRules = 20'000'000;        // rules that judge a kind, added up over the kinds
constexpr size_t kMaxEnds = 2;                    // of one class and family: two tell a connection from one to oneself
constexpr int kMaxAddressSteps = 64;                     // in the search for an address that is nobody's

// Set aside for examples (RFC 5737, RFC 3849), so better in a message than somebody's own.
const std::vector<IpAddress>& Examples() {
  static const std::vector<IpAddress> kExamples = {IpAddress::V4(203, 0, 113, 1), IpAddress::V4(198, 51, 100, 1),
                                                   IpAddress::V4(192, 0, 2, 1), *IpAddress::Parse("2001:db8::1")};
  return kExamples;
}

IpAddress LastOf(const Prefix& prefix) {
  IpAddress last = prefix.address;
  for (int bit = prefix.length; bit < last.BitLength(); ++bit) last.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> (bit % 8));
  return last;
}

// nullopt: it was the last of all.
std::optional<IpAddress> NextOf(IpAddress address) {
  for (int i = address.BitLength() / 8 - 1; i >= 0; --i) {
    if (++address.bytes[i] != 0) return address;
  }
  return std::nullopt;
}

}  // namespace

ClassSet::ClassSet(uint32_t classes, bool full) : words_((classes + 63) / 64) {
  for (uint32_t id = 0; full && id < classes; ++id) Add(id);
}

bool ClassSet::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
}

bool ClassSet::Meets(const ClassSet& other) const {
  for (size_t i = 0; i < words_.size(); ++i) {
    if ((words_[i] & other.words_[i]) != 0) return true;
  }
  return false;
}

ClassSet ClassSet::And(const ClassSet& other) const {
  ClassSet out = *this;
  for (size_t i = 0; i < words_.size(); ++i) out.words_[i] &= other.words_[i];
  return out;
}

void ClassSet::AddAll(const ClassSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void ClassSet::RemoveAll(const ClassSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
}

std::vector<uint32_t> ClassSet::Members() const {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < words_.size(); ++i) {
    for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
      out.push_back(static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(word)));
    }
  }
  return out;
}

std::unique_ptr<Facts> Facts::Make(const LintWorld& world, compile::Plan* plan) {
  std::unique_ptr<Facts> facts(new Facts(*plan, world));
  facts->AddIdentities();
  if (!facts->MakeClasses(plan)) return nullptr;
  facts->FindEnds();
  return facts->MakeSets() ? std::move(facts) : nullptr;
}

// Workloads that no rule could ever tell apart but by their addresses share an identity.
void Facts::AddIdentities() {
  input_.namespaces = world_.namespaces;
  input_.nodes = world_.nodes;
  input_.host_addresses = world_.host_addresses;
  taken_ = world_.host_addresses;
  std::map<std::tuple<std::string, Labels, std::vector<NamedPort>>, int> known;
  for (const LintWorkload& workload : world_.workloads) {
    identity_of_.push_back(-1);
    if (workload.host_network || !workload.via.empty()) continue;
    taken_.insert(taken_.end(), workload.addresses.begin(), workload.addresses.end());
    const auto [found, added] =
        known.try_emplace({workload.ns, workload.labels, workload.named_ports}, static_cast<int>(input_.identities.size()));
    identity_of_.back() = found->second;
    if (added) {
      KnownIdentity& fresh = input_.identities.emplace_back();
      fresh.identity.id = kFirstIdentity + static_cast<IdentityId>(found->second);
      fresh.identity.ns = workload.ns;
      fresh.identity.labels = workload.labels;
      fresh.named_ports = workload.named_ports;
    }
    std::vector<IpAddress>& addresses = input_.identities[static_cast<size_t>(found->second)].addresses;
    addresses.insert(addresses.end(), workload.addresses.begin(), workload.addresses.end());
  }
  std::sort(taken_.begin(), taken_.end());
}

bool Facts::MakeClasses(compile::Plan* plan) {
  tables_.cidrs = compile::CollectCidrs(*plan, input_);
  compile::Population population;
  compile::AtomTable atoms;
  std::vector<std::vector<compile::AtomId>> atoms_of;
  atoms.Reset(input_, tables_.cidrs, &population, &atoms_of);
  for (compile::PlanPolicy& policy : plan->policies) atoms.Resolve(&policy, plan);
  atoms_ = atoms.atoms();
  std::vector<int> owner;
  compile::MakeSubjects(input_, &tables_, &owner);
  compile::ClassMaker maker(atoms_);
  std::vector<uint32_t> parts;
  for (size_t i = 0; i < input_.identities.size(); ++i) {
    parts.push_back(maker.IdentityPart(atoms_of[i], input_.identities[i].named_ports));
  }
  for (size_t i = 0; i < tables_.subjects.size(); ++i) {
    CompiledSubject& subject = tables_.subjects[i];
    const uint32_t part = owner[i] < 0 ? 0 : parts[static_cast<size_t>(owner[i])];
    const uint32_t id = maker.ClassOf(subject.identity, subject.cidrs, part);
    if (!compile::CheckClasses(i, id + 1, 0).ok()) return false;
    subject.class_id = static_cast<ClassId>(id);
  }
  classes_ = std::move(maker.classes());
  const uint64_t sets = atoms_.count + plan->rules[0].size() + plan->rules[1].size();
  return sets * classes_.size() <= kMaxBits;
}

void Facts::FindEnds() {
  ends_.resize(classes());
  living_ = workloads_ = ClassSet(classes());
  for (size_t i = 0; i < world_.workloads.size(); ++i) {
    const LintWorkload& workload = world_.workloads[i];
    if (identity_of_[i] < 0) continue;
    const IdentityId id = input_.identities[static_cast<size_t>(identity_of_[i])].identity.id;
    if (workload.addresses.empty()) AddEnd(tables_.FindSubject(id), {&workload, std::nullopt, false});
    for (const IpAddress& address : workload.addresses) AddEnd(tables_.FindSubject(id, address), {&workload, address, false});
  }
  for (const IpAddress& address : world_.host_addresses) {
    AddEnd(tables_.FindSubject(kIdentityHost, address), {nullptr, address, true});
  }
  for (size_t i = 0; i < tables_.world_prefixes.size(); ++i) {
    AddNobody(tables_.world_prefixes[i].first, static_cast<uint32_t>(i), tables_.world_prefixes[i].second);
  }
  for (const uint8_t family : {4, 6}) AddNobody({{family, {}}, 0}, std::nullopt, kSubjectWorld);
}

void Facts::AddEnd(std::optional<SubjectId> subject, End end) {
  if (!subject) return;
  const uint32_t id = tables_.subjects[*subject].class_id;
  living_.Add(id);
  if (end.workload) workloads_.Add(id);
  std::vector<End>& ends = ends_[id];
  const auto alike = [&](const End& other) {
    return other.address.has_value() == end.address.has_value() && (!end.address || other.address->family == end.address->family);
  };
  const auto same = [&](const End& other) { return alike(other) && other.workload == end.workload; };
  if (static_cast<size_t>(std::count_if(ends.begin(), ends.end(), alike)) >= kMaxEnds) return;
  if (std::none_of(ends.begin(), ends.end(), same)) ends.push_back(std::move(end));
}

// Looks for an address within the prefix that is nobody's here and whose longest prefix is that one (nullopt: that is in none).
void Facts::AddNobody(const Prefix& prefix, std::optional<uint32_t> cidr, SubjectId subject) {
  const auto fits = [&](const IpAddress& address) {
    return tables_.cidrs.Longest(address) == cidr && !std::binary_search(taken_.begin(), taken_.end(), address);
  };
  for (const IpAddress& example : Examples()) {
    if (prefix.Contains(example) && fits(example)) return AddEnd(subject, {nullptr, example, false});
  }
  std::optional<IpAddress> at = prefix.address;
  if (prefix.length < prefix.address.BitLength()) at = NextOf(*at);  // the first one names the network: only if there is no other
  for (int step = 0; step < kMaxAddressSteps && at && prefix.Contains(*at); ++step) {
    if (fits(*at)) return AddEnd(subject, {nullptr, at, false});
    const std::optional<uint32_t> longest = tables_.cidrs.Longest(*at);
    at = NextOf(longest == cidr ? *at : LastOf(tables_.cidrs[*longest]));
  }
  if (fits(prefix.address)) AddEnd(subject, {nullptr, prefix.address, false});
}

bool Facts::MakeSets() {
  of_atom_.assign(atoms_.count, ClassSet(classes()));
  for (uint32_t id = 0; id < classes(); ++id) {
    for (const compile::AtomId atom : classes_[id].atoms) of_atom_[atom].Add(id);
  }
  for (size_t direction = 0; direction < 2; ++direction) {
    for (const compile::PlanRule& rule : plan_.rules[direction]) {
      ClassSet& peers = peers_[direction].emplace_back(classes(), rule.any_peer);
      for (const compile::AtomId atom : rule.atoms) peers.AddAll(of_atom_[atom]);
    }
  }
  return FindRules();
}

bool Facts::FindRules() {
  std::vector<std::vector<uint32_t>> policies_of_atom(atoms_.count);
  for (uint32_t i = 0; i < plan_.policies.size(); ++i) policies_of_atom[plan_.policies[i].selects].push_back(i);
  uint32_t kinds = 0;
  for (const compile::Class& one : classes_) kinds = std::max(kinds, one.part + 1);
  policies_of_.resize(kinds);
  for (std::vector<std::vector<uint32_t>>& rules : rules_of_) rules.resize(kinds);
  uint64_t judging = 0;
  for (const uint32_t id : OnePerKind(workloads_)) {
    std::vector<uint32_t>& policies = policies_of_[Kind(id)];
    for (const compile::AtomId atom : classes_[id].atoms) {
      policies.insert(policies.end(), policies_of_atom[atom].begin(), policies_of_atom[atom].end());
    }
    std::sort(policies.begin(), policies.end());
    for (size_t direction = 0; direction < 2; ++direction) {
      std::vector<uint32_t>& all = rules_of_[direction][Kind(id)];
      for (const uint32_t policy : policies) {
        const std::vector<uint32_t>& rules = plan_.policies[policy].rules[direction];
        all.insert(all.end(), rules.begin(), rules.end());
        judging += 1 + rules.size();
      }
      if (judging > kMaxRules) return false;
    }
  }
  return true;
}

std::vector<uint32_t> Facts::OnePerKind(const ClassSet& classes) const {
  std::vector<uint32_t> out = classes.Members();
  std::stable_sort(out.begin(), out.end(), [&](uint32_t a, uint32_t b) { return Kind(a) < Kind(b); });
  out.erase(std::unique(out.begin(), out.end(), [&](uint32_t a, uint32_t b) { return Kind(a) == Kind(b); }), out.end());
  return out;
}

// A rule's atoms are those of its peers, one peer after the other.
ClassSet Facts::PeersOf(const compile::PlanRule& rule, size_t peer) const {
  size_t begin = 0, count = 0;
  for (size_t i = 0; i <= peer; ++i) {
    begin += count;
    count = AtomCount(rule.rule->peers[i]);
  }
  ClassSet out(classes());
  for (size_t i = begin; i < std::min(begin + count, rule.atoms.size()); ++i) out.AddAll(of_atom_[rule.atoms[i]]);
  return out;
}

size_t Facts::AtomCount(const PolicyPeer& peer) const {
  size_t count = peer.networks.size() + (peer.ip_block ? 1 : 0) + (peer.pod_selector || peer.namespace_selector ? 1 : 0);
  for (const KnownNode& node : world_.nodes) {
    if (peer.node_selector && Matches(*peer.node_selector, node.labels)) count += node.addresses.size();
  }
  return count;
}

std::optional<Witness> Facts::Show(Direction direction, uint32_t own, uint32_t peer, const PortSet& ports) const {
  const auto [from, to] = direction == Direction::kEgress ? std::pair(own, peer) : std::pair(peer, own);
  const auto name = [](const End& end) { return end.workload ? end.workload->name : end.host ? "host" : end.address->ToString(); };
  for (const End& source : ends_[from]) {
    for (const End& destination : ends_[to]) {
      if (source.workload == destination.workload) continue;  // to itself; or between two that no policy here judges
      if (source.address && destination.address && source.address->family != destination.address->family) continue;
      const auto [protocol, port] = ports.Pick();
      return Witness{name(source), name(destination), source.address, destination.address, protocol, port};
    }
  }
  return std::nullopt;
}

std::optional<Witness> Facts::Show(Direction direction, const std::vector<uint32_t>& owns, const std::vector<uint32_t>& peers,
                                   const PortSet& ports) const {
  for (const uint32_t own : owns) {
    for (const uint32_t peer : peers) {
      if (std::optional<Witness> witness = Show(direction, own, peer, ports)) return witness;
    }
  }
  return std::nullopt;
}

std::string Facts::NameOf(uint32_t id) const {
  for (const End& end : ends_[id]) {
    if (end.workload) return end.workload->name;
  }
  return "";
}

}  // namespace bulkhead::lint
