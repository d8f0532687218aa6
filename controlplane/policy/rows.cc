// SPDX-License-Identifier: Apache-2.0
// Pass 7: for each class that lives here and each peer class, in each direction, the ruleset.
#include <algorithm>

#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

bool MatchesClass(const PlanRule& rule, const Class& peer) {
  return rule.any_peer || std::any_of(rule.atoms.begin(), rule.atoms.end(),
                                      [&](AtomId atom) { return std::binary_search(peer.atoms.begin(), peer.atoms.end(), atom); });
}

}  // namespace

RowMaker::RowMaker(const Plan& plan, uint32_t atoms, const std::vector<Class>& classes, const PolicyOptions& options,
                   RulesetMaker* rulesets)
    : plan_(plan), classes_(classes), options_(options), rulesets_(rulesets), policies_of_atom_(atoms), classes_of_atom_(atoms) {
  for (uint32_t i = 0; i < plan.policies.size(); ++i) policies_of_atom_[plan.policies[i].selects].push_back(i);
  for (uint32_t i = 0; i < classes.size(); ++i) AddClass(i);
}

void RowMaker::AddClass(uint32_t id) {
  for (const AtomId atom : classes_[id].atoms) classes_of_atom_[atom].push_back(id);
}

RowMaker::Own RowMaker::OwnOf(Direction direction, const Class& own) const {
  Own out;
  out.facts.can_deny = own.kind == PeerKind::kWorkload;
  const auto d = static_cast<size_t>(direction);
  std::vector<uint32_t> policies;
  for (const AtomId atom : own.atoms) {
    policies.insert(policies.end(), policies_of_atom_[atom].begin(), policies_of_atom_[atom].end());
  }
  std::sort(policies.begin(), policies.end());
  for (const uint32_t i : policies) {
    const PlanPolicy& policy = plan_.policies[i];
    if (!policy.document->Judges(direction)) continue;
    if (policy.document->kind == PolicyKind::kNetworkPolicy) {
      bool& isolates = policy.document->audit ? out.facts.audited : out.facts.isolated;
      if (!isolates) (policy.document->audit ? out.facts.audit_isolation : out.facts.isolation) = policy.isolation[d];
      isolates = true;
    }
    for (const uint32_t number : policy.rules[d]) out.rules.push_back(&plan_.rules[d][number]);
  }
  return out;
}

uint32_t RowMaker::RulesetOf(Direction direction, const Own& own, const Class& own_class, const Class& peer,
                             const std::vector<const PlanRule*>& matching) {
  SideFacts facts = own.facts;
  facts.newcomer = std::max(own_class.newcomer, peer.newcomer);
  facts.from_host = direction == Direction::kIngress && peer.kind == PeerKind::kHost && options_.allow_from_host;
  return rulesets_->Of(facts, matching, direction == Direction::kEgress ? peer : own_class);
}

std::vector<uint32_t> RowMaker::Row(Direction direction, uint32_t own_id) {
  const Own own = OwnOf(direction, classes_[own_id]);
  matching_.resize(classes_.size());
  for (std::vector<const PlanRule*>& rules : matching_) rules.clear();
  const auto add = [&](uint32_t peer, const PlanRule* rule) {
    std::vector<const PlanRule*>& rules = matching_[peer];
    if (rules.empty() || rules.back() != rule) rules.push_back(rule);
  };
  for (const PlanRule* rule : own.rules) {
    rulesets_->AddCost(1 + rule->atoms.size());
    if (rule->any_peer) {
      for (uint32_t peer = 0; peer < classes_.size(); ++peer) add(peer, rule);
      continue;
    }
    for (const AtomId atom : rule->atoms) {
      for (const uint32_t peer : classes_of_atom_[atom]) add(peer, rule);
    }
  }
  std::vector<uint32_t> cells(classes_.size());
  std::optional<uint32_t> unmatched;  // of peers that no rule matches, but for the host and newcomers, which may be let in
  for (uint32_t peer = 0; peer < classes_.size(); ++peer) {
    const bool plain = matching_[peer].empty() && classes_[peer].kind != PeerKind::kHost && classes_[peer].newcomer == Newcomer::kNo;
    if (plain && unmatched) {
      cells[peer] = *unmatched;
      continue;
    }
    cells[peer] = RulesetOf(direction, own, classes_[own_id], classes_[peer], matching_[peer]);
    if (plain) unmatched = cells[peer];
  }
  rulesets_->AddCost(classes_.size());
  return cells;
}

uint32_t RowMaker::Cell(Direction direction, uint32_t own_id, uint32_t peer) {
  const Own own = OwnOf(direction, classes_[own_id]);
  std::vector<const PlanRule*> matching;
  for (const PlanRule* rule : own.rules) {
    if (MatchesClass(*rule, classes_[peer])) matching.push_back(rule);
  }
  rulesets_->AddCost(own.rules.size());
  return RulesetOf(direction, own, classes_[own_id], classes_[peer], matching);
}

}  // namespace bulkhead::compile
