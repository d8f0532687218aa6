// SPDX-License-Identifier: Apache-2.0
// Frames for tests of the dataplane's headers on the host: bytes, and the parser run over them as the programs run it.
#ifndef BULKHEAD_TESTS_UNIT_BPF_FRAMES_H_
#define BULKHEAD_TESTS_UNIT_BPF_FRAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/parse/ethernet.h"

namespace bulkhead::bpf_test {

using Bytes = std::vector<uint8_t>;

Bytes operator+(const Bytes& a, const Bytes& b);
void Put16(Bytes& bytes, size_t at, uint16_t value);

Bytes Ethernet(uint16_t type, const Bytes& payload, uint8_t first_destination_byte = 0x02);
// fragment: the header's field, flags included.
Bytes Ipv4(uint8_t protocol, const Bytes& payload, uint16_t fragment = 0, size_t option_bytes = 0);
Bytes Ipv6(uint8_t next, const Bytes& payload, uint8_t hop_limit = 64);
// A hop-by-hop, routing or destination header of 8 * (1 + length) bytes.
Bytes Extension(uint8_t next, uint8_t length = 0);
Bytes FragmentHeader(uint8_t next, uint16_t offset_and_more);
Bytes Tcp(uint16_t source, uint16_t destination, uint8_t flags);
Bytes Udp(uint16_t source, uint16_t destination, size_t payload = 4);
Bytes Icmp(uint8_t type, uint16_t id, const Bytes& payload = Bytes(8));
Bytes Arp();

// A frame's bytes where the kernel would have them: the IP header aligned to 4, nothing readable behind the end. `filler` lies
// behind the end, so that a parser that reads too far gives different answers for different fillers (and dies under ASan).
class Placed {
 public:
  // linear: how many of the frame's bytes are at hand; length: how long the frame says it is.
  Placed(const Bytes& bytes, size_t linear, size_t length, uint8_t filler);
  const bh_frame& frame() const { return frame_; }

 private:
  std::vector<uint8_t> memory_;
  bh_frame frame_;
};

struct Parsed {
  int result = 0;
  bh_packet packet{};
  std::string Text() const;  // all fields, for comparison and messages
};

Parsed Parse(const bh_frame& frame);
// All bytes are there.
Parsed Parse(const Bytes& bytes);

}  // namespace bulkhead::bpf_test

#endif  // BULKHEAD_TESTS_UNIT_BPF_FRAMES_H_
