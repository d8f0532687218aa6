// SPDX-License-Identifier: Apache-2.0
// What `top` answers with. As wire.h: types list their JSON fields once.
#ifndef BULKHEAD_API_TOP_H_
#define BULKHEAD_API_TOP_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::api {

// What went on between two parties, or, by service, to and from one (`to` is empty then). Counts are those of the snapshot's interval;
// packets and bytes go both ways.
struct TopRow {
  std::string from, to;
  uint64_t flows = 0;      // open at the end of the interval
  uint64_t new_flows = 0;
  uint64_t packets = 0, bytes = 0;
  uint64_t denied = 0;      // packets, by policy
  uint64_t would_deny = 0;  // flows and packets that policy would have denied

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("flows", self.flows);
    visit("new_flows", self.new_flows);
    visit("packets", self.packets);
    visit("bytes", self.bytes);
    visit("denied", self.denied);
    visit("would_deny", self.would_deny);
  }
};

struct TopSnapshot {
  uint64_t time_unix_ms = 0;  // of its end
  uint64_t interval_ms = 0;
  TopRow total;              // of all that the request wants; names empty
  std::vector<TopRow> rows;  // sorted, the first of the order first
  uint64_t more = 0;         // rows that were left out

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("time_unix_ms", self.time_unix_ms);
    visit("interval_ms", self.interval_ms);
    visit("total", self.total);
    visit("rows", self.rows);
    visit("more", self.more);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_TOP_H_
