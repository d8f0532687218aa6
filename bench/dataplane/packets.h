// SPDX-License-Identifier: Apache-2.0
// Packets to measure with. Pure functions; any thread.
#ifndef BULKHEAD_BENCH_DATAPLANE_PACKETS_H_
#define BULKHEAD_BENCH_DATAPLANE_PACKETS_H_

#include <cstdint>
#include <vector>

#include "bulkhead/model/ip.h"

namespace bulkhead::bench {

using Bytes = std::vector<uint8_t>;

struct End {
  MacAddress mac;
  IpAddress address;
  uint16_t port = 0;
};

// Ethernet, IP and TCP headers, no payload, no checksums. flags: as in the TCP header.
inline constexpr uint8_t kSyn = 2, kAck = 16;
Bytes TcpPacket(const End& from, const End& to, uint8_t flags);

// Where things stand in such a packet, in bytes.
struct Offsets {
  uint32_t destination_low;  // the last four bytes of the address
  uint32_t source_port;
};
Offsets OffsetsOf(const IpAddress& address);

// The last four bytes of an address as a number.
uint32_t LowWord(const IpAddress& address);
// The address whose last four bytes are those of `base` plus n.
IpAddress Plus(IpAddress base, uint32_t n);

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_PACKETS_H_
