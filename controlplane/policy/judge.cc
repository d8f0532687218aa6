// SPDX-License-Identifier: Apache-2.0
// What a compiled policy says, by the look-ups that the dataplane makes.
#include <algorithm>

#include "controlplane/policy/compile.h"

namespace bulkhead {
namespace {

SideVerdict JudgeSide(const CompiledPolicy& policy, Direction direction, const CompiledSubject& own, const CompiledSubject& peer,
                      uint8_t protocol, uint16_t port) {
  if (own.row == kNoRow) return {};
  const Ruleset& ruleset = policy.rulesets[policy.matrix[static_cast<int>(direction)][own.row][peer.class_id]];
  const auto after = std::upper_bound(ruleset.intervals.begin(), ruleset.intervals.end(), std::pair(protocol, port),
                                      [](const auto& at, const PortInterval& i) { return at < std::pair(i.protocol, i.first); });
  if (after != ruleset.intervals.begin()) {
    const PortInterval& interval = *std::prev(after);
    if (interval.protocol == protocol && port <= interval.last) return interval.verdict;
  }
  return ruleset.otherwise;
}

}  // namespace

Judgement Judge(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port) {
  if (protocol == kProtoIcmp6) protocol = kProtoIcmp;
  if (!HasPorts(protocol)) port = 0;
  const CompiledSubject& from = policy.subjects[source];
  const CompiledSubject& to = policy.subjects[destination];
  return {JudgeSide(policy, Direction::kEgress, from, to, protocol, port),
          JudgeSide(policy, Direction::kIngress, to, from, protocol, port)};
}

}  // namespace bulkhead
