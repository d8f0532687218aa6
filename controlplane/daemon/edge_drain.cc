// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/edge_drain.h"

#include <vector>

namespace bulkhead {

absl::Status EdgeDrain::Drain(const View& view, std::set<IdentityId>* fresh) {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeRecord> edges;
  const LearnMoment now = Now();
  absl::Status status = backend_->ReadEdges([&](const EdgeRecord& edge) {
    edges.push_back(edge);
    if (fresh != nullptr && edge.first_seen >= drained_at_) fresh->insert({edge.source_identity, edge.destination_identity});
    return true;
  });
  if (!status.ok()) return status;
  drained_at_ = now.edge_clock_ns;
  return learner_
      ->Record(edges,
               [&](IdentityId id) -> const Identity* {
                 const auto at = view.identities.find(id);
                 return at == view.identities.end() ? nullptr : &at->second;
               },
               now)
      .status();
}

}  // namespace bulkhead
