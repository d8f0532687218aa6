// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_rows.h"

namespace bulkhead::api {

FlowRow MakeFlowRow(const Names& names, const FlowRecord& flow, const Moment& now) {
  FlowRow row;
  row.from = names.Party(flow.source_identity);
  row.to = names.Party(flow.destination_identity);
  row.from_workload = names.WorkloadName(flow.source_slot, flow.source);
  row.to_workload = names.WorkloadName(flow.destination_slot, flow.destination);
  row.from_address = flow.source.ToString();
  row.to_address = flow.destination.ToString();
  row.from_port = flow.source_port;
  row.to_port = flow.destination_port;
  row.protocol = ProtocolName(flow.protocol);
  row.port = flow.service_port;
  row.verdict = VerdictName(flow.verdict);
  row.state = FlowStateName(flow.state);
  row.packets_to = flow.packets[0];
  row.packets_back = flow.packets[1];
  row.bytes_to = flow.bytes[0];
  row.bytes_back = flow.bytes[1];
  row.age_ms = AgeMs(now.boottime_ns, flow.first_seen);
  row.idle_ms = AgeMs(now.boottime_ns, flow.last_seen);
  row.rule = names.DecidingRule(flow.source_rule, flow.destination_rule, flow.verdict);
  row.egress_rule = names.RuleKey(flow.source_rule);
  row.ingress_rule = names.RuleKey(flow.destination_rule);
  return row;
}

}  // namespace bulkhead::api
