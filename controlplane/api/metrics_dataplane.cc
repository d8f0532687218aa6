// SPDX-License-Identifier: Apache-2.0
// What the dataplane did, and how full its tables are.
#include <map>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/api/counters.h"
#include "controlplane/api/events.h"
#include "controlplane/api/metric_families.h"

namespace bulkhead::api {

using prometheus::MetricType;

void AddVerdicts(const std::vector<uint64_t>& counters, Families* families) {
  const auto packets = [&counters](unsigned reason, Verdict verdict) {
    return static_cast<double>(counters[reason * 3 + static_cast<unsigned>(verdict)]);
  };
  double denied = 0, would_deny = 0;
  for (unsigned reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
    denied += packets(reason, Verdict::kDeny);
    would_deny += packets(reason, Verdict::kWouldDeny);
  }
  Family(families, "bulkhead_verdicts_total", "Packets that were judged, those of established flows left out, by verdict.",
         MetricType::Counter)
      .Add({{"verdict", "allow"}}, packets(BH_REASON_NONE, Verdict::kAllow))
      .Add({{"verdict", "deny"}}, denied)
      .Add({{"verdict", "would-deny"}}, would_deny);
  Family dropped(families, "bulkhead_dropped_packets_total", "Packets dropped, by reason.", MetricType::Counter);
  for (unsigned reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
    dropped.Add({{"reason", ReasonName(reason)}}, packets(reason, Verdict::kDeny));
  }
  Family passed(families, "bulkhead_would_drop_packets_total", "Packets that only a mode let pass, by reason.", MetricType::Counter);
  for (unsigned reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
    passed.Add({{"reason", ReasonName(reason)}}, packets(reason, Verdict::kWouldDeny));
  }
}

void AddDataplaneTotals(const std::vector<uint64_t>& counters, Families* families) {
  for (const CounterTotal& total : kCounterTotals) {
    AddCounter(families, absl::StrCat("bulkhead_", total.name, "_total"), total.help, static_cast<double>(counters[total.index]));
  }
}

void AddFlows(DaemonService* service, Families* families) {
  std::map<std::string, uint64_t> by_state;
  for (const FlowState state : {FlowState::kUnanswered, FlowState::kEstablished, FlowState::kClosing, FlowState::kClosed}) {
    by_state[FlowStateName(state)] = 0;
  }
  const absl::Status read = service->ReadFlows([&by_state](const FlowRecord& flow) {
    if (!flow.expired) ++by_state[FlowStateName(flow.state)];
    return true;
  });
  if (!read.ok()) return;
  Family flows(families, "bulkhead_flows", "Flows in the flow tables, by state.", MetricType::Gauge);
  for (const auto& [state, count] : by_state) flows.Add({{"state", state}}, static_cast<double>(count));
}

void AddTables(const View& view, DaemonService* service, Families* families) {
  absl::StatusOr<std::vector<TableFill>> tables = service->ReadTables();
  if (!tables.ok()) tables.emplace();
  tables->push_back({"subjects", view.policy_size.subjects, BH_MAX_SUBJECTS});
  tables->push_back({"rulesets", view.policy_size.rulesets, BH_MAX_RULESETS});
  Family used(families, "bulkhead_table_entries", "Entries that a table of the dataplane holds.", MetricType::Gauge);
  for (const TableFill& table : *tables) used.Add({{"table", table.table}}, static_cast<double>(table.used));
  Family capacity(families, "bulkhead_table_max_entries", "Entries that a table of the dataplane has room for.", MetricType::Gauge);
  for (const TableFill& table : *tables) capacity.Add({{"table", table.table}}, static_cast<double>(table.capacity));
}

absl::Status AddUplinks(const View& view, DaemonService* service, Families* families) {
  if (view.uplinks.empty()) return absl::OkStatus();
  absl::StatusOr<std::map<uint32_t, uint64_t>> drops = service->ReadUplinkDrops();
  if (!drops.ok()) return drops.status();
  Family family(families, "bulkhead_uplink_dropped_packets_total", "Packets that uplinks dropped, for whatever reason.",
                MetricType::Counter);
  for (const UplinkView& uplink : view.uplinks) family.Add({{"uplink", uplink.name}}, static_cast<double>((*drops)[uplink.ifindex]));
  return absl::OkStatus();
}

}  // namespace bulkhead::api
