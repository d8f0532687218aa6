// SPDX-License-Identifier: Apache-2.0
// CompiledPolicy: the whole policy as tables, ready for a dataplane.
//
// A packet's peers become subjects; subjects become classes; each side judges by its own row, and both must allow:
//
//   (identity, address) -> subject -> class_id, row
//   the source's egress:        rulesets[matrix[egress][row of source][class of destination]]
//   the destination's ingress:  rulesets[matrix[ingress][row of destination][class of source]]
//
// The ruleset's interval that holds (protocol, destination port) has the side's verdict. A subject without a row is judged elsewhere,
// or by nobody: it allows.
//
// Thread safety: a policy may grow (Compiler::Extend appends subjects, classes, rows and rulesets; nothing that exists changes) on
// the thread that owns it, the control thread. Others may read only what never grows: generation, cidrs, rules.
#ifndef BULKHEAD_MODEL_COMPILED_POLICY_H_
#define BULKHEAD_MODEL_COMPILED_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulkhead/model/cidr_table.h"
#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"
#include "bulkhead/model/policy.h"

namespace bulkhead {

using SubjectId = uint32_t;
using ClassId = uint16_t;
inline constexpr uint16_t kNoRow = 0xffff;

// Subjects that every policy has, at these indexes, with an empty set of CIDRs.
inline constexpr SubjectId kSubjectUnknown = 0;
inline constexpr SubjectId kSubjectHost = 1;
inline constexpr SubjectId kSubjectWorld = 2;

struct CompiledSubject {
  IdentityId identity = kIdentityUnknown;
  std::vector<uint32_t> cidrs;  // ascending indexes into CompiledPolicy::cidrs of those that hold the address
  ClassId class_id = 0;
  uint16_t row = kNoRow;  // kNoRow: nothing of this class lives on this host
  Mode mode = Mode::kLearn;  // of the identity's service; unknown: the global mode; host and world never deny
};

// One side's judgement: rule is an index into CompiledPolicy::rules. audit: the denial (allow is false) is of a policy in audit, so
// it is reported and never drops, whatever the service's mode.
struct SideVerdict {
  bool allow = true;
  uint32_t rule = 0;
  bool audit = false;
  bool operator==(const SideVerdict&) const = default;
};

// Ports first..last of one protocol.
struct PortInterval {
  uint8_t protocol = 0;
  uint16_t first = 0;
  uint16_t last = 0;
  SideVerdict verdict;
  bool operator==(const PortInterval&) const = default;
};

// What one side says of one peer. intervals: sorted by (protocol, first), disjoint. otherwise: for every protocol and port that no
// interval holds.
struct Ruleset {
  std::vector<PortInterval> intervals;
  SideVerdict otherwise;
  bool operator==(const Ruleset&) const = default;
};

// Where a verdict came from. An empty key: of a policy that is gone, and nothing names it. `key` names the rule for as long as its policy has that many rules ("shop/db ingress[0]",
// "shop/db ingress isolated", "cnp:guard egress[2]", "default"); `id` is the number that the key was interned to, which flow entries carry.
struct RuleInfo {
  std::string key;
  Tier tier = Tier::kDefault;
  PolicyKind kind = PolicyKind::kNetworkPolicy;
  RuleAction action = RuleAction::kAccept;  // kDeny for an isolation
  std::string rule_name;                    // as the document names it; may be empty
  std::string policy_ns;
  std::string policy;
  Direction direction = Direction::kIngress;
  int index = -1;  // -1: not one rule but the isolation, or the default
  SourcePos pos;
  uint32_t id = 0;
};

// Rules at these indexes exist in every policy.
inline constexpr uint32_t kRuleDefault = 0;   // "default": no policy decided
inline constexpr uint32_t kRuleSelf = 1;      // "self": a workload to itself
inline constexpr uint32_t kRuleFromHost = 2;  // "from-host": allow_from_host

struct SubjectKey {
  IdentityId identity = kIdentityUnknown;
  std::vector<uint32_t> cidrs;
  bool operator==(const SubjectKey&) const = default;
};
struct SubjectKeyHash {
  size_t operator()(const SubjectKey& key) const {
    uint64_t hash = key.identity;
    for (const uint32_t cidr : key.cidrs) hash = (hash ^ cidr) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 32;
  }
};

struct CompiledPolicy {
  uint64_t generation = 0;
  Mode global_mode = Mode::kLearn;

  CidrTable cidrs;  // every prefix that a rule mentions (except and nodes' addresses included)
  std::vector<CompiledSubject> subjects;
  std::unordered_map<SubjectKey, SubjectId, SubjectKeyHash> subject_index;
  // For addresses that are nobody's here: longest match wins; no match: kSubjectWorld. One entry for each of `cidrs`, in their order.
  std::vector<std::pair<Prefix, SubjectId>> world_prefixes;

  uint32_t classes = 0;  // class ids are 0..classes-1
  uint32_t rows = 0;
  // [direction][row][peer class] -> index into rulesets
  std::vector<std::vector<uint32_t>> matrix[2];
  std::vector<Ruleset> rulesets;
  std::vector<RuleInfo> rules;

  // nullopt: the identity was not known when this policy was compiled, or no address of it was in that set of CIDRs.
  std::optional<SubjectId> FindSubject(IdentityId identity, const IpAddress& address) const {
    return FindSubject({identity, cidrs.Holding(address)});
  }
  // Of the identity where it has no address.
  std::optional<SubjectId> FindSubject(IdentityId identity) const { return FindSubject(SubjectKey{identity, {}}); }
  std::optional<SubjectId> FindSubject(const SubjectKey& key) const {
    const auto found = subject_index.find(key);
    return found == subject_index.end() ? std::nullopt : std::optional<SubjectId>(found->second);
  }
  // Of an address that is nobody's here.
  SubjectId WorldSubject(const IpAddress& address) const {
    const std::optional<uint32_t> longest = cidrs.Longest(address);
    return longest ? world_prefixes[*longest].second : kSubjectWorld;
  }
};

// What a policy has grown by: everything from these indexes on is new, and so are the cells of new classes in every row.
struct PolicyGrowth {
  uint32_t first_subject = 0;
  uint32_t first_class = 0;
  uint32_t first_row = 0;
  uint32_t first_ruleset = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_COMPILED_POLICY_H_
