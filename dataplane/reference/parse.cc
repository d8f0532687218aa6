// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/parse.h"

#include <algorithm>
#include <cstring>

namespace bulkhead::reference {
namespace {

constexpr size_t kEthernetHeader = 14;
constexpr uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806, kTypeVlan = 0x8100, kTypeServiceVlan = 0x88a8, kTypeIpv6 = 0x86dd;
constexpr uint8_t kProtoIgmp = 2;
constexpr int kMaxExtensions = 6;
// An IGMPv3 report (RFC 3376 section 4.2) of 20 groups with 10 sources each, the most that a socket of Linux may join by default
// (net.ipv4.igmp_max_memberships, igmp_max_msf).
constexpr size_t kMostIgmp = 8 + 20 * (8 + 10 * 4);

// IPv6 extension headers: those that are walked (RFC 8200, RFC 4302) and those that are refused (RFC 6275, 7401, 5533, 3692).
constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kDestinationOptions = 60;
bool IsWalked(uint8_t next) {
  return next == kHopByHop || next == kRouting || next == kFragment || next == kAuthentication || next == kDestinationOptions;
}
bool IsRefused(uint8_t next) { return next == 135 || next == 139 || next == 140 || next == 253 || next == 254; }

uint16_t Read16(Bytes bytes, size_t at) { return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]); }
uint32_t Read32(Bytes bytes, size_t at) { return static_cast<uint32_t>(Read16(bytes, at)) << 16 | Read16(bytes, at + 2); }

IpAddress ReadAddress(Bytes bytes, size_t at, uint8_t family) {
  IpAddress address;
  address.family = family;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), family == 4 ? 4 : 16, address.bytes.begin());
  return address;
}

MacAddress ReadMac(Bytes bytes, size_t at) {
  MacAddress mac;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
  return mac;
}

// An IP header with its extension headers, read. The payload is what follows them, up to where the packet says it ends.
struct Network {
  bh_reason reason = BH_REASON_NONE;
  bool addresses = false;  // could be read
  IpAddress source, destination;
  uint8_t protocol = 0;
  uint8_t hop_limit = 0;
  bool fragmented = false;                        // one of several, the first included
  bool later = false;                             // not the first
  bool fragment_header = false;                   // IPv6: there is one, though it may stand for a whole packet
  uint32_t fragment_begin = 0, fragment_end = 0;  // bytes
  uint32_t fragment_id = 0;
  Bytes payload;
};

Network Refuse(Network network, bh_reason reason) {
  network.reason = reason;
  return network;
}

// more: others follow. length: of what the fragment has of the packet.
void ReadFragment(uint32_t offset, bool more, size_t length, Network& out) {
  out.fragment_begin = offset;
  out.fragment_end = offset + static_cast<uint32_t>(length);
  out.later = offset != 0;
  out.fragmented = out.later || more;
  if (out.fragmented && out.fragment_end > 65535) out.reason = BH_REASON_TRUNCATED;
}

// whole: the packet must be as long as it says. The packet that an ICMP error quotes is cut by nature.
Network ReadIpv4(Bytes bytes, bool whole) {
  Network out;
  if (bytes.size() < 20) return Refuse(out, BH_REASON_TRUNCATED);
  out.addresses = true;
  out.source = ReadAddress(bytes, 12, 4);
  out.destination = ReadAddress(bytes, 16, 4);
  out.protocol = bytes[9];
  out.hop_limit = bytes[8];
  const size_t header = (bytes[0] & 0xf) * size_t{4};
  const size_t total = whole ? Read16(bytes, 2) : bytes.size();
  if (bytes[0] >> 4 != 4 || header < 20 || total < header || total > bytes.size()) return Refuse(out, BH_REASON_TRUNCATED);
  const uint16_t fragment = Read16(bytes, 6);
  ReadFragment((fragment & 0x1fffu) * 8, (fragment & 0x2000) != 0, total - header, out);
  out.fragment_id = Read16(bytes, 4);
  out.payload = bytes.subspan(header, total - header);
  return out;
}

