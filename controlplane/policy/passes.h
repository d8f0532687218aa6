// SPDX-License-Identifier: Apache-2.0
// The passes of the compiler, in their order, and what each hands to the next. Internal to the compiler, to lint
// (which knows subjects and classes by the same passes) and to their tests.
//
//   MakePlan        documents                    -> policies in the order in which they are asked, rules numbered     plan.cc
//   CollectCidrs    every prefix in a rule       -> CidrTable                                                         cidrs.cc
//   AtomTable       selectors and ipBlocks       -> who each of them matches                                          atoms.cc
//   MakeSubjects    identities, addresses        -> subjects                                                          subjects.cc
//   ClassMaker      subjects, what matches them  -> classes, rows                                                     classes.cc
//   RulesetMaker    rules that match a peer      -> one side's verdicts by protocol and port                          rulesets.cc
//   RowMaker        (class, peer class)          -> cells of the matrix                                               rows.cc
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controlplane/policy/compile.h"

namespace bulkhead::compile {

// An atom is the smallest thing that matches peers: a pair of selectors, or an ipBlock. Equal ones are one atom, however many rules
// have it. A node's address and each of several networks is an ipBlock.
using AtomId = uint32_t;

struct PlanRule {
  const PolicyRule* rule = nullptr;
  Tier tier = Tier::kNetworkPolicy;
  bool audit = false;
  bool any_peer = false;      // no peers in the document: everybody
  uint32_t info = 0;          // index into CompiledPolicy::rules
  uint32_t number = 0;        // of all rules of its direction, in the order in which they are asked
  std::vector<AtomId> atoms;  // filled by AtomTable
};

struct PlanPolicy {
  const Policy* document = nullptr;
  AtomId selects = 0;                          // filled by AtomTable
  std::array<uint32_t, 2> isolation{};         // [direction]: index into CompiledPolicy::rules of what denies; a NetworkPolicy's
  std::array<std::vector<uint32_t>, 2> rules;  // [direction]: numbers of its rules
};

// Of several rules that would allow, the first one is the one that is named.
struct Plan {
  std::vector<PlanPolicy> policies;
  std::array<std::vector<PlanRule>, 2> rules;  // [direction], by number
};
// In the order in which they are asked.
std::vector<const Policy*> InOrderOfTiers(const PolicyDocuments& documents);
// Numbers what can decide in the policy: appends to the plan, and to infos.
void AddToPlan(const Policy& policy, Plan* plan, std::vector<RuleInfo>* infos);
// Takes over a policy of another plan; `document` is equal to the one that it was made of.
void MoveToPlan(const Policy& document, PlanPolicy from, std::array<std::vector<PlanRule>, 2>* from_rules, Plan* plan);
// The reserved rules, then AddToPlan for each.
Plan MakePlan(const PolicyDocuments& documents, std::vector<RuleInfo>* infos);

// Every prefix that a rule mentions, nodes' addresses included, and more_cidrs.
CidrTable CollectCidrs(const Plan& plan, const CompileInput& input);

// Either a selector of namespaces, or one namespace; and a selector of pods in them. Of a document that outlives it.
struct SelectorAtom {
  bool one_namespace = false;
  const std::string* ns = nullptr;
  const LabelSelector* namespaces = nullptr;
  const LabelSelector* pods = nullptr;
};
struct BlockAtom {
  AtomId atom = 0;
  uint32_t cidr = 0;
  std::vector<uint32_t> except;  // ascending
};

struct Atoms {
  uint32_t count = 0;
  // Pods' selectors by where the pods are: in one namespace, or in those that a selector matches (by its canonical text).
  struct InNamespaces {
    LabelSelector namespaces;
    std::vector<std::pair<AtomId, LabelSelector>> pods;
  };
  absl::flat_hash_map<std::string, std::vector<std::pair<AtomId, LabelSelector>>> in_namespace;
  absl::flat_hash_map<std::string, InNamespaces> in_namespaces;
  std::vector<BlockAtom> blocks;
  std::vector<std::vector<uint32_t>> blocks_of_cidr;  // [cidr] -> indexes into blocks
  std::vector<std::string> port_names;                // those that rules use, sorted

  // The ipBlocks that match an address which lies in exactly these prefixes (ascending).
  std::vector<AtomId> OfCidrs(const std::vector<uint32_t>& cidrs) const;
  // The selectors that match the identity; ascending.
  std::vector<AtomId> OfIdentity(const Identity& identity, const std::map<std::string, Labels>& namespaces) const;
};

// Which identities selectors match, kept from one compilation to the next.
class Population {
 public:
  // Starts anew if others live here than last time.
  void Set(const CompileInput& input);
  // Indexes into CompileInput::identities, ascending.
  const std::vector<uint32_t>& Members(const std::string& key, const SelectorAtom& atom);

