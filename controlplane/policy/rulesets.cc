// SPDX-License-Identifier: Apache-2.0
// Pass 6: what one side says of one peer, for every protocol and port, with the rule that says so.
#include <algorithm>
#include <tuple>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

// What is kept counts more than what is only looked at.
constexpr uint64_t kKeptCost = 16;

// About two seconds, or 250 MB. A policy for 1,000 kinds of workload with 20 rules each costs a tenth of it.
constexpr uint64_t kMaxCost = 400'000'000;

using Rules = std::vector<const PlanRule*>;

// Answers for one place (protocol and port) when the rules that match there are known.
class Decision {
 public:
  Decision(const SideFacts& facts, const PolicyOptions& options) : facts_(facts), options_(options) {}

  // active: ascending indexes into rules.
  SideVerdict Of(const Rules& rules, const std::vector<uint32_t>& active) const {
    std::optional<uint32_t> audited;  // the first denial that only reports
    SideVerdict verdict = Decide(rules, active, &audited);
    if (verdict.allow && audited) return {false, *audited, true};
    return verdict;
  }

 private:
  SideVerdict Decide(const Rules& rules, const std::vector<uint32_t>& active, std::optional<uint32_t>* audited) const {
    size_t next = 0;
    if (const auto admin = AskTier(Tier::kAdmin, rules, active, &next, audited)) return *admin;
    if (next < active.size() && rules[active[next]]->tier == Tier::kNetworkPolicy) return {true, rules[active[next]]->info};
    if (facts_.isolated) return facts_.from_host ? SideVerdict{true, kRuleFromHost} : Unpermitted(facts_.isolation);
    if (facts_.audited && !facts_.from_host) Remember(facts_.audit_isolation, audited);
    if (const auto baseline = AskTier(Tier::kBaseline, rules, active, &next, audited)) return *baseline;
    if (!facts_.can_deny || options_.default_allow) return {true, kRuleDefault};
    if (facts_.from_host) return {true, kRuleFromHost};
    return Unpermitted(kRuleDefault);
  }

  // No rule permits it; none denies it either.
  SideVerdict Unpermitted(uint32_t rule) const {
    return {facts_.newcomer == Newcomer::kAdmitted, rule, facts_.newcomer == Newcomer::kReported};
  }

  // Leaves *next at the first rule of a later tier.
  static std::optional<SideVerdict> AskTier(Tier tier, const Rules& rules, const std::vector<uint32_t>& active, size_t* next,
                                            std::optional<uint32_t>* audited) {
    bool passed = false;
    for (; *next < active.size() && rules[active[*next]]->tier <= tier; ++*next) {
      const PlanRule& rule = *rules[active[*next]];
      if (passed || rule.tier != tier) continue;
      if (rule.rule->action == RuleAction::kPass) {
        passed = true;
      } else if (rule.rule->action == RuleAction::kAccept) {
        return SideVerdict{true, rule.info};
      } else if (rule.audit) {
        Remember(rule.info, audited);
      } else {
        return SideVerdict{false, rule.info};
      }
    }
    return std::nullopt;
  }

  static void Remember(uint32_t rule, std::optional<uint32_t>* audited) {
    if (!*audited) *audited = rule;
  }

  const SideFacts& facts_;
  const PolicyOptions& options_;
};

// Where the rule at `order` begins to match, or ceases to.
struct Edge {
  uint8_t protocol;
  uint32_t port;
  bool begins;
  uint32_t order;

  bool operator<(const Edge& other) const { return std::tie(protocol, port) < std::tie(other.protocol, other.port); }
};

void AddEdges(const PolicyPort& port, const std::vector<NamedPort>& names, uint32_t order, std::vector<Edge>* out) {
  const auto add = [&](uint8_t protocol, uint32_t first, uint32_t last) {
    out->push_back({protocol, first, true, order});
    out->push_back({protocol, last + 1, false, order});
  };
  if (port.name.empty()) {
    const bool every = port.first == 0;
    add(port.protocol, port.first, every ? 65535u : port.last);
    return;
  }
  for (const NamedPort& named : names) {
    if (named.name == port.name && (port.protocol == 0 || named.protocol == port.protocol))
      add(named.protocol, named.port, named.port);
  }
}

void Cross(const Edge& edge, std::vector<uint32_t>* active) {
  const auto at = std::lower_bound(active->begin(), active->end(), edge.order);
  if (edge.begins) {
    active->insert(at, edge.order);
  } else {
    active->erase(at);
  }
}

void AddInterval(const PortInterval& interval, std::vector<PortInterval>* out) {
  PortInterval* before = out->empty() ? nullptr : &out->back();
  if (before && before->protocol == interval.protocol && before->last + 1 == interval.first &&
      before->verdict == interval.verdict) {
    before->last = interval.last;
  } else {
    out->push_back(interval);
  }
}

