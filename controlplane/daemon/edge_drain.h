// SPDX-License-Identifier: Apache-2.0
// EdgeDrain: carries what the dataplane has added up over to the learner, and keeps room there: where many edges are, those that
// have been idle for long are taken out once they are written down, and those that were never answered however young they are, so
// that nobody's port scan takes the room of others for long.
//
// Thread safety: any thread; drains wait for each other, so that totals reach the learner in the order in which they were read.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/learner.h"
#include "dataplane/backend.h"
#include "dataplane/kernel/clock.h"

namespace bulkhead {

class EdgeDrain {
 public:
  static constexpr uint64_t kIdle = 600'000'000'000;  // ns
  static constexpr uint64_t kTold = 600'000'000'000;  // ns; so long it is told that edges were lost
  // Half of what the dataplane has room for (bpf/maps.h). Edges are between identities, and each version of an image is another.
  static constexpr size_t kCrowded = 32768;

  // All must outlive it. crowded: with more edges than that, between workloads, some are taken out.
  EdgeDrain(Backend* backend, Learner* learner, const Clock* clock, size_t crowded = kCrowded)
      : backend_(backend), learner_(learner), clock_(clock), crowded_(crowded) {}

  // `view`: whose identities name the edges. fresh: gets the identities of both ends of the edges that were made since the last drain;
  // may be null.
  absl::Status Drain(const View& view, std::set<IdentityId>* fresh = nullptr);
  // kResourceExhausted: edges between workloads have found no room lately, so that learning does not know of them.
  absl::Status Lost();
  // On the clocks that edges are recorded by.
  LearnMoment Now() const { return {static_cast<uint64_t>(clock_->UnixSeconds()), clock_->BoottimeNs()}; }

 private:
  absl::Status MakeRoom(const Learner::IdentityLookup& lookup, const LearnMoment& now);

  std::mutex mutex_;
  Backend* const backend_;
  Learner* const learner_;
  const Clock* const clock_;
  const size_t crowded_;
  std::optional<uint64_t> counted_;  // edges lost, as the dataplane counts them; guarded by mutex_
  uint64_t lost_ = 0;                // of them since there was none for kTold; guarded by mutex_
  uint64_t lost_at_ = 0;             // the last one, on the edges' clock; guarded by mutex_
  uint64_t drained_at_ = 0;  // the last time, on the edges' clock; guarded by mutex_
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
