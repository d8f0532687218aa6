// SPDX-License-Identifier: Apache-2.0
#include "bulkhead/api/learn.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {

absl::StatusOr<Response> GetReadiness(const Context& context, const Request& request) {
  const absl::StatusOr<std::vector<Readiness>> ready = context.service->ReadReadiness(request.Query(kScope));
  if (!ready.ok()) return ready.status();
  std::vector<ReadinessRow> rows;
  for (const Readiness& one : *ready) {
    ReadinessRow row;
    row.ns = one.ns;
    row.service = one.service;
    row.image = one.image_digest;
    row.hours = one.hours;
    row.edges = one.edges;
    row.review = one.review;
    row.seen_once = one.seen_once;
    row.first_seen_unix = one.first_seen;
    row.last_seen_unix = one.last_seen;
    row.last_new_unix = one.last_new;
    row.new_per_hour = one.new_per_hour;
    row.unseen_hours = one.unseen_hours;
    row.ready = one.missing.empty();
    row.missing = one.missing;
    rows.push_back(std::move(row));
  }
  return LinesResponse(std::move(rows));
}

absl::StatusOr<Response> GetReview(const Context& context, const Request& request) {
  const absl::StatusOr<Review> review = context.service->ReadReview(request.Query(kScope));
  if (!review.ok()) return review.status();
  std::vector<ReviewRow> rows;
  for (const ReviewItem& item : review->edges) {
    rows.push_back({"edge", item.edge, item.why, item.answered, item.would_denied, item.quarantined, item.clients, 0, 0, item.windows,
                    item.first_seen, item.last_seen});
  }
  for (const ScanReport& scan : review->scans) {
    rows.push_back({"scan", scan.source, scan.why, 0, 0, 0, 0, scan.contacts, scan.failures, scan.windows, scan.first_seen,
                    scan.last_seen});
  }
  return LinesResponse(std::move(rows));
}

absl::StatusOr<Response> PostDecision(const Context& context, const Request& request) {
  const absl::StatusOr<DecisionRequest> wanted = ParseWire<DecisionRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (absl::Status status = context.service->DecideEdge(wanted->edge, wanted->accept, request.user); !status.ok()) return status;
  return ObjectResponse(DecisionAnswer{wanted->edge, wanted->accept, request.user});
}

absl::StatusOr<Response> GetVersions(const Context& context, const Request& request) {
  const std::string service = request.Query(kService);
  const size_t slash = service.find('/');
  if (slash == std::string::npos) return absl::InvalidArgumentError("service: expected NAMESPACE/SERVICE");
  const absl::StatusOr<VersionDiff> diff = context.service->DiffVersions({service.substr(0, slash), service.substr(slash + 1)},
                                                                         request.Query(kFrom), request.Query(kTo));
  if (!diff.ok()) return diff.status();
  VersionDiffAnswer answer{diff->old_digest, diff->new_digest, {}};
  for (const VersionEdge& edge : diff->edges) {
    answer.edges.push_back(
        {EdgeChangeName(edge.change), edge.edge, edge.was, edge.answered, edge.first_seen, edge.last_seen});
  }
  return ObjectResponse(answer);
}

}  // namespace bulkhead::api
