// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/edge_drain.h"

#include <vector>

namespace bulkhead {

absl::Status EdgeDrain::Drain(const View& view) {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeRecord> edges;
  const LearnMoment now{static_cast<uint64_t>(clock_->UnixSeconds()), clock_->BoottimeNs()};
  absl::Status status = backend_->ReadEdges([&](const EdgeRecord& edge) {
    edges.push_back(edge);
    return true;
  });
  if (!status.ok()) return status;
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
