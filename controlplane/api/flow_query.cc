// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_query.h"

#include <limits>

#include "bulkhead/api/paths.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {

bool FlowQuery::WantsParties(std::string_view from, std::string_view to) const {
  if (!ns.empty() && !IsPartyOf(from, ns) && !IsPartyOf(to, ns)) return false;
  return service.empty() || from == service || to == service;
}

bool FlowQuery::Wants(const FlowRow& row) const {
  if (!WantsParties(row.from, row.to)) return false;
  if (verdict && row.verdict != VerdictName(*verdict)) return false;
  return since_ms == 0 || row.idle_ms <= since_ms;
}

absl::StatusOr<FlowQuery> ParseFlowQuery(const Request& request) {
  FlowQuery query;
  query.ns = request.Query(kNamespace);
  query.service = request.Query(kService);
  const absl::StatusOr<std::optional<Verdict>> verdict = QueryVerdict(request);
  if (!verdict.ok()) return verdict.status();
  query.verdict = *verdict;
  const absl::StatusOr<uint64_t> since = QueryNumber(request, kSince, 0, std::numeric_limits<uint32_t>::max(), 0);
  if (!since.ok()) return since.status();
  query.since_ms = *since * 1000;
  const absl::StatusOr<uint64_t> last = QueryNumber(request, kLast, 1, kMaxLast, 0);
  if (!last.ok()) return last.status();
  query.last = *last;
  return query;
}

}  // namespace bulkhead::api