// rest: at least the extension header's first 8 bytes.
size_t ExtensionLength(uint8_t kind, Bytes rest) {
  if (kind == kFragment) return 8;
  return kind == kAuthentication ? (rest[1] + size_t{2}) * 4 : (rest[1] + size_t{1}) * 8;
}

void ReadFragmentHeader(Bytes header, Network& out) {
  const uint16_t field = Read16(header, 2);
  out.fragment_header = true;
  ReadFragment(field & 0xfff8u, (field & 1) != 0, header.size() - 8, out);
  out.fragment_id = Read32(header, 4);
}

Network WalkExtensions(Network out) {
  for (int walked = 0; IsWalked(out.protocol) && !out.later; ++walked) {
    const uint8_t kind = out.protocol;
    // The fragments behind a first one would complete it unseen (RFC 7112).
    const bh_reason cut = out.fragmented ? BH_REASON_FRAGMENT : BH_REASON_TRUNCATED;
    if (walked == kMaxExtensions || (kind == kFragment && out.fragment_header)) return Refuse(out, BH_REASON_EXTENSION);
    if (out.payload.size() < 8) return Refuse(out, cut);
    const size_t length = ExtensionLength(kind, out.payload);
    out.protocol = out.payload[0];
    if (length > out.payload.size()) return Refuse(out, cut);
    if (kind == kFragment) ReadFragmentHeader(out.payload, out);
    if (out.reason != BH_REASON_NONE) return out;
    out.payload = out.payload.subspan(length);
  }
  return !out.later && IsRefused(out.protocol) ? Refuse(out, BH_REASON_EXTENSION) : out;
}

Network ReadIpv6(Bytes bytes, bool whole) {
  Network out;
  if (bytes.size() < 40) return Refuse(out, BH_REASON_TRUNCATED);
  out.addresses = true;
  out.source = ReadAddress(bytes, 8, 6);
  out.destination = ReadAddress(bytes, 24, 6);
  out.protocol = bytes[6];
  out.hop_limit = bytes[7];
  const size_t length = whole ? Read16(bytes, 4) : bytes.size() - 40;
  if (bytes[0] >> 4 != 6 || length > bytes.size() - 40) return Refuse(out, BH_REASON_TRUNCATED);
  out.payload = bytes.subspan(40, length);
  return WalkExtensions(out);
}

bool IsIcmp(const Network& network) { return network.protocol == (network.source.IsV4() ? kProtoIcmp : kProtoIcmp6); }

enum class Icmp : uint8_t { kEchoRequest, kEchoReply, kError, kNeighbour, kListener, kOther };

Icmp IcmpKind(bool v4, uint8_t type) {
  if (v4) {
    if (type == 8) return Icmp::kEchoRequest;
    if (type == 0) return Icmp::kEchoReply;
    return type == 3 || type == 11 || type == 12 ? Icmp::kError : Icmp::kOther;
  }
  if (type == 128) return Icmp::kEchoRequest;
  if (type == 129) return Icmp::kEchoReply;
  if (type >= 1 && type <= 4) return Icmp::kError;
  if (type >= 133 && type <= 137) return Icmp::kNeighbour;
  return (type >= 130 && type <= 132) || type == 143 ? Icmp::kListener : Icmp::kOther;
}

// The tuple of a packet whose payload has at least its first 8 bytes; nullopt: it is no flow's packet.
std::optional<Tuple> ReadTuple(const Network& network) {
  Tuple tuple{network.source, network.destination, 0, 0, network.protocol};
  if (HasPorts(network.protocol)) {
    tuple.source_port = Read16(network.payload, 0);
    tuple.destination_port = Read16(network.payload, 2);
  } else if (IsIcmp(network)) {
    const Icmp kind = IcmpKind(network.source.IsV4(), network.payload[0]);
    if (kind != Icmp::kEchoRequest && kind != Icmp::kEchoReply) return std::nullopt;
    (kind == Icmp::kEchoRequest ? tuple.source_port : tuple.destination_port) = Read16(network.payload, 4);
  }
  return tuple;
}

