// SPDX-License-Identifier: Apache-2.0
// What is measured: groups of cases that are measured in turn with each other, in worlds of their own. Plain data; any thread.
#ifndef BULKHEAD_BENCH_DATAPLANE_CASES_H_
#define BULKHEAD_BENCH_DATAPLANE_CASES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/dataplane/driver.h"
#include "bench/dataplane/policies.h"

namespace bulkhead::bench {

inline constexpr uint32_t kFlowEntries = 1u << 18;  // of each world's table of the family that is measured

struct Setting {
  std::string name;
  uint32_t flow_entries = kFlowEntries;  // of the IPv4 table; IPv6 has a quarter
  std::optional<Shape> shape{};          // without one: the shop
  bool staged = false;                   // the same policy but for one rule is staged
  bool xdp = false;                      // what workloads send is judged in XDP
};

// What becomes of the packets, and by what.
enum class Expect : uint8_t {
  kQuick,   // each passes by its entry
  kJudged,  // each passes, and makes an entry
  kDenied,  // each is dropped
};

struct Case {
  std::string name, metric;
  size_t world = 0;  // of its group's
  int hook = 0;      // enum bh_hook
  Shot shot{};
  Expect expect = Expect::kQuick;
  uint32_t flows = 0;         // kQuick: how many there are
  bool to_lru = false;        // a second row: the ratio to one insertion into the kernel's LRU hash
  std::string grows_as = {};  // a second row of this metric: the ratio to the first of the group's cases that have it
};

struct Group {
  std::vector<Setting> worlds;
  std::vector<Case> cases{};
  uint32_t starts_per_second = 0;  // of workloads, and as many stops. Some packets of lasting flows are judged then
};

std::vector<Group> Groups();

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_CASES_H_
