// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/edge_drain.h"

#include <algorithm>
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
  const Learner::IdentityLookup lookup = [&](IdentityId id) -> const Identity* {
    const auto at = view.identities.find(id);
    return at == view.identities.end() ? nullptr : &at->second;
  };
  if (status = learner_->Record(edges, lookup, now).status(); !status.ok()) return status;
  const auto inside = std::count_if(edges.begin(), edges.end(), [](const EdgeRecord& edge) { return edge.peer.IsUnspecified(); });
  return static_cast<size_t>(inside) > crowded_ ? MakeRoom(lookup, now) : absl::OkStatus();
}

// What came since the edges were read is in what is taken, so that nothing is lost.
absl::Status EdgeDrain::MakeRoom(const Learner::IdentityLookup& lookup, const LearnMoment& now) {
  if (now.edge_clock_ns < kIdle) return absl::OkStatus();
  std::vector<EdgeRecord> taken;
  const absl::Status status =
      backend_->TakeIdleEdges(now.edge_clock_ns - kIdle, [&](const EdgeRecord& edge) { taken.push_back(edge); });
  const absl::Status written = learner_->Record(taken, lookup, now).status();
  return status.ok() ? written : status;
}

}  // namespace bulkhead
