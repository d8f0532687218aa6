// SPDX-License-Identifier: Apache-2.0
// EdgeDrain: carries what the dataplane has added up over to the learner.
//
// Thread safety: any thread; drains wait for each other, so that totals reach the learner in the order in which they were read.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_

#include <mutex>

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

  // `view`: whose identities name the edges.
  absl::Status Drain(const View& view);

 private:
  std::mutex mutex_;
  Backend* const backend_;
  Learner* const learner_;
  const Clock* const clock_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EDGE_DRAIN_H_
