// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/diffed.h"

#include <algorithm>
#include <iterator>

namespace bulkhead::api {
namespace {

DiffPorts MakePorts(const PortSet& ports) {
  DiffPorts out;
  out.text = PortSetText(ports);
  out.all_but = ports.all_but;
  for (const PortRange& range : ports.ranges) out.ranges.push_back({ProtocolName(range.protocol), range.first, range.last});
  return out;
}

DiffVerdict MakeVerdict(Outcome outcome, const DiffRule& rule) {
  return {VerdictWord(outcome), EffectWord(outcome), DirectionName(rule.side),
          rule.policy,          rule.rule,           rule.pos.line > 0 ? rule.pos.ToString() : ""};
}

std::vector<DiffRow> MakeDiffRows(const std::vector<bulkhead::DiffRow>& rows) {
  std::vector<DiffRow> out;
  for (const bulkhead::DiffRow& row : rows) {
    out.push_back(
        {row.from, row.to, MakePorts(row.ports), MakeVerdict(row.before, row.before_rule), MakeVerdict(row.after, row.after_rule)});
  }
  return out;
}

}  // namespace

const char* VerdictWord(Outcome outcome) {
  if (IsDenied(outcome)) return "deny";
  return outcome == Outcome::kAllow ? "allow" : "audit";
}

const char* EffectWord(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllow:
      return "passes";
    case Outcome::kDenyLearn:
      return "recorded";
    case Outcome::kPolicyAudit:
    case Outcome::kDenyAudit:
      return "reported";
    case Outcome::kDenyEnforce:
      return "dropped";
  }
  return "";
}

Diff MakeDiff(const PolicyDiff& diff) {
  Diff out;
  out.differs = diff.changed() > 0;
  out.denied = diff.denied;
  out.allowed = diff.allowed;
  out.others = diff.others;
  out.rule_changes = diff.rule_changes;
  out.rows = MakeDiffRows(diff.rows);
  out.rule_rows = MakeDiffRows(diff.rule_rows);
  return out;
}

}  // namespace bulkhead::api
