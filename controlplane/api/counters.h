// SPDX-License-Identifier: Apache-2.0
// The dataplane's counters that are no reason's, with the names that JSON and Prometheus give them. Constants.
#ifndef BULKHEAD_CONTROLPLANE_API_COUNTERS_H_
#define BULKHEAD_CONTROLPLANE_API_COUNTERS_H_

#include "bulkhead/abi/event.h"

namespace bulkhead::api {

struct CounterTotal {
  unsigned index;
  const char* name;
  const char* help;
};

inline constexpr CounterTotal kCounterTotals[] = {
    {0, "slow_path_passed", "Packets that passed and were no established flow's."},
    {BH_COUNTER_FLOWS_CREATED, "flows_created", "Flows created."},
    {BH_COUNTER_FLOWS_ANSWERED, "flows_answered", "Flows that got their first answer."},
    {BH_COUNTER_FLOWS_REVALIDATED, "flows_revalidated", "Flows judged again after a change."},
    {BH_COUNTER_FLOWS_REVOKED, "flows_revoked", "Flows denied when they were judged again."},
    {BH_COUNTER_FLOWS_FAILED, "flows_failed", "Flows that found no room in the table."},
    {BH_COUNTER_FLOWS_DISPLACED, "flows_displaced", "Flows that gave way to others: unanswered, over a quota, or expired."},
    {BH_COUNTER_EDGES_LOST, "edges_lost", "Edges that found no room in the table."},
    {BH_COUNTER_EVENTS_LOST, "events_lost", "Events that found the ring full."},
    {BH_COUNTER_EVENTS_LIMITED, "events_limited", "Events over the rate."},
    {BH_COUNTER_MIDSTREAM, "flows_midstream", "Flows picked up without their first packet."},
    {BH_COUNTER_FLOWS_FAST, "flows_fast", "Flows created as fit for the way past the bridge."},
    {BH_COUNTER_CAPTURES_LOST, "captures_lost", "Packets that a capture wanted and did not get."},
    {BH_COUNTER_DNS_LOST, "dns_answers_lost", "DNS answers to workloads that were not looked at."},
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_COUNTERS_H_
