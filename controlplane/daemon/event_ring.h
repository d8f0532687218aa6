// SPDX-License-Identifier: Apache-2.0
// EventRing: the last events of the dataplane, numbered, in bounded memory.
//
// Thread safety: any thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EVENT_RING_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EVENT_RING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>

#include "bulkhead/abi/event.h"

namespace bulkhead {

class EventRing {
 public:
  explicit EventRing(size_t capacity) : capacity_(capacity) {}

  void Add(const bh_event& event);

  // Calls back for the events after number `after` that are still here, oldest first, until the callback returns false. Returns the
  // number of the last one that was handed over, or `after` if there was none. The lock is not held during the callbacks.
  uint64_t Read(uint64_t after, const std::function<bool(uint64_t sequence, const bh_event&)>& callback) const;

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<bh_event> events_;  // guarded by mutex_, as is last_
  uint64_t last_ = 0;            // number of events_.back()
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EVENT_RING_H_
