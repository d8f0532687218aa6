// SPDX-License-Identifier: Apache-2.0
// Counters of the dataplane as JSON, and everything that is counted as Prometheus text (text exposition format 0.0.4).
#include "bulkhead/abi/event.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/counters.h"
#include "controlplane/api/events.h"
#include "controlplane/api/metric_families.h"
#include "controlplane/api/resources.h"
#include "prometheus/text_serializer.h"

namespace bulkhead::api {
namespace {

absl::StatusOr<std::vector<uint64_t>> ReadAll(const Context& context) {
  absl::StatusOr<std::vector<uint64_t>> values = context.service->ReadCounters();
  if (values.ok()) values->resize(BH_COUNTER_COUNT);
  return values;
}

}  // namespace

absl::StatusOr<Response> GetCounters(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<std::vector<uint64_t>> values = ReadAll(context);
  if (!values.ok()) return values.status();
  Counters counters;
  for (unsigned reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
    const uint64_t denied = (*values)[reason * 3 + static_cast<unsigned>(Verdict::kDeny)];
    const uint64_t would_deny = (*values)[reason * 3 + static_cast<unsigned>(Verdict::kWouldDeny)];
    if (denied + would_deny > 0) counters.reasons.push_back({ReasonName(reason), ReasonText(reason), denied, would_deny});
  }
  for (const CounterTotal& total : kCounterTotals) counters.totals[total.name] = (*values)[total.index];
  return ObjectResponse(counters);
}

absl::StatusOr<Response> GetMetrics(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<std::vector<uint64_t>> values = ReadAll(context);
  if (!values.ok()) return values.status();
  const std::shared_ptr<const View> view = context.service->GetView();
  Families families;
  AddControl(*view, context.service->ReadLoopLatency(), context.version, &families);
  AddVerdicts(*values, &families);
  AddDataplaneTotals(*values, &families);
  AddFlows(context.service, &families);
  AddTables(*view, context.service, &families);
  if (absl::Status added = AddUplinks(*view, context.service, &families); !added.ok()) return added;
  AddLearning(context.service, &families);
  AddProcess(&families);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = prometheus::TextSerializer().Serialize(families);
  return response;
}

}  // namespace bulkhead::api
