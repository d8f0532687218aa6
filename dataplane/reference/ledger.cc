// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/ledger.h"

#include <algorithm>
#include <utility>

namespace bulkhead::reference {

void Ledger::Report(const bh_event& event) {
  if (mute_) return Count(BH_COUNTER_EVENTS_LIMITED);
  if (events_.size() >= kMaxEvents) return Count(BH_COUNTER_EVENTS_LOST);
  events_.push_back(event);
}

void Ledger::Answer(const bh_dns_answer& answer) {
  if (mute_answers_ || answers_.size() >= kMaxEvents) return Count(BH_COUNTER_DNS_LOST);
  answers_.push_back(answer);
}

void Ledger::RulesJudged(const Ruling& ruling) {
  const auto count = [&](uint32_t rule, bool denies) {
    const bool drops = ruling.verdict == Verdict::kDeny;
    if (!denies && drops) return;  // the other side's doing
    RuleCounts& counts = rules_[rule];
    ++(!denies ? counts.flows : drops ? counts.denied : counts.would_deny);
  };
  if (ruling.source_rule == ruling.destination_rule)
    return count(ruling.source_rule, ruling.source_denies || ruling.destination_denies);
  count(ruling.source_rule, ruling.source_denies);
  count(ruling.destination_rule, ruling.destination_denies);
}

bh_edge& Ledger::Seen(bh_edge& edge, const Ends& ends, uint64_t now) {
  if (edge.first_seen == 0) edge.first_seen = now;
  edge.last_seen = now;
  if (ends.source != 0) edge.workloads[0] |= bh_workload_bit(ends.source);
  if (ends.destination != 0) edge.workloads[1] |= bh_workload_bit(ends.destination);
  return edge;
}

std::map<EdgeKey, bh_edge> Ledger::TakeIdle(uint64_t seen_before, uint64_t unanswered_before) {
  std::map<EdgeKey, bh_edge> out;
  std::erase_if(edges_, [&](const auto& edge) {
    const uint64_t before = edge.second.answered == 0 ? std::max(seen_before, unanswered_before) : seen_before;
    const bool idle = edge.first.peer.IsUnspecified() && edge.second.last_seen < before;
    return idle && out.insert(edge).second;
  });
  return out;
}

std::deque<bh_event> Ledger::TakeEvents() { return std::exchange(events_, {}); }

}  // namespace bulkhead::reference
