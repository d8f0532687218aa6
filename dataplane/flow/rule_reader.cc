// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/rule_reader.h"

#include <sys/mman.h>

#include <cerrno>

#include "bulkhead/abi/rule.h"

namespace bulkhead {

absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRuleTable(int map) {
  constexpr size_t kBytes = BH_MAX_COUNTED_RULES * sizeof(bh_rule_counts);  // whole pages
  void* memory = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping the counts of rules");
  const auto* counts = static_cast<const volatile bh_rule_counts*>(memory);
  std::map<uint32_t, RuleCounts> out;
  for (uint32_t id = 0; id < BH_MAX_COUNTED_RULES; ++id) {
    const RuleCounts rule{counts[id].flows, counts[id].denied, counts[id].would_deny};
    if (rule != RuleCounts()) out.emplace_hint(out.end(), id, rule);
  }
  munmap(memory, kBytes);
  return out;
}

}  // namespace bulkhead
