// SPDX-License-Identifier: Apache-2.0
// Durations: how long something took, each time: a histogram. A value; whoever shares one guards it.
#ifndef BULKHEAD_MODEL_DURATIONS_H_
#define BULKHEAD_MODEL_DURATIONS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace bulkhead {

struct Durations {
  // Seconds, upper bounds; one bucket more holds what took longer.
  static constexpr std::array<double, 12> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};

  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;  // seconds

  void AddNs(uint64_t ns) {
    const double seconds = static_cast<double>(ns) / 1e9;
    size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    ++counts[bucket];
    sum += seconds;
  }
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_DURATIONS_H_
