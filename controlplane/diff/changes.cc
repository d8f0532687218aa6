// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/changes.h"

#include <algorithm>
#include <utility>

namespace bulkhead {
namespace {

constexpr SideVerdict kNoSay{true, kRuleDefault, false};  // of a side without a row

SideVerdict VerdictOf(const Ruleset& ruleset, uint8_t protocol, uint32_t port) {
  const auto after = std::upper_bound(
      ruleset.intervals.begin(), ruleset.intervals.end(), std::pair(protocol, port),
      [](const auto& at, const PortInterval& i) { return at < std::pair<uint8_t, uint32_t>(i.protocol, i.first); });
  if (after == ruleset.intervals.begin()) return ruleset.otherwise;
  const PortInterval& interval = *std::prev(after);
  return interval.protocol == protocol && port <= interval.last ? interval.verdict : ruleset.otherwise;
}

Decision Decide(const CompiledPolicy& policy, const SideVerdict& egress, Outcome source, const SideVerdict& ingress,
                Outcome destination) {
  const bool silent = policy.rules[ingress.rule].tier == Tier::kDefault && policy.rules[egress.rule].tier != Tier::kDefault;
  const bool by_source = source != destination ? source > destination : source == Outcome::kAllow && silent;
  return by_source ? Decision{Direction::kEgress, egress.rule} : Decision{Direction::kIngress, ingress.rule};
}

// A stretch of ports of one protocol in which no ruleset changes its mind.
struct Segment {
  PortRange range;
  Verdicts before, after;
};

// Where any of the rulesets may begin to say something else; every protocol that one of them names is covered from port 0 on.
std::vector<std::pair<uint8_t, uint32_t>> Borders(const std::array<const Ruleset*, 4>& rulesets) {
  std::vector<std::pair<uint8_t, uint32_t>> out;
  for (const Ruleset* ruleset : rulesets) {
    if (ruleset == nullptr) continue;
    for (const PortInterval& interval : ruleset->intervals) {
      if (out.empty() || out.back().first != interval.protocol) out.emplace_back(interval.protocol, 0);
      out.emplace_back(interval.protocol, interval.first);
      if (interval.last < 65535) out.emplace_back(interval.protocol, interval.last + 1u);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

ChangeFinder::ChangeFinder(const PolicyPair& pair, const JointClasses& joints) : joints_(joints) {
  NumberRulesets(*pair.before, &before_);
  NumberRulesets(*pair.after, &after_);
}

void ChangeFinder::NumberRulesets(const CompiledPolicy& policy, Side* side) {
  side->policy = &policy;
  for (const RuleInfo& rule : policy.rules) {
    side->rules.push_back(rule_numbers_.try_emplace(rule.key, static_cast<uint32_t>(rule_numbers_.size())).first->second);
  }
  const auto say = [&](const SideVerdict& verdict) {
    return side->rules[verdict.rule] << 2 | uint32_t{verdict.allow} << 1 | uint32_t{verdict.audit};
  };
  std::vector<uint32_t> content;
  for (const Ruleset& ruleset : policy.rulesets) {
    content.assign({say(ruleset.otherwise)});
    for (const PortInterval& interval : ruleset.intervals) {
      content.insert(content.end(), {interval.protocol, uint32_t{interval.first} << 16 | interval.last, say(interval.verdict)});
    }
    side->rulesets.push_back(ruleset_numbers_.try_emplace(content, static_cast<uint32_t>(ruleset_numbers_.size())).first->second);
  }
}

uint32_t ChangeFinder::Cell(const CompiledPolicy& policy, Direction direction, const ClassView& own, const ClassView& peer) {
  return own.row == kNoRow ? kNone : policy.matrix[static_cast<int>(direction)][own.row][peer.id];
}

bool ChangeFinder::SameRuleset(uint32_t before, uint32_t after) const {
  if (before == kNone || after == kNone) return before == after;
  return before_.rulesets[before] == after_.rulesets[after];
}

const std::vector<uint32_t>& ChangeFinder::Find(uint32_t source, uint32_t destination) {
  const JointClass& from = joints_.classes[source];
  const JointClass& to = joints_.classes[destination];
  Key key{Cell(*before_.policy, Direction::kEgress, from.first, to.first),
          Cell(*after_.policy, Direction::kEgress, from.second, to.second),
          Cell(*before_.policy, Direction::kIngress, to.first, from.first),
          Cell(*after_.policy, Direction::kIngress, to.second, from.second), 0};
  const bool same_modes = from.first.mode == from.second.mode && to.first.mode == to.second.mode;
  if (same_modes && SameRuleset(key[0], key[1]) && SameRuleset(key[2], key[3])) return lists_[0];
  for (const Mode mode : {from.first.mode, from.second.mode, to.first.mode, to.second.mode}) {
    key[4] = key[4] << 8 | static_cast<uint32_t>(mode);
  }
  if (const auto found = lists_of_key_.find(key); found != lists_of_key_.end()) return lists_[found->second];
  std::vector<uint32_t> list = Compare(key, from, to);
  uint32_t id = 0;
  if (!list.empty()) {
    id = static_cast<uint32_t>(lists_.size());
    lists_.push_back(std::move(list));
  }
  lists_of_key_.emplace(key, id);
  return lists_[id];
}

Verdicts ChangeFinder::Ask(const Side& side, uint32_t egress, uint32_t ingress, Mode source, Mode destination, uint8_t protocol,
                           uint32_t port, bool otherwise) const {
  const auto ask = [&](uint32_t number) {
    if (number == kNone) return kNoSay;
    const Ruleset& ruleset = side.policy->rulesets[number];
    return otherwise ? ruleset.otherwise : VerdictOf(ruleset, protocol, port);
  };
  const SideVerdict out = ask(egress), in = ask(ingress);
  const Outcome of_source = OutcomeOf(out, source), of_destination = OutcomeOf(in, destination);
  return {std::max(of_source, of_destination), Decide(*side.policy, out, of_source, in, of_destination)};
}

bool ChangeFinder::Same(const Verdicts& before, const Verdicts& after) const {
  return before.outcome == after.outcome && before.decision.side == after.decision.side &&
         before_.rules[before.decision.rule] == after_.rules[after.decision.rule];
}

std::vector<uint32_t> ChangeFinder::Compare(const Key& key, const JointClass& source, const JointClass& destination) {
  const auto ask = [&](uint8_t protocol, uint32_t port, bool otherwise) {
    return std::pair(Ask(before_, key[0], key[2], source.first.mode, destination.first.mode, protocol, port, otherwise),
                     Ask(after_, key[1], key[3], source.second.mode, destination.second.mode, protocol, port, otherwise));
  };
  const auto ruleset = [](const Side& side, uint32_t id) { return id == kNone ? nullptr : &side.policy->rulesets[id]; };
  const auto borders =
      Borders({ruleset(before_, key[0]), ruleset(after_, key[1]), ruleset(before_, key[2]), ruleset(after_, key[3])});
  const auto others = ask(0, 0, true);  // of protocols that no ruleset names
  std::map<std::pair<Verdicts, Verdicts>, PortSet> found;
  PortSet not_as_others;
  for (size_t i = 0; i < borders.size(); ++i) {
    const auto& [protocol, first] = borders[i];
    const bool ends = i + 1 == borders.size() || borders[i + 1].first != protocol;
    const PortRange range{protocol, static_cast<uint16_t>(first), static_cast<uint16_t>(ends ? 65535 : borders[i + 1].second - 1)};
    const auto verdicts = ask(protocol, first, false);
    if (verdicts == others) continue;
    not_as_others.Append(range);
    if (!Same(verdicts.first, verdicts.second)) found[verdicts].Append(range);
  }
  if (!Same(others.first, others.second)) {
    not_as_others.all_but = true;
    found[others] = std::move(not_as_others);
  }
  std::vector<uint32_t> out;
  for (auto& [verdicts, ports] : found) {
    const VerdictChange change{std::move(ports), verdicts.first, verdicts.second};
    const auto [at, added] = change_ids_.try_emplace(change, static_cast<uint32_t>(changes_.size()));
    if (added) changes_.push_back(change);
    out.push_back(at->second);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bulkhead
