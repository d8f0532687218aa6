// SPDX-License-Identifier: Apache-2.0
// NumberPool: hands out small numbers (slots, zones) and takes them back. A number that came back rests before it is given out again,
// because packets and cached flows may carry it a while longer; and among those at rest the longest resting goes first.
//
// Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_INVENTORY_NUMBER_POOL_H_
#define BULKHEAD_CONTROLPLANE_INVENTORY_NUMBER_POOL_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>

namespace bulkhead {

class NumberPool {
 public:
  // Numbers first..last; rest in the caller's unit of time.
  NumberPool(uint16_t first, uint16_t last, uint64_t rest) : first_(first), next_(first), last_(last), rest_(rest) {}

  // nullopt: all are in use or at rest.
  std::optional<uint16_t> Allocate(uint64_t now);

  // Marks a number that is in use already; false: it is not free.
  bool Take(uint16_t number);

  // A number that is not in use is ignored.
  void Release(uint16_t number, uint64_t now);

 private:
  uint32_t first_;
  uint32_t next_;  // those from here on were never given out, unless taken
  uint32_t last_;
  uint64_t rest_;
  std::set<uint16_t> used_;
  std::set<uint16_t> taken_;  // of those from next_ on: in use or at rest, so passed over
  std::deque<std::pair<uint64_t, uint16_t>> resting_;  // since when, number
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_INVENTORY_NUMBER_POOL_H_
