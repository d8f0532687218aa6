// SPDX-License-Identifier: Apache-2.0
// Facts: what the compiler's first passes know of documents and of those who live there, as sets of classes. A class stands for all
// ends that no rule can tell apart, so a question about every workload is one about a few hundred classes. Immutable once made.
#ifndef BULKHEAD_CONTROLPLANE_LINT_FACTS_H_
#define BULKHEAD_CONTROLPLANE_LINT_FACTS_H_

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "controlplane/lint/lint.h"
#include "controlplane/lint/port_set.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::lint {

class ClassSet {
 public:
  ClassSet() = default;
  explicit ClassSet(uint32_t classes, bool full = false);

  void Add(uint32_t id) { words_[id / 64] |= uint64_t{1} << id % 64; }
  void Remove(uint32_t id) { words_[id / 64] &= ~(uint64_t{1} << id % 64); }
  bool Has(uint32_t id) const { return (words_[id / 64] >> id % 64 & 1) != 0; }
  bool empty() const;
  bool Meets(const ClassSet& other) const;
  ClassSet And(const ClassSet& other) const;
  void AddAll(const ClassSet& other);
  void RemoveAll(const ClassSet& other);
  std::vector<uint32_t> Members() const;  // ascending

 private:
  std::vector<uint64_t> words_;
};

class Facts {
 public:
  // Null: too large to judge in bounded time. Fills the plan's atoms. Plan and world must outlive the facts.
  static std::unique_ptr<Facts> Make(const LintWorld& world, compile::Plan* plan);

  uint32_t classes() const { return static_cast<uint32_t>(classes_.size()); }
  // Classes that somebody is in now. The others would be of workloads without an address, or of addresses that are all somebody's.
  const ClassSet& living() const { return living_; }
  // Living ones that are workloads.
  const ClassSet& workloads() const { return workloads_; }

  // Whom the policy (index into the plan) is about, and whom a rule's peers are.
  const ClassSet& Own(uint32_t policy) const { return of_atom_[plan_.policies[policy].selects]; }
  const ClassSet& Peers(Direction direction, uint32_t number) const { return peers_[static_cast<size_t>(direction)][number]; }
  // Of one of the peers that the rule lists.
  ClassSet PeersOf(const compile::PlanRule& rule, size_t peer) const;

  // What selectors see of a workload: classes of one kind differ in their addresses alone, so the same policies judge them.
  uint32_t Kind(uint32_t id) const { return classes_[id].part; }
  uint32_t kinds() const { return static_cast<uint32_t>(policies_of_.size()); }
  // One class of each kind.
  std::vector<uint32_t> OnePerKind(const ClassSet& classes) const;
  // Numbers of the rules that judge a class of workloads, of all tiers, as they are asked.
  const std::vector<uint32_t>& Rules(Direction direction, uint32_t own) const {
    return rules_of_[static_cast<size_t>(direction)][Kind(own)];
  }
  // Indexes of the policies that select it.
  const std::vector<uint32_t>& Policies(uint32_t own) const { return policies_of_[Kind(own)]; }
  // Its atoms, ascending.
  const std::vector<compile::AtomId>& Atoms(uint32_t id) const { return classes_[id].atoms; }
  // The port names that rules use and the class has; equal numbers for equal ones.
  const std::vector<NamedPort>& Names(uint32_t id) const { return classes_[id].ports; }
  uint32_t NameSet(uint32_t id) const { return classes_[id].port_set; }
  // Whose names count in that direction.
  static uint32_t Destination(Direction direction, uint32_t own, uint32_t peer) {
    return direction == Direction::kIngress ? own : peer;
  }

  // A connection between two that live in these classes; nullopt: there is none, since it would be one's own or have no common
  // family.
  std::optional<Witness> Show(Direction direction, uint32_t own, uint32_t peer, const PortSet& ports) const;
  // Between one of these and one of those.
  std::optional<Witness> Show(Direction direction, const std::vector<uint32_t>& owns, const std::vector<uint32_t>& peers,
                              const PortSet& ports) const;
  // One of those who live in the class.
  std::string NameOf(uint32_t id) const;

 private:
  struct End {
    const LintWorkload* workload = nullptr;  // null: the host, or an address that is nobody's
    std::optional<IpAddress> address;
    bool host = false;
  };

  Facts(const compile::Plan& plan, const LintWorld& world) : plan_(plan), world_(world) {}

  void AddIdentities();
  bool MakeClasses(compile::Plan* plan);
  void FindEnds();
  void AddEnd(std::optional<SubjectId> subject, End end);
  void AddNobody(const Prefix& prefix, std::optional<uint32_t> cidr, SubjectId subject);
  bool MakeSets();
  bool FindRules();
  size_t AtomCount(const PolicyPeer& peer) const;

  const compile::Plan& plan_;
  const LintWorld& world_;
  compile::Atoms atoms_;
  CompileInput input_;
  std::vector<int> identity_of_;  // [workload of the world], index into input_.identities; -1: it has none
  CompiledPolicy tables_;  // only what the passes fill: cidrs and subjects
  std::vector<compile::Class> classes_;
  std::vector<std::vector<End>> ends_;  // [class], a few of each family
  std::vector<IpAddress> taken_;        // of workloads and the host, sorted
  ClassSet living_, workloads_;
  std::vector<ClassSet> of_atom_;
  std::array<std::vector<ClassSet>, 2> peers_;
  std::vector<std::vector<uint32_t>> policies_of_;              // [kind]
  std::array<std::vector<std::vector<uint32_t>>, 2> rules_of_;  // [direction][kind]
};

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_FACTS_H_
