// SPDX-License-Identifier: Apache-2.0
// Counters of the dataplane, as JSON and as Prometheus text (the text exposition format 0.0.4).
#include "absl/strings/str_cat.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/events.h"
#include "controlplane/api/protection.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

struct Total {
  unsigned index;
  const char* name;
  const char* help;
};
constexpr Total kTotals[] = {
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
    {BH_COUNTER_FLOWS_DISPLACED, "flows_displaced", "Flows that gave way to others."},
    {BH_COUNTER_CAPTURES_LOST, "captures_lost", "Packets that a capture wanted and did not get."},
    {BH_COUNTER_DNS_LOST, "dns_answers_lost", "DNS answers to workloads that were not looked at."},
};

absl::StatusOr<Counters> ReadCounters(const Context& context) {
  absl::StatusOr<std::vector<uint64_t>> values = context.service->ReadCounters();
  if (!values.ok()) return values.status();
  values->resize(BH_COUNTER_COUNT);
  Counters counters;
  for (unsigned reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
    const uint64_t denied = (*values)[reason * 3 + static_cast<unsigned>(Verdict::kDeny)];
    const uint64_t would_deny = (*values)[reason * 3 + static_cast<unsigned>(Verdict::kWouldDeny)];
    if (denied + would_deny > 0) counters.reasons.push_back({ReasonName(reason), ReasonText(reason), denied, would_deny});
  }
  for (const Total& total : kTotals) counters.totals[total.name] = (*values)[total.index];
  return counters;
}

void Head(std::string* out, const std::string& name, const char* type, const char* help) {
  absl::StrAppend(out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

std::string Escape(std::string_view label) {
  std::string out;
  for (const char c : label) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

void AddView(const View& view, std::string* out) {
  Head(out, "bulkhead_generation", "gauge", "Generation of the policy in force.");
  absl::StrAppend(out, "bulkhead_generation ", view.generation, "\n");
  std::map<std::string, uint64_t> by_state = {{"attaching", 0}, {"no network", 0}, {"protected", 0}, {"unprotected", 0}};
  for (const auto& [key, protection] : ProtectionOf(view)) ++by_state[protection.state];
  Head(out, "bulkhead_workloads", "gauge", "Workloads by protection.");
  for (const auto& [state, count] : by_state) absl::StrAppend(out, "bulkhead_workloads{state=\"", state, "\"} ", count, "\n");
  Head(out, "bulkhead_source_synced", "gauge", "Whether the source of workloads is in sync.");
  for (const SourceStatus& source : view.sources) {
    absl::StrAppend(out, "bulkhead_source_synced{source=\"", Escape(source.name), "\"} ", source.state == "synced" ? 1 : 0, "\n");
  }
  uint64_t errors = 0;
  for (const PolicyFileStatus& file : view.policy_files) errors += file.errors.size();
  Head(out, "bulkhead_policy_errors", "gauge", "Errors in policy files.");
  absl::StrAppend(out, "bulkhead_policy_errors ", errors, "\n");
}

void AddGuard(const GuardView& guard, std::string* out) {
  const auto add = [out](const std::string& name, const char* type, const char* help, uint64_t value) {
    Head(out, name, type, help);
    absl::StrAppend(out, name, " ", value, "\n");
  };
  add("bulkhead_guard_on", "gauge", "Whether the guard drops what no program of the dataplane holds.", guard.state == "on" ? 1 : 0);
  add("bulkhead_guard_managed_interfaces", "gauge", "Interfaces that the guard lets through since programs are on them.", guard.managed);
  add("bulkhead_guard_exempt_interfaces", "gauge", "Interfaces, and beginnings of names, that it lets through in any case.", guard.exempt);
  add("bulkhead_guard_restored_total", "counter", "Times that it was put back after somebody had changed it.", guard.restored);
  const std::string name = "bulkhead_guard_dropped_packets_total";
  Head(out, name, "counter", "Packets that it dropped, sent by unmanaged interfaces or for them.");
  absl::StrAppend(out, name, "{direction=\"from\"} ", guard.dropped_from, "\n", name, "{direction=\"to\"} ", guard.dropped_to, "\n");
}

absl::Status AddUplinkDrops(const Context& context, const View& view, std::string* out) {
  if (view.uplinks.empty()) return absl::OkStatus();
  absl::StatusOr<std::map<uint32_t, uint64_t>> drops = context.service->ReadUplinkDrops();
  if (!drops.ok()) return drops.status();
  const std::string name = "bulkhead_uplink_dropped_packets_total";
  Head(out, name, "counter", "Packets that uplinks dropped, for whatever reason.");
  for (const UplinkView& uplink : view.uplinks) {
    absl::StrAppend(out, name, "{uplink=\"", Escape(uplink.name), "\"} ", (*drops)[uplink.ifindex], "\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Response> GetCounters(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<Counters> counters = ReadCounters(context);
  if (!counters.ok()) return counters.status();
  return ObjectResponse(*counters);
}

absl::StatusOr<Response> GetMetrics(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<Counters> counters = ReadCounters(context);
  if (!counters.ok()) return counters.status();
  Response response;
  response.content_type = "text/plain; version=0.0.4";
  const std::shared_ptr<const View> view = context.service->GetView();
  AddView(*view, &response.body);
  AddGuard(view->guard, &response.body);
  if (absl::Status added = AddUplinkDrops(context, *view, &response.body); !added.ok()) return added;
  const std::string dropped = "bulkhead_denied_packets_total";
  Head(&response.body, dropped, "counter", "Packets denied, or that would have been, by reason.");
  for (const ReasonCounter& reason : counters->reasons) {
    absl::StrAppend(&response.body, dropped, "{reason=\"", reason.reason, "\",verdict=\"deny\"} ", reason.denied, "\n");
    absl::StrAppend(&response.body, dropped, "{reason=\"", reason.reason, "\",verdict=\"would-deny\"} ", reason.would_deny, "\n");
  }
  for (const Total& total : kTotals) {
    const std::string name = absl::StrCat("bulkhead_", total.name, "_total");
    Head(&response.body, name, "counter", total.help);
    absl::StrAppend(&response.body, name, " ", counters->totals.at(total.name), "\n");
  }
  return response;
}

}  // namespace bulkhead::api
