// SPDX-License-Identifier: Apache-2.0
// Builds packets for tests, layer by layer: Ethernet{...} / IPv4{...} / Tcp{...} / Payload{100}. Checksums, lengths and next
// protocols are computed unless a layer says otherwise, so that lying headers can be built too. Values, any thread.
#ifndef BULKHEAD_TESTS_PACKET_BUILD_H_
#define BULKHEAD_TESTS_PACKET_BUILD_H_

#include <concepts>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "bulkhead/model/ip.h"

namespace bulkhead::packet_test {

using ByteVector = std::vector<uint8_t>;

struct Ethernet {
  MacAddress source, destination;
  std::optional<uint16_t> type;
};
struct Vlan {
  uint16_t id = 1;
  uint16_t tpid = 0x8100;
  std::optional<uint16_t> type;
};
struct Arp {
  uint16_t operation = 1;
  MacAddress sender_mac;
  IpAddress sender_ip;
  MacAddress target_mac;
  IpAddress target_ip;
  uint16_t hardware = 1;
  uint8_t hardware_length = 6, protocol_length = 4;
};
// offset: of a fragment, in bytes, a multiple of 8. options: padded to 4 bytes.
struct IPv4 {
  IpAddress source, destination;
  std::optional<uint8_t> protocol = {};
  uint8_t ttl = 64;
  uint16_t id = 0;
  bool more = false;
  uint16_t offset = 0;
  ByteVector options = {};
  uint8_t version = 4;
  std::optional<uint8_t> header_words = {};
  std::optional<uint16_t> total_length = {};
};
struct IPv6 {
  IpAddress source, destination;
  std::optional<uint8_t> next = {};
  uint8_t hop_limit = 64;
  uint8_t version = 6;
  std::optional<uint16_t> payload_length = {};
};
inline constexpr uint8_t kHopByHop = 0, kRouting = 43, kAuthentication = 51, kDestinationOptions = 60;
// length: of the header in bytes, a multiple of 8 (authentication: of 4).
struct Extension {
  uint8_t kind = kDestinationOptions;
  uint16_t length = 8;
  std::optional<uint8_t> next = {};
};
struct Fragment6 {
  uint16_t offset = 0;  // bytes
  bool more = false;
  uint32_t id = 0;
  std::optional<uint8_t> next = {};
};
inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;
struct Tcp {
  uint16_t source = 0, destination = 0;
  uint8_t flags = kSyn;
  std::optional<uint8_t> header_words = {};
  ByteVector options = {};
};
struct Udp {
  uint16_t source = 0, destination = 0;
  std::optional<uint16_t> length = {};
};
struct Sctp {
  uint16_t source = 0, destination = 0;
};
struct Icmp {
  uint8_t type = 8, code = 0;
  uint16_t id = 0, sequence = 0;
};
struct Icmp6 {
  uint8_t type = 128, code = 0;
  uint16_t id = 0, sequence = 0;
};
struct Payload {
  size_t length = 0;
};
struct Raw {
  ByteVector bytes;
};

using Layer = std::variant<Ethernet, Vlan, Arp, IPv4, IPv6, Extension, Fragment6, Tcp, Udp, Sctp, Icmp, Icmp6, Payload, Raw>;

template <typename T>
concept LayerType = std::constructible_from<Layer, T> && !std::same_as<std::decay_t<T>, Layer>;

class Frame {
 public:
  Frame() = default;
  template <LayerType T>
  Frame(T layer) {  // NOLINT: a layer alone is a frame
    layers_.emplace_back(std::move(layer));
  }

  friend Frame operator/(Frame upper, const Frame& lower) {
    upper.layers_.insert(upper.layers_.end(), lower.layers_.begin(), lower.layers_.end());
    return upper;
  }

  ByteVector Build() const;

 private:
  std::vector<Layer> layers_;
};

template <LayerType A, LayerType B>
Frame operator/(A upper, B lower) {
  return Frame(std::move(upper)) / Frame(std::move(lower));
}

// Messages of neighbour discovery and listeners; `link_layer` becomes a source or target link-layer option.
Frame NeighbourSolicitation(const IpAddress& target, std::optional<MacAddress> link_layer = std::nullopt);
Frame NeighbourAdvertisement(const IpAddress& target, std::optional<MacAddress> link_layer = std::nullopt);
Frame RouterSolicitation(std::optional<MacAddress> link_layer = std::nullopt);
Frame RouterAdvertisement();
Frame Redirect(const IpAddress& target);
Frame ListenerReport();  // MLDv2
// DHCP over IPv4, ports included; the client's message or the server's.
Frame DhcpClient();
Frame DhcpServer();

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_BUILD_H_
