// SPDX-License-Identifier: Apache-2.0
// AdminTier: what the Admin tier alone decides of connections between classes. One thread; facts and rules must outlive it.
#ifndef BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_
#define BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_

#include <array>
#include <deque>
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

  // Disjoint; ports that are in none of them are left to what comes after. Equal answers are the same object.
  const std::vector<Decision>& Of(Direction direction, uint32_t own, uint32_t peer);

 private:
  using Row = std::vector<const std::vector<Decision>*>;  // [peer class]; empty: not made yet

  void FillRow(Direction direction, uint32_t own, Row* row);
  std::vector<Decision> Decide(const std::vector<const Rule*>& rules, uint32_t destination) const;

  const Linter& linter_;
  const Facts& facts_;
  std::array<std::vector<Row>, 2> rows_;  // [direction][own class]
  std::map<std::pair<std::vector<const Rule*>, uint32_t>, const std::vector<Decision>*> known_;  // by rules and their port names
  std::deque<std::vector<Decision>> decisions_;
};

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_ADMIN_TIER_H_