size_t HashOf(const Ruleset& ruleset) {
  const auto side = [](const SideVerdict& v) { return std::tuple(v.allow, v.audit, v.rule); };
  size_t hash = absl::HashOf(side(ruleset.otherwise));
  for (const PortInterval& i : ruleset.intervals) hash = absl::HashOf(hash, i.protocol, i.first, i.last, side(i.verdict));
  return hash;
}

// Whether no later rule of its tier can decide: it matches every port, and does not only report.
bool EndsTier(const PlanRule& rule) {
  return rule.rule->ports.empty() && !(rule.audit && rule.rule->action == RuleAction::kDeny);
}

}  // namespace

bool RulesetMaker::TooDear() const { return cost_ > kMaxCost; }

uint32_t RulesetMaker::Of(const SideFacts& facts, const Rules& rules, const Class& destination) {
  const auto flags = static_cast<uint32_t>(facts.isolated | facts.audited << 1 | facts.can_deny << 2 | facts.from_host << 3 |
                                           static_cast<uint32_t>(facts.newcomer) << 4);
  key_.assign({flags, facts.isolation, facts.audit_isolation, 0});
  Rules& deciding = deciding_;
  deciding.clear();
  bool passes = false, ended = false;  // some port leaves the Admin tier undecided; no later rule of the Admin tier can decide
  for (const PlanRule* rule : rules) {
    const bool admin = rule->tier == Tier::kAdmin;
    if (admin && ended) continue;
    if (facts.isolated && rule->tier == Tier::kBaseline) break;
    deciding.push_back(rule);
    key_.push_back(rule->info);
    for (const PolicyPort& port : rule->rule->ports) {
      if (!port.name.empty()) key_[3] = destination.port_set;
    }
    passes = passes || (admin && rule->rule->action == RuleAction::kPass);
    if (!EndsTier(*rule)) continue;
    if (!admin || !passes) break;  // what comes after decides nothing
    ended = true;
  }
  cost_ += deciding.size();
  if (const auto found = by_key_.find(key_); found != by_key_.end()) return found->second;
  Ruleset ruleset = Build(facts, deciding, destination);
  cost_ += kKeptCost * (ruleset.intervals.size() + key_.size());
  const uint32_t id = Keep(std::move(ruleset));
  by_key_.emplace(key_, id);
  return id;
}

// Different keys may mean the same.
uint32_t RulesetMaker::Keep(Ruleset ruleset) {
  const size_t hash = HashOf(ruleset);
  const auto [begin, end] = by_content_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    if ((*rulesets_)[at->second] == ruleset) return at->second;
  }
  ++count_;
  intervals_ += ruleset.intervals.size();
  longest_ = std::max<uint64_t>(longest_, ruleset.intervals.size());
  // What does not fit is only counted, so that the refusal can tell how much would have been needed.
  if (!Check().ok()) return 0;
  const auto id = static_cast<uint32_t>(rulesets_->size());
  rulesets_->push_back(std::move(ruleset));
  by_content_.emplace(hash, id);
  return id;
}

Ruleset RulesetMaker::Build(const SideFacts& facts, const Rules& rules, const Class& destination) const {
  const Decision decision(facts, options_);
  std::vector<Edge> edges;
  std::vector<uint32_t> everywhere;  // the rules that match every port
  for (uint32_t order = 0; order < rules.size(); ++order) {
    for (const PolicyPort& port : rules[order]->rule->ports) AddEdges(port, destination.ports, order, &edges);
    if (rules[order]->rule->ports.empty()) everywhere.push_back(order);
  }
  std::sort(edges.begin(), edges.end());
  Ruleset out;
  out.otherwise = decision.Of(rules, everywhere);
  std::vector<uint32_t> active = everywhere;
  for (size_t i = 0; i < edges.size();) {
    const Edge at = edges[i];
    for (; i < edges.size() && edges[i].protocol == at.protocol && edges[i].port == at.port; ++i) Cross(edges[i], &active);
    if (i == edges.size() || edges[i].protocol != at.protocol) continue;  // every range has ended
    const SideVerdict verdict = decision.Of(rules, active);
    if (verdict == out.otherwise) continue;
    AddInterval({at.protocol, static_cast<uint16_t>(at.port), static_cast<uint16_t>(edges[i].port - 1), verdict}, &out.intervals);
  }
  return out;
}

absl::Status RulesetMaker::Check() const {
  const auto too_many = [](uint64_t count, const char* what, uint64_t most) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", count, " ", what, ", the most is ", most));
  };
  if (TooDear()) return too_many(cost_, "steps to compile", kMaxCost);
  if (longest_ > BH_MAX_RULESET_INTERVALS) return too_many(longest_, "port intervals in one ruleset", BH_MAX_RULESET_INTERVALS);
  if (intervals_ > BH_MAX_INTERVALS) return too_many(intervals_, "port intervals", BH_MAX_INTERVALS);
  if (count_ > BH_MAX_RULESETS) return too_many(count_, "rulesets", BH_MAX_RULESETS);
  return absl::OkStatus();
}

}  // namespace bulkhead::compile