 private:
  using Table = absl::flat_hash_map<std::string, std::vector<uint32_t>>;

  std::vector<uint32_t> Find(const SelectorAtom& atom) const;

  std::vector<Identity> identities_;
  std::map<std::string, Labels> namespaces_;
  std::map<std::string, std::pair<Labels, std::vector<uint32_t>>> spaces_;  // namespaces that have identities: labels, members
  Table labels_;                                                            // "key=value" -> members
  Table members_;                                                           // by Members' key
};

// Every distinct selector and ipBlock, each resolved once.
class AtomTable {
 public:
  // All must outlive the next calls. of_identity: [index into CompileInput::identities], ascending: the selectors that match it.
  void Reset(const CompileInput& input, const CidrTable& cidrs, Population* population,
             std::vector<std::vector<AtomId>>* of_identity);
  // Fills the atoms of the policy's rules.
  void Resolve(PlanPolicy* policy, Plan* plan);

  // From now on it is about changes, for the same input; cidrs: where the same prefixes stand now. What Resolve adds is then told:
  // new selectors and who they match; whether there was an ipBlock or a port's name that was not known.
  void StartChanges(const CidrTable& cidrs);
  const std::vector<std::pair<AtomId, std::vector<uint32_t>>>& added() const { return added_; }
  bool has_new_blocks_or_ports() const { return new_blocks_or_ports_; }

  const Atoms& atoms() const { return atoms_; }

 private:
  AtomId Subject(const Policy& policy);
  void Peer(const Policy& policy, const PolicyPeer& peer, std::vector<AtomId>* out);
  void Nodes(const LabelSelector& selector, std::vector<AtomId>* out);
  AtomId Selector(const Policy& policy, const LabelSelector* namespaces, const LabelSelector& pods);
  AtomId Block(const Prefix& cidr, const std::vector<Prefix>& except);
  void UsesPorts(const std::vector<PolicyPort>& ports);
  std::pair<AtomId, bool> Intern(const std::string& key);

  std::vector<KnownNode> nodes_;
  const CidrTable* cidrs_ = nullptr;
  Population* population_ = nullptr;
  std::vector<std::vector<AtomId>>* of_identity_ = nullptr;
  absl::flat_hash_map<std::string, AtomId> ids_;
  std::vector<std::pair<AtomId, std::vector<uint32_t>>> added_;
  bool new_blocks_or_ports_ = false;
  std::string key_;  // kept for its memory
  Atoms atoms_;
};

// policy->cidrs is there; fills subjects (without class and row), subject_index, world_prefixes. owner: for each subject its index
// into input.identities, or -1.
void MakeSubjects(const CompileInput& input, CompiledPolicy* policy, std::vector<int>* owner);

enum class PeerKind : uint8_t { kWorkload, kHost, kWorld };  // kWorkload: also the unknown ones
PeerKind KindOf(IdentityId identity);

struct Class {
  PeerKind kind = PeerKind::kWorkload;
  std::vector<AtomId> atoms;  // ascending
  uint32_t part = 0;          // what its identities have of it
  // Port names that rules use and this class has; port_set numbers equal ones alike, 0 = none.
  std::vector<NamedPort> ports;
  uint32_t port_set = 0;
  Newcomer newcomer = Newcomer::kNo;
  uint16_t row = kNoRow;
};

// Equal values get equal numbers, in the order of their first appearance.
template <typename T>
class Numbering {
 public:
  uint32_t Of(const T& value) { return numbers_.try_emplace(value, static_cast<uint32_t>(numbers_.size())).first->second; }

 private:
  absl::flat_hash_map<T, uint32_t> numbers_;
};

// Subjects that no rule can tell apart share a class.
class ClassMaker {
 public:
  explicit ClassMaker(const Atoms& atoms);

  // Numbers what an identity's own side of a subject is: its selectors' atoms, its named ports, and whether it is a newcomer.
  uint32_t IdentityPart(const std::vector<AtomId>& atoms, const std::vector<NamedPort>& named_ports,
                        Newcomer newcomer = Newcomer::kNo);
  // Part 0: nobody's.
  uint32_t ClassOf(IdentityId identity, const std::vector<uint32_t>& cidrs, uint32_t identity_part);
  std::vector<Class>& classes() { return classes_; }
  const std::vector<Class>& classes() const { return classes_; }
  // These classes also match this new selector from now on, and so do their identities.
  void AddAtom(const std::vector<uint32_t>& ids, AtomId atom);