std::optional<Tuple> ReadInner(Bytes quoted, bool v4) {
  const Network inner = v4 ? ReadIpv4(quoted, false) : ReadIpv6(quoted, false);
  const bool extended = !v4 && quoted.size() > 6 && IsWalked(quoted[6]);
  if (inner.reason != BH_REASON_NONE || inner.later || extended || inner.payload.size() < 8) return std::nullopt;
  return ReadTuple(inner);
}

size_t TransportHeader(const Network& network) {
  if (network.protocol == kProtoTcp) return 20;
  return HasPorts(network.protocol) || IsIcmp(network) ? 8 : 0;
}

void Malformed(Parsed& out, bh_reason reason) {
  out.kind = Kind::kMalformed;
  out.reason = reason;
}

void ReadIcmp(const Network& network, Parsed& out) {
  out.body = network.payload;
  out.icmp_type = network.payload[0];
  switch (IcmpKind(network.source.IsV4(), out.icmp_type)) {
    case Icmp::kEchoRequest:
    case Icmp::kEchoReply:
      break;
    case Icmp::kError:
      out.kind = Kind::kIcmpError;
      out.inner = ReadInner(network.payload.subspan(8), network.source.IsV4());
      break;
    case Icmp::kNeighbour:
      if (network.fragment_header) return Malformed(out, BH_REASON_FRAGMENT);  // RFC 6980
      out.kind = Kind::kNeighbour;
      break;
    case Icmp::kListener:
      if (!IsMulticast(network.destination)) return Malformed(out, BH_REASON_ICMP_TYPE);
      out.kind = Kind::kListener;
      break;
    case Icmp::kOther:
      return Malformed(out, BH_REASON_ICMP_TYPE);
  }
}

// Reports go to groups (RFC 3376 section 4.2.14) on the link alone (section 4), in one piece. What calls itself IGMP but is broadcast,
// has come from further, or is longer than hosts need, is judged like anything else.
bool IsIgmp(const Network& network) {
  if (!network.source.IsV4() || network.protocol != kProtoIgmp || network.hop_limit != 1 || network.fragmented) return false;
  const bool to_group = IsMulticast(network.destination) && network.destination != IpAddress::V4(255, 255, 255, 255);
  return to_group && network.payload.size() <= kMostIgmp;
}

void ReadTransport(const Network& network, Parsed& out) {
  const bh_reason cut = network.fragmented ? BH_REASON_FRAGMENT : BH_REASON_TRUNCATED;
  if (network.payload.size() < TransportHeader(network)) return Malformed(out, cut);
  if (network.protocol == kProtoTcp) {
    const size_t header = (network.payload[12] >> 4) * size_t{4};
    if (header < 20 || header > network.payload.size()) return Malformed(out, cut);
    out.tcp_flags = network.payload[13];
  }
  if (const auto tuple = ReadTuple(network)) out.tuple = *tuple;
  if (network.protocol == kProtoUdp) out.datagram = network.payload.subspan(8);
  if (IsIcmp(network)) ReadIcmp(network, out);
  if (IsIgmp(network)) out.kind = Kind::kListener;
}

