// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/event_ring.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace bulkhead {
namespace {

constexpr size_t kChunk = 1024;  // events that are copied under the lock at once

}  // namespace

void EventRing::Add(const bh_event& event) {
  const std::lock_guard lock(mutex_);
  if (events_.size() == capacity_) events_.pop_front();
  events_.push_back(event);
  ++last_;
}

uint64_t EventRing::Read(uint64_t after, const std::function<bool(uint64_t, const bh_event&)>& callback) const {
  while (true) {
    std::vector<std::pair<uint64_t, bh_event>> chunk;
    {
      const std::lock_guard lock(mutex_);
      const uint64_t first = last_ - events_.size() + 1;
      // A number from before a restart of the daemon may be larger than ours.
      const uint64_t from = std::max(first, after > last_ ? last_ + 1 : after + 1);
      for (uint64_t n = from; n <= last_ && chunk.size() < kChunk; ++n) chunk.emplace_back(n, events_[n - first]);
      if (chunk.empty() && after > last_) return last_;
    }
    if (chunk.empty()) return after;
    for (const auto& [number, event] : chunk) {
      after = number;
      if (!callback(number, event)) return after;
    }
  }
}

}  // namespace bulkhead