 private:
  struct Part {
    std::vector<AtomId> atoms;
    std::vector<NamedPort> ports;
    uint32_t port_set = 0;
    Newcomer newcomer = Newcomer::kNo;
  };
  using PartKey = std::tuple<uint32_t, Newcomer, std::vector<AtomId>>;

  const Atoms& atoms_;
  std::map<std::vector<NamedPort>, uint32_t> port_sets_;
  absl::flat_hash_map<PartKey, uint32_t> part_ids_;
  std::vector<Part> parts_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> block_part_of_cidrs_;
  Numbering<std::vector<AtomId>> block_parts_;
  absl::flat_hash_map<std::tuple<PeerKind, uint32_t, uint32_t>, uint32_t> ids_;
  std::vector<Class> classes_;
};

// Refuses what the tables cannot hold. kResourceExhausted as Compile says.
absl::Status CheckClasses(uint64_t subjects, uint64_t classes, uint64_t rows);

// What judges one side besides the rules that match.
struct SideFacts {
  bool isolated = false;   // by an enforced NetworkPolicy
  uint32_t isolation = 0;  // its rule
  bool audited = false;    // by one in audit
  uint32_t audit_isolation = 0;
  bool can_deny = true;    // not for the host and the world, which have no policy of their own
  bool from_host = false;  // ingress of packets that the host made, and they are let in
  Newcomer newcomer = Newcomer::kNo;  // the stricter of both ends
};

// Makes rulesets on demand, each distinct one once.
class RulesetMaker {
 public:
  RulesetMaker(const PolicyOptions& options, std::vector<Ruleset>* rulesets) : options_(options), rulesets_(rulesets) {}
  // The same rulesets stand there now.
  void MoveTo(std::vector<Ruleset>* rulesets) { rulesets_ = rulesets; }

  // rules: those of the side whose peers match, in order. destination: whose named ports count. Returns the ruleset's number.
  uint32_t Of(const SideFacts& facts, const std::vector<const PlanRule*>& rules, const Class& destination);

  // kResourceExhausted: more than the tables hold, as Compile says.
  absl::Status Check() const;
  // Rules looked at and intervals kept so far cost time and memory: more than compiling may cost. Check says so as well.
  bool TooDear() const;
  void AddCost(uint64_t cost) { cost_ += cost; }

 private:
  Ruleset Build(const SideFacts& facts, const std::vector<const PlanRule*>& rules, const Class& destination) const;
  uint32_t Keep(Ruleset ruleset);

  const PolicyOptions options_;
  std::vector<Ruleset>* rulesets_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> by_key_;
  std::unordered_multimap<size_t, uint32_t> by_content_;  // hash -> number
  std::vector<uint32_t> key_;                             // these two kept for their memory
  std::vector<const PlanRule*> deciding_;
  uint64_t count_ = 0;  // of rulesets; more than there are when they do not fit
  uint64_t intervals_ = 0;
  uint64_t longest_ = 0;
  uint64_t cost_ = 0;
};

// The rows of the matrix.
class RowMaker {
 public:
  RowMaker(const Plan& plan, uint32_t atoms, const std::vector<Class>& classes, const PolicyOptions& options,
           RulesetMaker* rulesets);

  // All cells of the class's row in that direction.
  std::vector<uint32_t> Row(Direction direction, uint32_t own);
  // One cell: what `own` says of `peer`.
  uint32_t Cell(Direction direction, uint32_t own, uint32_t peer);
  // The classes have grown by this one.
  void AddClass(uint32_t id);

 private:
  struct Own {
    SideFacts facts;
    std::vector<const PlanRule*> rules;  // of all policies that judge the class, in order
  };

  Own OwnOf(Direction direction, const Class& own) const;
  uint32_t RulesetOf(Direction direction, const Own& own, const Class& own_class, const Class& peer,
                     const std::vector<const PlanRule*>& matching);

  const Plan& plan_;
  const std::vector<Class>& classes_;
  const PolicyOptions options_;
  RulesetMaker* const rulesets_;
  std::vector<std::vector<uint32_t>> policies_of_atom_;  // that select by it, ascending
  std::vector<std::vector<uint32_t>> classes_of_atom_;
  std::vector<std::vector<const PlanRule*>> matching_;  // [peer class], kept for its memory
};

}  // namespace bulkhead::compile

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PASSES_H_
