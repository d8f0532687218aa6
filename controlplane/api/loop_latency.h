// SPDX-License-Identifier: Apache-2.0
// LoopLatency: how long the rounds of the control loop took, from the first of its handlers to the end of the last. A value.
#ifndef BULKHEAD_CONTROLPLANE_API_LOOP_LATENCY_H_
#define BULKHEAD_CONTROLPLANE_API_LOOP_LATENCY_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace bulkhead {

struct LoopLatency {
  // Upper ends of the histogram's buckets, in microseconds, each included; one more bucket holds what took longer.
  static constexpr std::array<uint64_t, 12> kBoundsUs = {100,    250,    500,    1'000,   2'500,   5'000,
                                                         10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000};
  // A round that takes longer is late: it keeps a container's start waiting.
  static constexpr uint64_t kLateNs = 100'000'000;

  std::array<uint64_t, kBoundsUs.size() + 1> rounds{};  // by how long they took; not cumulative
  uint64_t count = 0;
  uint64_t total_ns = 0;
  uint64_t longest_ns = 0;
  uint64_t late = 0;
  std::map<std::string, uint64_t> late_by;  // late rounds, by the handler that took most of each

  // The upper end of the bucket that holds this share (0 to 1) of the rounds, in ns; in the last one, the longest. 0: no round yet.
  uint64_t QuantileNs(double share) const {
    uint64_t seen = 0;
    for (size_t i = 0; i < rounds.size(); ++i) {
      seen += rounds[i];
      if (seen == 0 || static_cast<double>(seen) < share * static_cast<double>(count)) continue;
      return i < kBoundsUs.size() ? kBoundsUs[i] * 1000 : longest_ns;
    }
    return 0;
  }
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_LOOP_LATENCY_H_
