// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <numeric>

#include "bulkhead/abi/event.h"

namespace bulkhead {

absl::StatusOr<std::vector<uint64_t>> ReadCounterTable(int map) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return absl::InternalError("cannot tell the number of CPUs");
  const auto stride = static_cast<size_t>(cpus);
  std::vector<uint64_t> of_cpus(BH_COUNTER_COUNT * stride);
  std::vector<uint32_t> keys(BH_COUNTER_COUNT);
  uint32_t position = 0, count = BH_COUNTER_COUNT;
  // ENOENT says that there are no more behind these.
  if (bpf_map_lookup_batch(map, nullptr, &position, keys.data(), of_cpus.data(), &count, nullptr) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, "reading counters");
  }
  if (count != BH_COUNTER_COUNT) return absl::InternalError("reading counters: some are missing");
  std::vector<uint64_t> out(BH_COUNTER_COUNT);
  for (size_t i = 0; i < count; ++i) {
    const auto first = of_cpus.begin() + static_cast<std::ptrdiff_t>(i * stride);
    out[keys[i]] = std::accumulate(first, first + cpus, uint64_t{0});
  }
  return out;
}

}  // namespace bulkhead
