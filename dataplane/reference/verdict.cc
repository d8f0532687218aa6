// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/verdict.h"

namespace bulkhead::reference {
namespace {

struct Sides {
  SideVerdict source, destination;
};

// The pair's ruleset: the source's row or, for a source that does not live here, the destination's.
const Ruleset* RulesetOf(const CompiledPolicy& policy, const CompiledSubject& source, const CompiledSubject& destination) {
  const auto egress = static_cast<size_t>(Direction::kEgress), ingress = static_cast<size_t>(Direction::kIngress);
  if (source.row != kNoRow) {
    return &policy.rulesets[policy.matrix[egress][size_t{source.row} * policy.classes + destination.class_id]];
  }
  if (destination.row != kNoRow) {
    return &policy.rulesets[policy.matrix[ingress][size_t{destination.row} * policy.classes + source.class_id]];
  }
  return nullptr;  // neither lives here: nobody's policy
}

Sides SidesOf(const Ruleset& ruleset, uint8_t protocol, uint16_t port) {
  for (const PortInterval& interval : ruleset.intervals) {
    if (interval.protocol == protocol && interval.first <= port && port <= interval.last) {
      return {interval.source, interval.destination};
    }
  }
  return {ruleset.source_otherwise, ruleset.destination_otherwise};
}

// Any denial by a side that enforces drops; a denial by others is only told.
Verdict Combine(const Sides& sides, Mode source, Mode destination) {
  if (!sides.source.allow && source == Mode::kEnforce) return Verdict::kDeny;
  if (!sides.destination.allow && destination == Mode::kEnforce) return Verdict::kDeny;
  return sides.source.allow && sides.destination.allow ? Verdict::kAllow : Verdict::kWouldDeny;
}

Ruling Judge(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port, bool group) {
  const CompiledSubject& from = policy.subjects[source];
  const CompiledSubject& to = policy.subjects[destination];
  Ruling ruling{Verdict::kAllow, from.identity, to.identity, 0, 0};
  const Ruleset* ruleset = RulesetOf(policy, from, to);
  if (ruleset == nullptr) return ruling;
  Sides sides = SidesOf(*ruleset, protocol == kProtoIcmp6 ? kProtoIcmp : protocol, port);
  if (group) sides.destination.allow = true;
  ruling.verdict = Combine(sides, from.mode, to.mode);
  ruling.source_rule = policy.rules[sides.source.rule].id;
  ruling.destination_rule = policy.rules[sides.destination.rule].id;
  return ruling;
}

}  // namespace

Ruling Rule(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port) {
  return Judge(policy, source, destination, protocol, port, false);
}

Ruling RuleOfSource(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port) {
  return Judge(policy, source, destination, protocol, port, true);
}

Ruling RuleOfSelf(const CompiledPolicy& policy, SubjectId source, SubjectId destination) {
  const uint32_t rule = policy.rules[kRuleSelf].id;
  return {Verdict::kAllow, policy.subjects[source].identity, policy.subjects[destination].identity, rule, rule};
}

Mode ModeOf(const CompiledPolicy& policy, SubjectId subject) { return policy.subjects[subject].mode; }

int Severity(Verdict verdict) { return verdict == Verdict::kAllow ? 0 : verdict == Verdict::kWouldDeny ? 1 : 2; }

}  // namespace bulkhead::reference
