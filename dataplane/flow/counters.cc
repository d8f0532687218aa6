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
  std::vector<uint64_t> of_cpus(static_cast<size_t>(cpus));
  std::vector<uint64_t> out(BH_COUNTER_COUNT);
  for (uint32_t i = 0; i < out.size(); ++i) {
    if (bpf_map_lookup_elem(map, &i, of_cpus.data()) != 0) return absl::ErrnoToStatus(errno, "reading counters");
    out[i] = std::accumulate(of_cpus.begin(), of_cpus.end(), uint64_t{0});
  }
  return out;
}

}  // namespace bulkhead
