// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/rules.h"

#include <limits>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

const char* ActionName(RuleAction action) {
  switch (action) {
    case RuleAction::kAccept: return "accept";
    case RuleAction::kDeny: return "deny";
    case RuleAction::kPass: return "pass";
  }
  return "?";
}

// What a rule is of: its policy's name, direction and number. The view knows every rule that there ever was.
using RulePlace = std::tuple<std::string, int, int>;

bool IsInForce(const Policy& policy, const RuleInfo& rule) {
  return rule.index < 0 ? policy.Judges(rule.direction) : static_cast<size_t>(rule.index) < policy.rules(rule.direction).size();
}

RuleRow MakeRuleRow(const RuleInfo& rule, const std::map<uint32_t, RuleCounts>& decided) {
  RuleRow row;
  row.rule = rule.key;
  row.name = rule.rule_name;
  if (rule.tier != Tier::kDefault) {
    row.policy = PolicyRef(rule.kind, rule.policy_ns, rule.policy);
    row.tier = TierName(rule.tier);
    row.direction = DirectionName(rule.direction);
    row.action = ActionName(rule.action);
    row.place = absl::StrCat(rule.pos.file, ":", rule.pos.line, ":", rule.pos.column);
  }
  if (const auto at = decided.find(rule.id); at != decided.end()) {
    row.flows = at->second.flows;
    row.denied = at->second.denied;
    row.would_deny = at->second.would_deny;
  }
  return row;
}

}  // namespace

absl::StatusOr<std::vector<RuleRow>> RulesInForce(const View& view, DaemonService* service) {
  const absl::StatusOr<std::map<uint32_t, RuleCounts>> decided = service->ReadRules();
  if (!decided.ok()) return decided.status();
  std::map<std::string, const Policy*> policies;
  if (view.documents != nullptr) {
    for (const Policy& policy : view.documents->policies) policies[PolicyRef(policy)] = &policy;
  }
  std::map<RulePlace, const RuleInfo*> of_policies;
  std::map<std::string, const RuleInfo*> of_none;
  for (const auto& [id, rule] : view.rules) {
    if (rule.tier == Tier::kDefault) {
      of_none[rule.key] = &rule;
      continue;
    }
    const std::string ref = PolicyRef(rule.kind, rule.policy_ns, rule.policy);
    const auto policy = policies.find(ref);
    if (policy == policies.end() || !IsInForce(*policy->second, rule)) continue;
    const int last = std::numeric_limits<int>::max();
    of_policies[{ref, rule.direction == Direction::kIngress ? 0 : 1, rule.index < 0 ? last : rule.index}] = &rule;
  }
  std::vector<RuleRow> out;
  for (const auto& [place, rule] : of_policies) out.push_back(MakeRuleRow(*rule, *decided));
  for (const auto& [key, rule] : of_none) out.push_back(MakeRuleRow(*rule, *decided));
  return out;
}

absl::StatusOr<Response> GetRules(const Context& context, const Request& request) {
  absl::StatusOr<std::vector<RuleRow>> rows = RulesInForce(*context.service->GetView(), context.service);
  if (!rows.ok()) return rows.status();
  const std::string policy = request.Query(kPolicy), ns = request.Query(kNamespace);
  std::erase_if(*rows, [&](const RuleRow& row) {
    return (!policy.empty() && row.policy != policy) || (!ns.empty() && !IsPartyOf(row.policy, ns));
  });
  if (!policy.empty() && rows->empty()) return absl::NotFoundError(absl::StrCat("no policy ", policy));
  return LinesResponse(*std::move(rows));
}

}  // namespace bulkhead::api
