// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/ledger.h"

#include <utility>

namespace bulkhead::reference {

void Ledger::Report(const bh_event& event) {
  if (events_.size() >= kMaxEvents) return Count(BH_COUNTER_EVENTS_LOST);
  events_.push_back(event);
}

bh_edge& Ledger::Seen(bh_edge& edge, uint64_t now) {
  if (edge.first_seen == 0) edge.first_seen = now;
  edge.last_seen = now;
  return edge;
}

std::deque<bh_event> Ledger::TakeEvents() { return std::exchange(events_, {}); }

}  // namespace bulkhead::reference
