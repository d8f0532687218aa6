// SPDX-License-Identifier: Apache-2.0
// ChangeFinder: what two policies say differently of two joint classes, for every protocol and port.
//
// Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_CHANGES_H_
#define BULKHEAD_CONTROLPLANE_DIFF_CHANGES_H_

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/diff/joint.h"
#include "controlplane/diff/outcome.h"
#include "controlplane/diff/ports.h"

namespace bulkhead {

// The side that decided, and its rule: an index into the rules of its policy. Of two sides that deny it is the worse one, of equals
// the destination's; of two that allow the destination's, unless only the source has policy.
struct Decision {
  Direction side = Direction::kIngress;
  uint32_t rule = 0;

  auto operator<=>(const Decision&) const = default;
};

struct Verdicts {
  Outcome outcome = Outcome::kAllow;
  Decision decision;

  auto operator<=>(const Verdicts&) const = default;
};

// The verdict of these ports. Equal outcomes: only the rule that decides is another.
struct VerdictChange {
  PortSet ports;
  Verdicts before, after;

  auto operator<=>(const VerdictChange&) const = default;
};

class ChangeFinder {
 public:
  // Both must outlive it.
  ChangeFinder(const PolicyPair& pair, const JointClasses& joints);

  // From the first joint class to the second: indexes into changes(), ascending. Valid until the finder goes.
  const std::vector<uint32_t>& Find(uint32_t source, uint32_t destination);
  const std::vector<VerdictChange>& changes() const { return changes_; }

 private:
  // Rulesets by number, or kNone where a side has no row: egress before and after, ingress before and after; and the modes.
  using Key = std::array<uint32_t, 5>;
  static constexpr uint32_t kNone = 0xffffffff;

  struct Side {
    const CompiledPolicy* policy = nullptr;
    std::vector<uint32_t> rules;     // [index into policy's rules] -> number; one rule has one number in both policies
    std::vector<uint32_t> rulesets;  // [ruleset] -> number; likewise
  };

  void NumberRulesets(const CompiledPolicy& policy, Side* side);
  static uint32_t Cell(const CompiledPolicy& policy, Direction direction, const ClassView& own, const ClassView& peer);
  bool SameRuleset(uint32_t before, uint32_t after) const;
  std::vector<uint32_t> Compare(const Key& key, const JointClass& source, const JointClass& destination);
  Verdicts Ask(const Side& side, uint32_t egress, uint32_t ingress, Mode source, Mode destination, uint8_t protocol, uint32_t port,
               bool otherwise) const;
  bool Same(const Verdicts& before, const Verdicts& after) const;

  const JointClasses& joints_;
  Side before_, after_;
  absl::flat_hash_map<std::string, uint32_t> rule_numbers_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> ruleset_numbers_;
  absl::flat_hash_map<Key, uint32_t> lists_of_key_;
  std::deque<std::vector<uint32_t>> lists_ = {{}};  // the first is the empty one; none ever moves
  std::map<VerdictChange, uint32_t> change_ids_;
  std::vector<VerdictChange> changes_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_CHANGES_H_
