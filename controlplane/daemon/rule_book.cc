// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/rule_book.h"

#include <algorithm>

namespace bulkhead {

RuleBook::RuleBook(const std::vector<RuleInfo>& known) {
  for (const RuleInfo& rule : known) {
    if (rule.id == 0) continue;
    ids_.emplace(rule.key, rule.id);
    rules_.emplace(rule.id, rule);
    next_ = std::max(next_, rule.id + 1);
  }
}

void RuleBook::Reserve(uint32_t last) { next_ = std::max(next_, last + 1); }

std::vector<RuleInfo> RuleBook::Number(CompiledPolicy* policy) {
  std::vector<RuleInfo> changed;
  for (RuleInfo& rule : policy->rules) {
    if (rule.key.empty()) continue;  // of a policy that is gone
    const auto [at, added] = ids_.emplace(rule.key, next_);
    if (added) ++next_;
    rule.id = at->second;
    RuleInfo& known = rules_[rule.id];
    const bool same = known.pos == rule.pos && known.action == rule.action && known.rule_name == rule.rule_name;
    if (!added && same) continue;
    known = rule;
    changed.push_back(rule);
  }
  return changed;
}

}  // namespace bulkhead
