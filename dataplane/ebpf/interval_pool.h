// SPDX-License-Identifier: Apache-2.0
// IntervalPool: which stretch of bh_intervals holds which list, so that rulesets with equal lists share one. One thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_INTERVAL_POOL_H_
#define BULKHEAD_DATAPLANE_EBPF_INTERVAL_POOL_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "bulkhead/abi/policy.h"

namespace bulkhead {

class IntervalPool {
 public:
  // The first index of a stretch that holds the list. When there is none, one behind all others: the list is then added to `added`.
  uint32_t Place(const std::vector<bh_interval>& list, std::vector<bh_interval>& added) {
    if (list.empty()) return 0;
    std::string bytes(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(bh_interval));
    const auto [found, fresh] = first_.emplace(std::move(bytes), size_);
    if (fresh) {
      added.insert(added.end(), list.begin(), list.end());
      size_ += static_cast<uint32_t>(list.size());
    }
    return found->second;
  }
  // Intervals in use.
  uint32_t size() const { return size_; }
  // Forgets what was placed since there were that many.
  void Truncate(uint32_t size) {
    std::erase_if(first_, [size](const auto& entry) { return entry.second >= size; });
    size_ = size;
  }

 private:
  std::unordered_map<std::string, uint32_t> first_;  // by the bytes of the list
  uint32_t size_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_INTERVAL_POOL_H_
