// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/metric_families.h"

#include <limits>

namespace bulkhead::api {

using prometheus::MetricType;

Family::Family(Families* families, std::string name, std::string help, MetricType type)
    : family_(&families->emplace_back(prometheus::MetricFamily{std::move(name), std::move(help), type, {}})) {}

Family& Family::Add(MetricLabels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (family_->type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family_->metric.push_back(std::move(metric));
  return *this;
}

void AddGauge(Families* families, std::string name, std::string help, double value) {
  Family(families, std::move(name), std::move(help), MetricType::Gauge).Add({}, value);
}

void AddCounter(Families* families, std::string name, std::string help, double value) {
  Family(families, std::move(name), std::move(help), MetricType::Counter).Add({}, value);
}

void AddHistogram(Families* families, std::string name, std::string help, const Durations& durations) {
  prometheus::ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < durations.counts.size(); ++i) {
    count += durations.counts[i];
    const double bound = i < Durations::kBounds.size() ? Durations::kBounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, bound});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = durations.sum;
  families->push_back({std::move(name), std::move(help), MetricType::Histogram, {metric}});
}

}  // namespace bulkhead::api
