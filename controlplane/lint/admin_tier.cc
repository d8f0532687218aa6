// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/admin_tier.h"

#include <algorithm>

namespace bulkhead::lint {

AdminTier::AdminTier(const Linter& linter) : linter_(linter), facts_(*linter.facts) {
  for (std::vector<Row>& rows : rows_) rows.resize(facts_.classes());
}

const std::vector<Decision>& AdminTier::Of(Direction direction, uint32_t own, uint32_t peer) {
  Row& row = rows_[static_cast<size_t>(direction)][own];
  if (row.empty()) FillRow(direction, own, &row);
  return *row[peer];
}

void AdminTier::FillRow(Direction direction, uint32_t own, Row* row) {
  std::vector<std::vector<const Rule*>> matching(facts_.classes());
  for (const uint32_t number : facts_.Rules(direction, own)) {
    const Rule& rule = linter_.At(direction, number);
    if (rule.tier() != Tier::kAdmin) break;  // they come first
    if (!rule.Decides()) continue;
    for (const uint32_t peer : facts_.Peers(direction, number).Members()) matching[peer].push_back(&rule);
  }
  for (uint32_t peer = 0; peer < facts_.classes(); ++peer) {
    const uint32_t destination = Facts::Destination(direction, own, peer);
    const bool names = std::any_of(matching[peer].begin(), matching[peer].end(), [](const Rule* r) { return !r->ports.names.empty(); });
    const auto [known, fresh] = known_.try_emplace({std::move(matching[peer]), names ? facts_.NameSet(destination) : 0});
    if (fresh) known->second = &decisions_.emplace_back(Decide(known->first.first, destination));
    row->push_back(known->second);
  }
}

std::vector<Decision> AdminTier::Decide(const std::vector<const Rule*>& rules, uint32_t destination) const {
  std::vector<Decision> out;
  PortSet left = PortSet::All();
  for (const Rule* rule : rules) {
    PortSet ports = rule->ports.At(facts_.Names(destination)).And(left);
    if (ports.empty()) continue;
    left = left.Without(ports);
    out.push_back({rule, std::move(ports)});
  }
  return out;
}

}  // namespace bulkhead::lint
