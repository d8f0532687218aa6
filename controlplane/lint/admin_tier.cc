// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/admin_tier.h"

#include <algorithm>
#include <tuple>

namespace bulkhead::lint {

AdminTier::AdminTier(const Linter& linter) : linter_(linter), facts_(*linter.facts) {
  // Its rules see of a class: which of its policies select it, which of its rules' peers it is, and what its ports are called.
  std::vector<bool> matters;  // [atom]
  for (const std::vector<Rule>& rules : linter.rules) {
    for (const Rule& rule : rules) {
      if (rule.tier() != Tier::kAdmin) continue;
      for (const compile::AtomId atom : rule.plan->atoms) {
        matters.resize(std::max<size_t>(matters.size(), atom + 1));
        matters[atom] = true;
      }
    }
  }
  std::map<std::tuple<bool, std::vector<uint32_t>, std::vector<uint32_t>, uint32_t>, uint32_t> groups;
  for (uint32_t id = 0; id < facts_.classes(); ++id) {
    std::vector<uint32_t> policies, atoms;
    const bool workload = facts_.workloads().Has(id);
    for (const uint32_t policy : workload ? facts_.Policies(id) : std::vector<uint32_t>()) {
      if (linter.plan.policies[policy].document->tier == Tier::kAdmin) policies.push_back(policy);
    }
    for (const compile::AtomId atom : facts_.Atoms(id)) {
      if (atom < matters.size() && matters[atom]) atoms.push_back(atom);
    }
    const auto [found, added] =
        groups.try_emplace({workload, std::move(policies), std::move(atoms), facts_.NameSet(id)}, static_cast<uint32_t>(samples_.size()));
    if (added) samples_.push_back(id);
    group_of_.push_back(found->second);
  }
}

std::map<uint32_t, std::vector<uint32_t>> AdminTier::Split(const ClassSet& classes) const {
  std::map<uint32_t, std::vector<uint32_t>> out;
  for (const uint32_t id : classes.Members()) out[Group(id)].push_back(id);
  return out;
}

const std::vector<Decision>& AdminTier::Of(Direction direction, uint32_t own, uint32_t peer) {
  const auto [found, added] = known_[static_cast<size_t>(direction)].try_emplace({own, peer});
  if (added) found->second = Decide(direction, samples_[own], samples_[peer]);
  return found->second;
}

std::vector<Decision> AdminTier::Decide(Direction direction, uint32_t own, uint32_t peer) const {
  std::vector<Decision> out;
  if (!facts_.workloads().Has(own)) return out;
  const std::vector<NamedPort>& names = facts_.Names(Facts::Destination(direction, own, peer));
  PortSet left = PortSet::All();
  for (const uint32_t number : facts_.Rules(direction, own)) {
    const Rule& rule = linter_.At(direction, number);
    if (rule.tier() != Tier::kAdmin || left.empty()) break;  // they come first
    if (!rule.Decides() || !facts_.Peers(direction, number).Has(peer)) continue;
    PortSet ports = rule.ports.At(names).And(left);
    if (ports.empty()) continue;
    left = left.Without(ports);
    out.push_back({&rule, std::move(ports)});
  }
  return out;
}

}  // namespace bulkhead::lint
