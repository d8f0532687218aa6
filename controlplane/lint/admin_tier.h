// SPDX-License-Identifier: Apache-2.0
// AdminTier: what the Admin tier alone decides of connections between classes. One thread; facts and rules must outlive it.
#ifndef BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_
#define BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "controlplane/lint/checks.h"

namespace bulkhead::lint {

// Some ports, and the rule that decides them.
struct Decision {
  const Rule* rule = nullptr;
  PortSet ports;
};

class AdminTier {
 public:
  explicit AdminTier(const Linter& linter);

  // Classes that the Admin tier treats alike, whichever side they are on: those of one group.
  uint32_t Group(uint32_t id) const { return group_of_[id]; }
  // Those of the classes, by their groups.
  std::map<uint32_t, std::vector<uint32_t>> Split(const ClassSet& classes) const;

  // What it decides of connections between two groups, seen from the side of `own`, of which it is asked; nothing when those are no
  // workloads. Disjoint; ports that are in none of them are left to what comes after.
  const std::vector<Decision>& Of(Direction direction, uint32_t own, uint32_t peer);

 private:
  std::vector<Decision> Decide(Direction direction, uint32_t own, uint32_t peer) const;

  const Linter& linter_;
  const Facts& facts_;
  std::vector<uint32_t> group_of_;                    // [class]
  std::vector<uint32_t> samples_;                     // [group], a class of it
  std::array<std::map<std::pair<uint32_t, uint32_t>, std::vector<Decision>>, 2> known_;  // [direction], by groups
};

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_
