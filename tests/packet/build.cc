// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/build.h"

#include <algorithm>

namespace bulkhead::packet_test {
namespace {

void Put8(ByteVector& out, unsigned value) { out.push_back(static_cast<uint8_t>(value)); }
void Put16(ByteVector& out, unsigned value) {
  Put8(out, value >> 8);
  Put8(out, value);
}
void Put32(ByteVector& out, uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value & 0xffff);
}
void PutBytes(ByteVector& out, const auto& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void PutAddress(ByteVector& out, const IpAddress& address) {
  out.insert(out.end(), address.bytes.begin(), address.bytes.begin() + (address.IsV4() ? 4 : 16));
}
void Set16(ByteVector& out, size_t at, unsigned value) {
  out[at] = static_cast<uint8_t>(value >> 8);
  out[at + 1] = static_cast<uint8_t>(value);
}
void Pad(ByteVector& bytes, size_t multiple) {
  while (bytes.size() % multiple != 0) bytes.push_back(0);
}

// RFC 1071.
uint16_t Checksum(const ByteVector& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// CRC32c, RFC 9260 appendix A.
uint32_t Crc32c(const ByteVector& bytes) {
  uint32_t crc = ~0u;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

// What the layers above a layer have to say to it, and it to them.
struct Below {
  ByteVector payload;           // encoded
  uint8_t protocol = 59;        // of the payload's first layer: IPv6's "no next header" when it has none
  uint16_t ethertype = 0x88b5;  // IEEE 802, local experimental
};

struct Network {
  IpAddress source, destination;
};

ByteVector PseudoHeader(const std::optional<Network>& network, uint8_t protocol, size_t length) {
  ByteVector out;
  if (!network) return out;
  PutAddress(out, network->source);
  PutAddress(out, network->destination);
  Put32(out, static_cast<uint32_t>(length));
  Put32(out, protocol);
  return out;
}

void SetTransportChecksum(ByteVector& segment, size_t at, const std::optional<Network>& network, uint8_t protocol) {
  ByteVector covered = PseudoHeader(network, protocol, segment.size());
  PutBytes(covered, segment);
  Pad(covered, 2);
  Set16(segment, at, Checksum(covered));
}

// Encodes one layer in front of what is below it. network: the IP header that carries it.
struct Encoder {
  const std::optional<Network>& network;
  Below below;

  void Done(ByteVector bytes, uint8_t protocol, uint16_t ethertype = 0x88b5) {
    PutBytes(bytes, below.payload);
    below = {std::move(bytes), protocol, ethertype};
  }

  void operator()(const Ethernet& layer) {
    ByteVector out;
    PutBytes(out, layer.destination.bytes);
    PutBytes(out, layer.source.bytes);
    Put16(out, layer.type.value_or(below.ethertype));
    Done(std::move(out), 143);  // Ethernet in IP
  }
  void operator()(const Vlan& layer) {
    ByteVector out;
    Put16(out, layer.id);
    Put16(out, layer.type.value_or(below.ethertype));
    Done(std::move(out), 59, layer.tpid);
  }
  void operator()(const Arp& layer) {
    ByteVector out;
    Put16(out, layer.hardware);
    Put16(out, 0x0800);
    Put8(out, layer.hardware_length);
    Put8(out, layer.protocol_length);
    Put16(out, layer.operation);
    PutBytes(out, layer.sender_mac.bytes);
    PutAddress(out, layer.sender_ip);
    PutBytes(out, layer.target_mac.bytes);
    PutAddress(out, layer.target_ip);
    Done(std::move(out), 59, 0x0806);
  }
  void operator()(const IPv4& layer) {
    ByteVector options = layer.options;
    Pad(options, 4);
    const size_t header = 20 + options.size();
    ByteVector out;
    Put8(out, layer.version << 4 | layer.header_words.value_or(static_cast<uint8_t>(header / 4)));
    Put8(out, 0);
    Put16(out, layer.total_length.value_or(static_cast<uint16_t>(header + below.payload.size())));
    Put16(out, layer.id);
    Put16(out, (layer.more ? 0x2000u : 0u) | layer.offset / 8u);
    Put8(out, layer.ttl);
    Put8(out, layer.protocol.value_or(below.protocol));
    Put16(out, 0);
    PutAddress(out, layer.source);
    PutAddress(out, layer.destination);
    PutBytes(out, options);
    Set16(out, 10, Checksum(out));
    Done(std::move(out), 4, 0x0800);
  }
  void operator()(const IPv6& layer) {
    ByteVector out;
    Put32(out, static_cast<uint32_t>(layer.version) << 28);
    Put16(out, layer.payload_length.value_or(static_cast<uint16_t>(below.payload.size())));
    Put8(out, layer.next.value_or(below.protocol));
    Put8(out, layer.hop_limit);
    PutAddress(out, layer.source);
    PutAddress(out, layer.destination);
    Done(std::move(out), 41, 0x86dd);
  }
  void operator()(const Extension& layer) {
    ByteVector out;
    Put8(out, layer.next.value_or(below.protocol));
    Put8(out, layer.kind == kAuthentication ? layer.length / 4 - 2 : layer.length / 8 - 1);
    out.resize(layer.length);
    Done(std::move(out), layer.kind);
  }
  void operator()(const Fragment6& layer) {
    ByteVector out;
    Put8(out, layer.next.value_or(below.protocol));
    Put8(out, 0);
    Put16(out, (layer.offset & 0xfff8u) | (layer.more ? 1 : 0));
    Put32(out, layer.id);
    Done(std::move(out), 44);
  }
  void operator()(const Tcp& layer) {
    ByteVector options = layer.options;
    Pad(options, 4);
    ByteVector out;
    Put16(out, layer.source);
    Put16(out, layer.destination);
    Put32(out, 1);
    Put32(out, (layer.flags & kAck) != 0 ? 1 : 0);
    Put8(out, layer.header_words.value_or(static_cast<uint8_t>(5 + options.size() / 4)) << 4);
    Put8(out, layer.flags);
    Put16(out, 0xffff);
    Put32(out, 0);
    PutBytes(out, options);
    Done(std::move(out), 6);
    SetTransportChecksum(below.payload, 16, network, 6);
  }
  void operator()(const Udp& layer) {
    ByteVector out;
    Put16(out, layer.source);
    Put16(out, layer.destination);
    Put16(out, layer.length.value_or(static_cast<uint16_t>(8 + below.payload.size())));
    Put16(out, 0);
    Done(std::move(out), 17);
    SetTransportChecksum(below.payload, 6, network, 17);
  }
  void operator()(const Sctp& layer) {
    ByteVector out;
    Put16(out, layer.source);
    Put16(out, layer.destination);
    Put32(out, 1);
    Put32(out, 0);
    Done(std::move(out), 132);
    const uint32_t crc = Crc32c(below.payload);
    for (int i = 0; i < 4; ++i) below.payload[8 + static_cast<size_t>(i)] = static_cast<uint8_t>(crc >> (8 * i));
  }
  void operator()(const Icmp& layer) {
    ByteVector out{layer.type, layer.code, 0, 0};
    Put16(out, layer.id);
    Put16(out, layer.sequence);
    Done(std::move(out), 1);
    ByteVector covered = below.payload;
    Pad(covered, 2);
    Set16(below.payload, 2, Checksum(covered));
  }
  void operator()(const Icmp6& layer) {
    ByteVector out{layer.type, layer.code, 0, 0};
    Put16(out, layer.id);
    Put16(out, layer.sequence);
    Done(std::move(out), 58);
    SetTransportChecksum(below.payload, 2, network, 58);
  }
  void operator()(const Payload& layer) {
    ByteVector out(layer.length);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i);
    Done(std::move(out), 59);
  }
  void operator()(const Raw& layer) { Done(layer.bytes, 59); }
};

std::optional<Network> NetworkOf(const Layer& layer) {
  if (const auto* v4 = std::get_if<IPv4>(&layer)) return Network{v4->source, v4->destination};
  if (const auto* v6 = std::get_if<IPv6>(&layer)) return Network{v6->source, v6->destination};
  return std::nullopt;
}

Frame NdMessage(Icmp6 header, const std::optional<IpAddress>& target, uint8_t option, std::optional<MacAddress> link_layer) {
  ByteVector body;
  if (target) PutAddress(body, *target);
  if (link_layer) {
    Put8(body, option);
    Put8(body, 1);
    PutBytes(body, link_layer->bytes);
  }
  return header / Raw{body};
}

// RFC 2131 section 2: the fixed part, with the magic cookie and the end option.
Raw DhcpMessage(uint8_t operation) {
  ByteVector body{operation, 1, 6, 0};
  body.resize(236);
  PutBytes(body, ByteVector{99, 130, 83, 99, 255});
  return Raw{body};
}

}  // namespace

ByteVector Frame::Build() const {
  Below below;
  for (size_t i = layers_.size(); i-- > 0;) {
    std::optional<Network> network;
    for (size_t outer = i; outer-- > 0 && !network;) network = NetworkOf(layers_[outer]);
    Encoder encoder{network, std::move(below)};
    std::visit(encoder, layers_[i]);
    below = std::move(encoder.below);
  }
  return below.payload;
}

Frame NeighbourSolicitation(const IpAddress& target, std::optional<MacAddress> link_layer) {
  return NdMessage({135}, target, 1, link_layer);
}
Frame NeighbourAdvertisement(const IpAddress& target, std::optional<MacAddress> link_layer) {
  return NdMessage({136, 0, 0x6000}, target, 2, link_layer);  // solicited, override
}
Frame RouterSolicitation(std::optional<MacAddress> link_layer) { return NdMessage({133}, std::nullopt, 1, link_layer); }
Frame RouterAdvertisement() { return Icmp6{134, 0, 0x4000, 1800} / Raw{ByteVector(8)}; }
Frame Redirect(const IpAddress& target) { return NdMessage({137}, target, 2, std::nullopt) / Raw{ByteVector(16)}; }
Frame ListenerReport() { return Icmp6{143} / Raw{ByteVector{4, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb}}; }
Frame DhcpClient() { return Udp{68, 67} / DhcpMessage(1); }
Frame DhcpServer() { return Udp{67, 68} / DhcpMessage(2); }

}  // namespace bulkhead::packet_test
