// SPDX-License-Identifier: Apache-2.0
// PortSet: protocols and ports, as few ranges as will do. Plain values; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_PORTS_H_
#define BULKHEAD_CONTROLPLANE_DIFF_PORTS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead {

struct PortRange {
  uint8_t protocol = 0;
  uint16_t first = 0;  // 0: from the first port on
  uint16_t last = 0;

  auto operator<=>(const PortRange&) const = default;
};

// ranges: sorted, disjoint, none adjacent. all_but: every protocol and port but those.
struct PortSet {
  bool all_but = false;
  std::vector<PortRange> ranges;

  // Behind all that it holds so far; grows the last range where it can.
  void Append(const PortRange& range);

  auto operator<=>(const PortSet&) const = default;
};

// "all"; "5432/tcp"; "80-90/tcp, all udp"; "all but 5432/tcp"; with more than `most` ranges the others are counted.
std::string PortSetText(const PortSet& ports, size_t most = 4);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_PORTS_H_
