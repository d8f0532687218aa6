// SPDX-License-Identifier: Apache-2.0
// CompiledPolicy: the whole policy as tables, ready for a dataplane. Immutable once built; share it by shared_ptr<const>.
//
// A packet's peers become subjects; subjects become classes; a pair of classes selects a ruleset; the ruleset's interval that
// holds (protocol, destination port) has the verdict of both sides:
//
//   (identity, address) -> subject -> class_id, row     rulesets[matrix[egress][row of source][class of destination]]
//                                                      or rulesets[matrix[ingress][row of destination][class of source]]
//
// Both look-ups give the same answer when both have a row: a ruleset combines the source's egress and the destination's ingress.
#ifndef BULKHEAD_MODEL_COMPILED_POLICY_H_
#define BULKHEAD_MODEL_COMPILED_POLICY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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

// Ports first..last of one protocol. Protocols without ports use 0..0.
struct PortInterval {
  uint8_t protocol = 0;
  uint16_t first = 0;
  uint16_t last = 0;
  SideVerdict source;       // the source's egress policy
  SideVerdict destination;  // the destination's ingress policy
  bool operator==(const PortInterval&) const = default;
};

// intervals: sorted by (protocol, first), disjoint. otherwise: for every protocol and port that no interval holds.
struct Ruleset {
  std::vector<PortInterval> intervals;
  SideVerdict source_otherwise;
  SideVerdict destination_otherwise;
  bool operator==(const Ruleset&) const = default;
};

// Where a verdict came from. `key` names the rule for as long as its policy has that many rules ("shop/db ingress[0]",
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

struct CompiledPolicy {
  uint64_t generation = 0;
  Mode global_mode = Mode::kLearn;

  std::vector<Prefix> cidrs;  // every prefix that a rule mentions (except included), sorted, unique
  std::vector<CompiledSubject> subjects;
  std::map<std::pair<IdentityId, std::vector<uint32_t>>, SubjectId> subject_index;
  // For addresses that are nobody's here: longest match wins; no match: kSubjectWorld. One entry for each of `cidrs`.
  std::vector<std::pair<Prefix, SubjectId>> world_prefixes;

  uint32_t classes = 0;  // class ids are 0..classes-1
  uint32_t rows = 0;
  // [direction][row * classes + peer class] -> index into rulesets
  std::vector<uint16_t> matrix[2];
  std::vector<Ruleset> rulesets;
  std::vector<RuleInfo> rules;

  // Ascending indexes of the CIDRs that hold the address.
  std::vector<uint32_t> CidrsOf(const IpAddress& address) const {
    std::vector<uint32_t> out;
    for (uint32_t i = 0; i < cidrs.size(); ++i) {
      if (cidrs[i].Contains(address)) out.push_back(i);
    }
    return out;
  }

  // nullopt: the identity was not known when this policy was compiled, or no address of it was in that set of CIDRs.
  std::optional<SubjectId> FindSubject(IdentityId identity, const IpAddress& address) const {
    const auto found = subject_index.find({identity, CidrsOf(address)});
    if (found == subject_index.end()) return std::nullopt;
    return found->second;
  }
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_COMPILED_POLICY_H_
