// SPDX-License-Identifier: Apache-2.0
// What a compiled policy says, by the look-ups that the dataplane makes.
#include <algorithm>

#include "controlplane/policy/compile.h"

namespace bulkhead {
namespace {

// The ruleset of the pair, or null when neither lives on this host.
const Ruleset* RulesetOf(const CompiledPolicy& policy, const CompiledSubject& source, const CompiledSubject& destination) {
  const auto cell = [&](Direction direction, const CompiledSubject& own, const CompiledSubject& peer) {
    const size_t index = static_cast<size_t>(own.row) * policy.classes + peer.class_id;
    return &policy.rulesets[policy.matrix[static_cast<int>(direction)][index]];
  };
  if (source.row != kNoRow) return cell(Direction::kEgress, source, destination);
  if (destination.row != kNoRow) return cell(Direction::kIngress, destination, source);
  return nullptr;
}

}  // namespace

Judgement Judge(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port) {
  const Ruleset* ruleset = RulesetOf(policy, policy.subjects[source], policy.subjects[destination]);
  if (!ruleset) return {};
  if (protocol == kProtoIcmp6) protocol = kProtoIcmp;
  if (!HasPorts(protocol)) port = 0;
  const auto after = std::upper_bound(ruleset->intervals.begin(), ruleset->intervals.end(), std::pair(protocol, port),
                                      [](const auto& at, const PortInterval& i) { return at < std::pair(i.protocol, i.first); });
  if (after != ruleset->intervals.begin()) {
    const PortInterval& interval = *std::prev(after);
    if (interval.protocol == protocol && port <= interval.last) return {interval.source, interval.destination};
  }
  return {ruleset->source_otherwise, ruleset->destination_otherwise};
}

SubjectId WorldSubject(const CompiledPolicy& policy, const IpAddress& address) {
  SubjectId best = kSubjectWorld;
  int longest = -1;
  for (const auto& [prefix, subject] : policy.world_prefixes) {
    if (prefix.length <= longest || !prefix.Contains(address)) continue;
    best = subject;
    longest = prefix.length;
  }
  return best;
}

}  // namespace bulkhead
