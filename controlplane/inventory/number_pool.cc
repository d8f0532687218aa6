// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/number_pool.h"

#include <algorithm>

namespace bulkhead {

std::optional<uint16_t> NumberPool::Allocate(uint64_t now) {
  while (next_ <= last_) {
    const auto number = static_cast<uint16_t>(next_++);
    if (taken_.erase(number) > 0) continue;
    used_.insert(number);
    return number;
  }
  if (resting_.empty() || now - resting_.front().first < rest_) return std::nullopt;
  const uint16_t number = resting_.front().second;
  resting_.pop_front();
  used_.insert(number);
  return number;
}

bool NumberPool::Take(uint16_t number) {
  if (number < first_ || number > last_) return false;
  const auto at = std::find_if(resting_.begin(), resting_.end(), [&](const auto& entry) { return entry.second == number; });
  if (at != resting_.end()) resting_.erase(at);
  if (!used_.insert(number).second) return false;
  if (number >= next_) taken_.insert(number);
  return true;
}

void NumberPool::Release(uint16_t number, uint64_t now) {
  if (used_.erase(number) == 0) return;
  resting_.emplace_back(now, number);
}

}  // namespace bulkhead
