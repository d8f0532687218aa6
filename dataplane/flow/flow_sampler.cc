// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_sampler.h"

#include <tuple>

#include "dataplane/flow/flow_reader.h"

namespace bulkhead {
namespace {

bool IsLinked(const FlowEntry& entry) { return (BH_META_FLAGS(entry.flow.hot.meta) & BH_FLOW_LINKED) != 0; }

// Everything that a judgement writes.
auto VerdictOf(const FlowRecord& record) {
  return std::tie(record.source, record.destination, record.source_port, record.destination_port, record.protocol, record.zone,
                  record.source_identity, record.destination_identity, record.service_port, record.verdict, record.source_rule,
                  record.destination_rule, record.opened_ns, record.stamp, record.source_slot, record.destination_slot);
}

}  // namespace

bool FlowSampler::Stands(const Pick& pick) const {
  bool found = false;
  FlowCursor at{pick.group};
  tables_->ReadGroups(at, 1, [&](const FlowEntry& entry) {
    found = found || (!IsLinked(entry) && VerdictOf(DecodeFlow(entry, FlowTime())) == VerdictOf(pick.record));
  });
  return found;
}

// Each of n entries is kept with the chance most / n (reservoir sampling).
std::vector<FlowRecord> FlowSampler::Take(size_t most) {
  std::vector<Pick> picks;
  size_t seen = 0;
  for (uint64_t i = 0; i < kGroupsAtOnce && most > 0; ++i) {
    const uint64_t group = cursor_.group;
    const bool more = tables_->ReadGroups(cursor_, 1, [&](const FlowEntry& entry) {
      if (IsLinked(entry)) return;
      const size_t place = picks.size() < most ? picks.size() : std::uniform_int_distribution<size_t>(0, seen)(random_);
      ++seen;
      if (place >= most) return;
      if (place == picks.size()) picks.emplace_back();
      picks[place] = {group, DecodeFlow(entry, FlowTime())};
    });
    if (more) continue;
    cursor_ = FlowCursor();
    break;
  }
  std::vector<FlowRecord> out;
  for (const Pick& pick : picks) {
    if (Stands(pick)) out.push_back(pick.record);
  }
  return out;
}

}  // namespace bulkhead
