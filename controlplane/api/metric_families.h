// SPDX-License-Identifier: Apache-2.0
// What the daemon tells Prometheus: names and units by its conventions (base units, `_total` for what only rises). Each function adds the
// families of one subject. Thread safety: any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_METRIC_FAMILIES_H_
#define BULKHEAD_CONTROLPLANE_API_METRIC_FAMILIES_H_

#include <string>
#include <utility>
#include <vector>

#include "bulkhead/model/durations.h"
#include "controlplane/api/service.h"
#include "controlplane/api/view.h"
#include "prometheus/metric_family.h"

namespace bulkhead::api {

using Families = std::vector<prometheus::MetricFamily>;
using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

// A family, for its metrics to be added.
class Family {
 public:
  Family(Families* families, std::string name, std::string help, prometheus::MetricType type);
  Family& Add(MetricLabels labels, double value);

 private:
  prometheus::MetricFamily* const family_;  // until the next family is made
};

void AddGauge(Families* families, std::string name, std::string help, double value);
void AddCounter(Families* families, std::string name, std::string help, double value);
void AddHistogram(Families* families, std::string name, std::string help, const Durations& durations);

// metrics_dataplane.cc. counters: by index as in abi/event.h.
void AddVerdicts(const std::vector<uint64_t>& counters, Families* families);
void AddDataplaneTotals(const std::vector<uint64_t>& counters, Families* families);
void AddFlows(DaemonService* service, Families* families);
void AddTables(const View& view, DaemonService* service, Families* families);
absl::Status AddUplinks(const View& view, DaemonService* service, Families* families);
// metrics_control.cc
void AddControl(const View& view, const LoopLatency& loop, const std::string& version, Families* families);
void AddLearning(DaemonService* service, Families* families);
// metrics_process.cc: this process, by the names that every client library uses.
void AddProcess(Families* families);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_METRIC_FAMILIES_H_
