// SPDX-License-Identifier: Apache-2.0
// A packet of a capture. As wire.h: types list their JSON fields once.
#ifndef BULKHEAD_API_CAPTURE_H_
#define BULKHEAD_API_CAPTURE_H_

#include <cstdint>
#include <string>

#include "bulkhead/api/wire.h"

namespace bulkhead::api {

struct CapturedPacket {
  EventRow packet;  // verdict: allow, too; a packet of an established flow says nothing of rules. sequence: within the capture, from 1
  uint64_t time_unix_ns = 0;
  std::string interface;  // the host's, that it was seen at
  std::string data;       // its first bytes, in hexadecimal digits
  uint64_t lost = 0;      // packets that this capture wanted and did not get so far

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("packet", self.packet);
    visit("time_unix_ns", self.time_unix_ns);
    visit("interface", self.interface);
    visit("data", self.data);
    visit("lost", self.lost);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_CAPTURE_H_
