// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/edge_drain.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

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
  std::vector<EdgeRecord> taken;
  const uint64_t idle = now.edge_clock_ns > kIdle ? now.edge_clock_ns - kIdle : 0;
  const absl::Status status = backend_->TakeIdleEdges(idle, UINT64_MAX, [&](const EdgeRecord& edge) { taken.push_back(edge); });
  const absl::Status written = learner_->Record(taken, lookup, now).status();
  return status.ok() ? written : status;
}

absl::Status EdgeDrain::Lost() {
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<std::vector<uint64_t>> counters = backend_->ReadCounters();
  if (!counters.ok()) return counters.status();
  const uint64_t counted = (*counters)[BH_COUNTER_EDGES_LOST];
  const uint64_t now = clock_->BoottimeNs();
  if (lost_ > 0 && now - lost_at_ > kTold) lost_ = 0;
  if (counted_ && counted > *counted_) {
    lost_ += counted - *counted_;
    lost_at_ = now;
  }
  counted_ = counted;
  if (lost_ == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the table of edges was full ", lost_, " times within ", kTold / 60'000'000'000,
                                                   " minutes: what is not in it is not learned"));
}

}  // namespace bulkhead
