// SPDX-License-Identifier: Apache-2.0
// Parse: frame -> what it is. Pure functions, any thread; the result points into the bytes given.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_PARSE_H_
#define BULKHEAD_DATAPLANE_REFERENCE_PARSE_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <span>

#include "bulkhead/abi/event.h"
#include "bulkhead/model/ip.h"
#include "dataplane/reference/packet.h"

namespace bulkhead::reference {

using Bytes = std::span<const uint8_t>;

// As one packet carries it; ports in host order. ICMP echo: the asking side's port is the id, the other's 0.
struct Tuple {
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  uint8_t protocol = 0;

  bool operator==(const Tuple&) const = default;
};

// Fragments of one packet share it. `protocol`: of IPv4; IPv6 has none here (RFC 8200 section 4.5).
struct FragmentKey {
  uint16_t zone = 0;
  IpAddress source, destination;
  uint32_t id = 0;
  uint8_t protocol = 0;

  auto operator<=>(const FragmentKey&) const = default;
};

enum class Kind : uint8_t {
  kMalformed,  // `reason` says how
  kArp,
  kFlow,       // what the flow table can hold; `tuple` is whole unless later_fragment
  kIcmpError,  // about another packet: `inner` is that one's tuple, if it could be read
  kNeighbour,  // neighbour discovery (RFC 4861), types 133..137
  kListener,   // IGMP as hosts speak it, or multicast listener discovery, to a group
};

struct Parsed {
  Kind kind = Kind::kMalformed;
  bh_reason reason = BH_REASON_NONE;
  uint16_t ethertype = 0;  // host order
  MacAddress source_mac, destination_mac;
  bool ip = false;     // the addresses could be read
  bool group = false;  // IP to broadcast or multicast, by MAC or by address
  Tuple tuple;
  uint8_t tcp_flags = 0;
  uint8_t icmp_type = 0;
  uint8_t hop_limit = 0;
  std::optional<Tuple> inner;
  std::optional<FragmentKey> fragment;
  bool later_fragment = false;
  bool fragment_header = false;  // IPv6: there is one, if only of a packet in one piece
  uint32_t fragment_begin = 0, fragment_end = 0;  // bytes, within the packet put together
  Bytes body;  // ARP: from its header on; ICMP: the message
  Bytes datagram;  // UDP: what it carries

  bool IsEchoRequest() const;
  bool IsEchoReply() const;
  bool IsBareSyn() const;    // TCP, SYN with neither ACK nor RST
  bool IsMidstream() const;  // TCP, neither SYN nor RST
};

inline constexpr uint8_t kTcpFin = 0x01, kTcpSyn = 0x02, kTcpRst = 0x04, kTcpAck = 0x10;

Parsed Parse(const Packet& packet);

bool IsMulticast(const IpAddress& address);  // and 255.255.255.255
bool IsLinkLocal(const IpAddress& address);  // fe80::/10
// The last four bytes, as they stand in a frame.
uint32_t EndOf(const MacAddress& mac);
// The address that RFC 4291 appendix A makes of a MAC: fe80:: and the modified EUI-64.
IpAddress LinkLocalOf(const MacAddress& mac);

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_PARSE_H_
