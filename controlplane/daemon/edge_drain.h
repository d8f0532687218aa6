// SPDX-License-Identifier: Apache-2.0
// EdgeDrain: carries what the dataplane has added up over to the learner.
//
// Thread safety: any thread; drains wait for each other, so that totals reach the learner in the order in which they were read.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_

#include <cstdint>
#include <mutex>
#include <set>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/learner.h"
#include "dataplane/backend.h"
#include "dataplane/kernel/clock.h"

namespace bulkhead {

class EdgeDrain {
 public:
  // All must outlive it.
  EdgeDrain(Backend* backend, Learner* learner, const Clock* clock) : backend_(backend), learner_(learner), clock_(clock) {}

  // `view`: whose identities name the edges. fresh: gets the identities of both ends of the edges that were made since the last drain;
  // may be null.
  absl::Status Drain(const View& view, std::set<IdentityId>* fresh = nullptr);
  // On the clocks that edges are recorded by.
  LearnMoment Now() const { return {static_cast<uint64_t>(clock_->UnixSeconds()), clock_->BoottimeNs()}; }

 private:
  std::mutex mutex_;
  Backend* const backend_;
  Learner* const learner_;
  const Clock* const clock_;
  uint64_t drained_at_ = 0;  // the last time, on the edges' clock; guarded by mutex_
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