void ReadIp(const Network& network, uint16_t zone, Parsed& out) {
  if (!network.addresses) return Malformed(out, network.reason);
  out.tuple = {network.source, network.destination, 0, 0, network.protocol};
  out.ip = true;
  out.hop_limit = network.hop_limit;
  out.group = (out.destination_mac.bytes[0] & 1) != 0 || IsMulticast(network.destination);
  if (network.reason != BH_REASON_NONE) return Malformed(out, network.reason);
  out.kind = Kind::kFlow;
  out.fragment_header = network.fragment_header;
  if (network.fragmented) {
    const uint8_t protocol = network.source.IsV4() ? network.protocol : uint8_t{0};
    out.fragment = FragmentKey{zone, network.source, network.destination, network.fragment_id, protocol};
    out.later_fragment = network.later;
    out.fragment_begin = network.fragment_begin;
    out.fragment_end = network.fragment_end;
  }
  if (!network.later) ReadTransport(network, out);
}

// RFC 826 for Ethernet and IPv4; anything else that calls itself ARP lies about its lengths.
void ReadArp(Bytes body, Parsed& out) {
  if (body.size() < 28 || Read16(body, 0) != 1 || Read16(body, 2) != kTypeIpv4 || body[4] != 6 || body[5] != 4) {
    return Malformed(out, BH_REASON_TRUNCATED);
  }
  out.kind = Kind::kArp;
  out.body = body;
}

}  // namespace

bool Parsed::IsEchoRequest() const {
  return kind == Kind::kFlow && !later_fragment && !body.empty() && icmp_type == (tuple.source.IsV4() ? 8 : 128);
}

bool Parsed::IsEchoReply() const {
  return kind == Kind::kFlow && !later_fragment && !body.empty() && icmp_type == (tuple.source.IsV4() ? 0 : 129);
}

bool Parsed::IsBareSyn() const { return tuple.protocol == kProtoTcp && (tcp_flags & (kTcpSyn | kTcpAck | kTcpRst)) == kTcpSyn; }

bool Parsed::IsMidstream() const { return tuple.protocol == kProtoTcp && (tcp_flags & (kTcpSyn | kTcpRst)) == 0; }

Parsed Parse(const Packet& packet) {
  Parsed out;
  const Bytes bytes(packet.bytes);
  if (bytes.size() < kEthernetHeader) {
    Malformed(out, BH_REASON_TRUNCATED);
    return out;
  }
  out.destination_mac = ReadMac(bytes, 0);
  out.source_mac = ReadMac(bytes, 6);
  out.ethertype = Read16(bytes, 12);
  const Bytes body = bytes.subspan(kEthernetHeader);
  if (packet.vlan || out.ethertype == kTypeVlan || out.ethertype == kTypeServiceVlan) {
    Malformed(out, BH_REASON_VLAN);
  } else if (out.ethertype == kTypeArp) {
    ReadArp(body, out);
  } else if (out.ethertype == kTypeIpv4) {
    ReadIp(ReadIpv4(body, true), packet.zone, out);
  } else if (out.ethertype == kTypeIpv6) {
    ReadIp(ReadIpv6(body, true), packet.zone, out);
  } else {
    Malformed(out, BH_REASON_ETHERTYPE);
  }
  return out;
}

bool IsMulticast(const IpAddress& address) {
  if (!address.IsV4()) return address.bytes[0] == 0xff;
  return (address.bytes[0] & 0xf0) == 0xe0 || address == IpAddress::V4(255, 255, 255, 255);
}

bool IsLinkLocal(const IpAddress& address) {
  return !address.IsV4() && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

uint32_t EndOf(const MacAddress& mac) {
  uint32_t out = 0;
  std::memcpy(&out, mac.bytes.data() + 2, sizeof(out));
  return out;
}

IpAddress LinkLocalOf(const MacAddress& mac) {
  IpAddress out;
  out.family = 6;
  out.bytes = {0xfe, 0x80};
  std::copy_n(mac.bytes.begin(), 3, out.bytes.begin() + 8);
  std::copy_n(mac.bytes.begin() + 3, 3, out.bytes.begin() + 13);
  out.bytes[8] ^= 2;
  out.bytes[11] = 0xff;
  out.bytes[12] = 0xfe;
  return out;
}

}  // namespace bulkhead::reference
