// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/verdict.h"

namespace bulkhead::reference {
namespace {

// What `own` says of `peer`. Without a row it is judged elsewhere, or by nobody: it allows.
SideVerdict Side(const CompiledPolicy& policy, Direction direction, const CompiledSubject& own, const CompiledSubject& peer,
                 uint8_t protocol, uint16_t port) {
  if (own.row == kNoRow) return {true, kRuleDefault, false};
  const Ruleset& ruleset = policy.rulesets[policy.matrix[static_cast<int>(direction)][own.row][peer.class_id]];
  for (const PortInterval& interval : ruleset.intervals) {
    if (interval.protocol == protocol && interval.first <= port && port <= interval.last) return interval.verdict;
  }
  return ruleset.otherwise;
}

bool Drops(const SideVerdict& verdict, Mode mode) { return !verdict.allow && !verdict.audit && mode == Mode::kEnforce; }

}  // namespace

Ruling Rule(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port) {
  const CompiledSubject& from = policy.subjects[source];
  const CompiledSubject& to = policy.subjects[destination];
  if (protocol == kProtoIcmp6) protocol = kProtoIcmp;
  const SideVerdict egress = Side(policy, Direction::kEgress, from, to, protocol, port);
  const SideVerdict ingress = Side(policy, Direction::kIngress, to, from, protocol, port);
  const bool drop = Drops(egress, from.mode) || Drops(ingress, to.mode);
  Ruling ruling;
  ruling.verdict = drop ? Verdict::kDeny : egress.allow && ingress.allow ? Verdict::kAllow : Verdict::kWouldDeny;
  ruling.source_denies = !egress.allow;
  ruling.destination_denies = !ingress.allow;
  ruling.source = from.identity;
  ruling.destination = to.identity;
  ruling.source_rule = policy.rules[egress.rule].id;
  ruling.destination_rule = policy.rules[ingress.rule].id;
  return ruling;
}

Ruling RuleOfSelf(const CompiledPolicy& policy, SubjectId source, SubjectId destination) {
  const uint32_t rule = policy.rules[kRuleSelf].id;
  return {Verdict::kAllow, policy.subjects[source].identity, policy.subjects[destination].identity, rule, rule, false, false};
}

Mode ModeOf(const CompiledPolicy& policy, SubjectId subject) { return policy.subjects[subject].mode; }

int Severity(Verdict verdict) { return verdict == Verdict::kAllow ? 0 : verdict == Verdict::kWouldDeny ? 1 : 2; }

}  // namespace bulkhead::reference
