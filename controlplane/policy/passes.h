// SPDX-License-Identifier: Apache-2.0
// The passes of the compiler, in their order, and what each hands to the next. Internal to compile.cc and its tests. All pure.
//
//   NumberRules     documents                    -> policies in order, their rules numbered (RuleInfo)      provenance.cc
//   CidrIndex       every prefix in a rule       -> address -> set of prefixes                              cidrs.cc
//   ResolveAtoms    selectors and ipBlocks       -> who each of them matches                                atoms.cc
//   MakeSubjects    identities, addresses        -> subjects                                                subjects.cc
//   MakeClasses     subjects, what matches them  -> classes, rows                                           classes.cc
//   SideTables      (class, peer class)          -> one side's verdicts by protocol and port                sides.cc
//   MakeMatrix      pairs of classes             -> rulesets, matrix                                        matrix.cc
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controlplane/policy/bits.h"
#include "controlplane/policy/compile.h"

namespace bulkhead::compile {

// An atom is the smallest thing that matches peers: a pair of selectors, or an ipBlock. Equal ones are one atom, however many rules
// have it.
using AtomId = uint32_t;

struct PlanRule {
  const PolicyRule* rule = nullptr;
  uint32_t info = 0;          // index into CompiledPolicy::rules
  bool any_peer = false;      // no peers in the document: everybody
  std::vector<AtomId> atoms;  // filled by ResolveAtoms
};

struct PlanDirection {
  bool isolates = false;
  uint32_t isolation = 0;  // index into CompiledPolicy::rules of what denies
  std::vector<PlanRule> rules;
};

// One NetworkPolicy. Policies are in the order (namespace, name): of several rules that allow, the first one is the one that is
// named.
struct PlanPolicy {
  const Policy* document = nullptr;
  AtomId selects = 0;  // filled by ResolveAtoms
  std::array<PlanDirection, 2> directions;
};

std::vector<PlanPolicy> NumberRules(const PolicyDocuments& documents, std::vector<RuleInfo>* rules);

// Which prefixes hold an address: one look-up for each prefix length in use.
class CidrIndex {
 public:
  explicit CidrIndex(const std::vector<PlanPolicy>& policies);

  const std::vector<Prefix>& prefixes() const { return prefixes_; }  // sorted, unique
  uint32_t IndexOf(const Prefix& prefix) const { return by_prefix_.at(prefix); }
  std::vector<uint32_t> Holding(const IpAddress& address) const;  // ascending

 private:
  std::vector<Prefix> prefixes_;
  std::map<Prefix, uint32_t> by_prefix_;
  std::array<std::vector<uint8_t>, 2> lengths_;  // of IPv4 and of IPv6
};

struct BlockAtom {
  AtomId atom = 0;
  uint32_t cidr = 0;
  std::vector<uint32_t> except;
};

struct Atoms {
  uint32_t count = 0;
  std::vector<std::vector<AtomId>> of_identity;  // [index into CompileInput::identities], ascending
  std::vector<BlockAtom> blocks;
  std::vector<std::vector<uint32_t>> blocks_of_cidr;  // [cidr] -> indexes into blocks
  std::vector<std::string> port_names;                // those that rules use, sorted

  // The ipBlocks that match an address which lies in exactly these prefixes (ascending).
  std::vector<AtomId> OfCidrs(const std::vector<uint32_t>& cidrs) const;
};
Atoms ResolveAtoms(const CompileInput& input, const CidrIndex& cidrs, std::vector<PlanPolicy>* policies);

// Fills subjects (without class and row), subject_index, world_prefixes. owner: for each subject its index into input.identities,
// or -1.
void MakeSubjects(const CompileInput& input, const CidrIndex& cidrs, CompiledPolicy* policy, std::vector<int>* owner);

enum class PeerKind : uint8_t { kWorkload, kHost, kWorld };  // kWorkload: also the unknown ones

struct Class {
  PeerKind kind = PeerKind::kWorkload;
  Bits atoms;
  // Port names that rules use and this class has; port_set numbers equal ones alike, 0 = none.
  std::vector<NamedPort> ports;
  uint32_t port_set = 0;
  uint16_t row = kNoRow;
};
// Fills class_id and row of the subjects, and the counts. kResourceExhausted as Compile says.
absl::StatusOr<std::vector<Class>> MakeClasses(const CompileInput& input, const Atoms& atoms, const std::vector<int>& owner,
                                               CompiledPolicy* policy);

// One side's verdict for every protocol and port.
struct SideInterval {
  uint8_t protocol = 0;
  uint16_t first = 0, last = 0;
  SideVerdict verdict;

  bool operator==(const SideInterval&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const SideInterval& i) {
    return H::combine(std::move(h), i.protocol, i.first, i.last, i.verdict.allow, i.verdict.rule);
  }
};
struct SideTable {
  std::vector<SideInterval> intervals;  // sorted by (protocol, first), disjoint
  SideVerdict otherwise;

  bool operator==(const SideTable&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const SideTable& t) {
    return H::combine(std::move(h), t.intervals, t.otherwise.allow, t.otherwise.rule);
  }
};

// Makes side tables on demand, each distinct one once.
class SideTables {
 public:
  SideTables(const std::vector<PlanPolicy>& policies, const std::vector<Class>& classes, const PolicyOptions& options);

  // What `own` says of a connection with `peer`: Direction::kEgress: to it, kIngress: from it. Both are class ids.
  uint32_t Of(Direction direction, uint32_t own, uint32_t peer);
  const SideTable& table(uint32_t id) const { return tables_[id]; }
  // Rules looked at and intervals kept so far: what compiling costs in time and memory.
  uint64_t cost() const { return cost_; }

 private:
  struct OwnPolicies {
    std::vector<const PlanRule*> rules;  // of all that select the class, in order
    bool isolated = false;
    uint32_t isolation = 0;
  };

  SideVerdict Otherwise(const OwnPolicies& own, PeerKind own_kind, bool from_host) const;
  SideTable Build(const std::vector<const PlanRule*>& rules, const std::vector<NamedPort>& ports, SideVerdict otherwise) const;

  const std::vector<Class>& classes_;
  const PolicyOptions options_;
  std::array<std::vector<OwnPolicies>, 2> own_;  // [direction][class]
  std::vector<SideTable> tables_;
  absl::flat_hash_map<SideTable, uint32_t> by_content_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> by_key_;
  uint64_t cost_ = 0;
  std::vector<const PlanRule*> matching_;  // kept for its memory
  std::vector<uint32_t> key_;
};

// Fills matrix and rulesets. kResourceExhausted as Compile says.
absl::Status MakeMatrix(const std::vector<Class>& classes, SideTables* sides, CompiledPolicy* policy);

// Both sides' tables as one.
Ruleset Combine(const SideTable& source, const SideTable& destination);

}  // namespace bulkhead::compile

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_
