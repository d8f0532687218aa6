// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "bulkhead/api/change.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

EdgeRow MakeRow(const LearnedEdge& edge) {
  EdgeRow row;
  row.from = PartyName(edge.source_ns, edge.source_service);
  row.to = PartyName(edge.destination_ns, edge.destination_service);
  row.protocol = ProtocolName(edge.edge.protocol);
  row.port = edge.edge.port;
  row.verdict = VerdictName(edge.edge.verdict);
  if (!edge.edge.peer.IsUnspecified()) row.peer = edge.edge.peer.ToString();
  row.flows = edge.edge.flows;
  row.answered = edge.edge.answered;
  row.denied = edge.edge.denied;
  row.first_seen_unix = edge.first_seen_unix;
  row.last_seen_unix = edge.last_seen_unix;
  return row;
}

}  // namespace

absl::StatusOr<Response> GetEdges(const Context& context, const Request& request) {
  const absl::StatusOr<std::optional<Verdict>> verdict = QueryVerdict(request);
  if (!verdict.ok()) return verdict.status();
  const absl::StatusOr<uint64_t> since = QueryNumber(request, kSince, 0, std::numeric_limits<uint32_t>::max(), 0);
  if (!since.ok()) return since.status();
  const absl::StatusOr<std::vector<LearnedEdge>> edges = context.service->ReadEdges();
  if (!edges.ok()) return edges.status();
  const std::string ns = request.Query(kNamespace);
  const uint64_t now = Moment::Now().unix_ms / 1000;
  std::vector<EdgeRow> rows;
  for (const LearnedEdge& edge : *edges) {
    if (!ns.empty() && edge.source_ns != ns && edge.destination_ns != ns) continue;
    if (*verdict && edge.edge.verdict != **verdict) continue;
    if (*since != 0 && edge.last_seen_unix + *since < now) continue;
    rows.push_back(MakeRow(edge));
  }
  return LinesResponse(std::move(rows));
}

absl::StatusOr<Response> GetProposals(const Context& context, const Request& request) {
  const absl::StatusOr<std::vector<Proposal>> proposals = context.service->Propose(request.Query(kScope));
  if (!proposals.ok()) return proposals.status();
  std::vector<ProposalRow> rows;
  for (const Proposal& proposal : *proposals) {
    rows.push_back(
        {proposal.ns, proposal.service, proposal.yaml, proposal.answered_flows, proposal.covered_flows, proposal.set_aside});
  }
  return LinesResponse(std::move(rows));
}

}  // namespace bulkhead::api
