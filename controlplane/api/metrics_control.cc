// SPDX-License-Identifier: Apache-2.0
// How the control plane does: policy, workloads, sources, the self-check, learning.
#include <limits>
#include <map>

#include "controlplane/api/metric_families.h"
#include "controlplane/api/protection.h"

namespace bulkhead::api {
namespace {

using prometheus::MetricType;

void AddPolicy(const View& view, Families* families) {
  AddGauge(families, "bulkhead_policy_generation", "Generation of the policy in force.", static_cast<double>(view.generation));
  AddGauge(families, "bulkhead_policy_epoch", "Epoch of the verdicts that are in force.", static_cast<double>(view.epoch));
  AddGauge(families, "bulkhead_policies", "Policies in force.",
           view.documents == nullptr ? 0 : static_cast<double>(view.documents->policies.size()));
  AddGauge(families, "bulkhead_policy_rules", "Rules of the policy in force.", static_cast<double>(view.policy_size.rules));
  AddGauge(families, "bulkhead_policy_classes", "Classes that the policy in force tells apart.",
           static_cast<double>(view.policy_size.classes));
  AddGauge(families, "bulkhead_policy_rows", "Classes that live on this host.", static_cast<double>(view.policy_size.rows));
  uint64_t errors = 0;
  for (const PolicyFileStatus& file : view.policy_files) errors += file.errors.size();
  AddGauge(families, "bulkhead_policy_errors", "Errors in policy files.", static_cast<double>(errors));
  AddGauge(families, "bulkhead_problems", "Problems that status lists.", static_cast<double>(view.problems.size()));
  AddHistogram(families, "bulkhead_policy_compile_duration_seconds", "Time to compile a policy and to publish it.",
               view.durations.policy_compile);
  AddHistogram(families, "bulkhead_source_event_duration_seconds",
               "Time from an engine's event to the dataplane that follows from it.", view.durations.source_event);
}

void AddWorkloads(const View& view, Families* families) {
  std::map<std::string, uint64_t> by_state = {{"attaching", 0}, {"no network", 0}, {"protected", 0}, {"unprotected", 0}};
  for (const auto& [key, protection] : ProtectionOf(view)) ++by_state[protection.state];
  AddGauge(families, "bulkhead_identities", "Identities that are remembered.", static_cast<double>(view.identities.size()));
  Family workloads(families, "bulkhead_workloads", "Workloads, by protection.", MetricType::Gauge);
  for (const auto& [state, count] : by_state) workloads.Add({{"state", state}}, static_cast<double>(count));
  Family synced(families, "bulkhead_source_synced", "Whether the source of workloads is in sync.", MetricType::Gauge);
  for (const SourceStatus& source : view.sources) synced.Add({{"source", source.name}}, source.state == "synced" ? 1 : 0);
  Family known(families, "bulkhead_source_workloads", "Workloads that a source reports.", MetricType::Gauge);
  for (const SourceStatus& source : view.sources) known.Add({{"source", source.name}}, static_cast<double>(source.workloads));
}

void AddSelfCheck(const SelfCheckView& check, Families* families) {
  if (!check.on) return;
  Family(families, "bulkhead_self_check_verdicts_total",
         "Verdicts of the dataplane that were judged a second time, by what came of it.", MetricType::Counter)
      .Add({{"result", "agrees"}}, static_cast<double>(check.checked - check.disagreements))
      .Add({{"result", "disagrees"}}, static_cast<double>(check.disagreements));
  Family skipped(families, "bulkhead_self_check_skipped_total", "Verdicts that could not be compared, and why.",
                 MetricType::Counter);
  for (const auto& [why, count] : check.skipped) skipped.Add({{"reason", why}}, static_cast<double>(count));
}

void AddGuard(const GuardView& guard, Families* families) {
  AddGauge(families, "bulkhead_guard_on", "Whether the guard drops what no program of the dataplane holds.",
           guard.state == "on" ? 1 : 0);
  AddGauge(families, "bulkhead_guard_managed_interfaces", "Interfaces that the guard lets through since programs are on them.",
           static_cast<double>(guard.managed));
  AddGauge(families, "bulkhead_guard_exempt_interfaces", "Interfaces, and beginnings of names, that it lets through in any case.",
           static_cast<double>(guard.exempt));
  AddCounter(families, "bulkhead_guard_restored_total", "Times that it was put back after somebody had changed it.",
             static_cast<double>(guard.restored));
  Family(families, "bulkhead_guard_dropped_packets_total", "Packets that it dropped, sent by unmanaged interfaces or for them.",
         MetricType::Counter)
      .Add({{"direction", "from"}}, static_cast<double>(guard.dropped_from))
      .Add({{"direction", "to"}}, static_cast<double>(guard.dropped_to));
}

void AddLoop(const LoopLatency& loop, Families* families) {
  prometheus::ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < loop.rounds.size(); ++i) {
    count += loop.rounds[i];
    const bool last = i == LoopLatency::kBoundsUs.size();
    metric.histogram.bucket.push_back(
        {count, last ? std::numeric_limits<double>::infinity() : static_cast<double>(LoopLatency::kBoundsUs[i]) / 1e6});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = static_cast<double>(loop.total_ns) / 1e9;
  families->push_back(
      {"bulkhead_control_round_duration_seconds", "Time that a round of the control loop took.", MetricType::Histogram, {metric}});
  Family late(families, "bulkhead_control_late_rounds_total", "Rounds of over 100 ms, by what took most of each.",
              MetricType::Counter);
  for (const auto& [handler, times] : loop.late_by) late.Add({{"handler", handler}}, static_cast<double>(times));
}

}  // namespace

void AddControl(const View& view, const LoopLatency& loop, const std::string& version, Families* families) {
  Family(families, "bulkhead_build_info", "Always 1; which build runs.", MetricType::Gauge).Add({{"version", version}}, 1);
  AddPolicy(view, families);
  AddWorkloads(view, families);
  AddGuard(view.guard, families);
  AddLoop(loop, families);
  AddSelfCheck(view.self_check, families);
}

void AddLearning(DaemonService* service, Families* families) {
  AddGauge(families, "bulkhead_state_size_bytes", "Size of the daemon's databases.", static_cast<double>(service->StateBytes()));
  const absl::StatusOr<LearnProgress> progress = service->ReadLearnProgress();
  if (!progress.ok()) return;
  AddGauge(families, "bulkhead_learn_edges", "Learned edges that support a rule.", static_cast<double>(progress->edges));
  AddGauge(families, "bulkhead_learn_versions", "Versions of services that were observed.",
           static_cast<double>(progress->versions));
  AddGauge(families, "bulkhead_learn_ready_versions", "Versions of services that are ready for a stricter mode.",
           static_cast<double>(progress->ready));
  AddGauge(families, "bulkhead_learn_waiting_edges", "Learned edges that wait for a decision.",
           static_cast<double>(progress->waiting));
  AddGauge(families, "bulkhead_learn_quarantined_sources", "Sources that scanned, and teach nothing.",
           static_cast<double>(progress->quarantined));
}

}  // namespace bulkhead::api
