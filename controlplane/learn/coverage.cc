// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/coverage.h"

#include <memory>
#include <set>
#include <utility>

#include "controlplane/learn/evidence_judge.h"

namespace bulkhead::learn {

absl::StatusOr<std::map<ServiceName, Coverage>> Cover(const Evidence& evidence, const std::vector<Policy>& policies,
                                                      const View& view) {
  auto documents = std::make_shared<PolicyDocuments>();
  documents->policies = policies;
  const absl::StatusOr<EvidenceJudge> judge = EvidenceJudge::Make(evidence, std::move(documents), view, PolicyOptions{});
  if (!judge.ok()) return judge.status();
  std::map<ServiceName, Coverage> out;
  for (const Edge& edge : evidence.edges) {
    if (edge.answered == 0 || edge.verdict == Verdict::kDeny) continue;
    const bool permitted = judge->Ask(edge.source, edge.destination, edge.protocol, edge.port, edge.peer).allow;
    std::set<ServiceName> services;
    for (const size_t side : {edge.source, edge.destination}) {
      if (evidence.parties[side].IsService()) services.insert(evidence.parties[side].Name());
    }
    for (const ServiceName& service : services) {
      out[service].answered += edge.answered;
      if (permitted) out[service].covered += edge.answered;
    }
  }
  return out;
}

}  // namespace bulkhead::learn
