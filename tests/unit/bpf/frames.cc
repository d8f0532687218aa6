// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/bpf/frames.h"

#include <cstdio>
#include <cstring>

namespace bulkhead::bpf_test {

Bytes operator+(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

void Put16(Bytes& bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

Bytes Ethernet(uint16_t type, const Bytes& payload, uint8_t first_destination_byte) {
  Bytes header = {first_destination_byte, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  Put16(header, 12, type);
  return header + payload;
}

Bytes Ipv4(uint8_t protocol, const Bytes& payload, uint16_t fragment, size_t option_bytes) {
  Bytes header(20 + option_bytes);
  header[0] = static_cast<uint8_t>(0x40 | (header.size() / 4));
  Put16(header, 2, static_cast<uint16_t>(header.size() + payload.size()));
  Put16(header, 4, 0x1234);
  Put16(header, 6, fragment);
  header[8] = 64;
  header[9] = protocol;
  const uint8_t addresses[] = {198, 18, 0, 1, 198, 18, 0, 2};
  std::memcpy(&header[12], addresses, sizeof(addresses));
  return header + payload;
}

Bytes Ipv6(uint8_t next, const Bytes& payload, uint8_t hop_limit) {
  Bytes header(40);
  header[0] = 0x60;
  Put16(header, 4, static_cast<uint16_t>(payload.size()));
  header[6] = next;
  header[7] = hop_limit;
  header[8] = header[24] = 0xfd;
  header[23] = 1;
  header[39] = 2;
  return header + payload;
}

Bytes Extension(uint8_t next, uint8_t length) {
  Bytes header(8 * (1 + size_t{length}));
  header[0] = next;
  header[1] = length;
  return header;
}

Bytes FragmentHeader(uint8_t next, uint16_t offset_and_more) {
  Bytes header = {next, 0, 0, 0, 0, 0, 0, 7};
  Put16(header, 2, offset_and_more);
  return header;
}

Bytes Tcp(uint16_t source, uint16_t destination, uint8_t flags) {
  Bytes header(20);
  Put16(header, 0, source);
  Put16(header, 2, destination);
  header[12] = 5 << 4;
  header[13] = flags;
  return header;
}

Bytes Udp(uint16_t source, uint16_t destination, size_t payload) {
  Bytes header(8 + payload);
  Put16(header, 0, source);
  Put16(header, 2, destination);
  return header;
}

Bytes Icmp(uint8_t type, uint16_t id, const Bytes& payload) {
  Bytes header(8);
  header[0] = type;
  Put16(header, 4, id);
  return header + payload;
}

Bytes Arp() {
  Bytes arp(28);
  const uint8_t start[] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 198, 18, 0, 1};
  std::memcpy(arp.data(), start, sizeof(start));
  return arp;
}

Placed::Placed(const Bytes& bytes, size_t linear, size_t length, uint8_t filler) {
  constexpr size_t kAlign = 2;  // as NET_IP_ALIGN
#if defined(__SANITIZE_ADDRESS__)
  constexpr size_t kBehind = 0;
#else
  constexpr size_t kBehind = 256;
#endif
  memory_.assign(kAlign + linear + kBehind, filler);
  memory_.shrink_to_fit();
  if (linear > 0) std::memcpy(memory_.data() + kAlign, bytes.data(), linear);
  frame_ = {};
  frame_.data = memory_.data() + kAlign;
  frame_.end = frame_.data + linear;
  frame_.length = static_cast<uint32_t>(length);
  frame_.offloaded = 0;
}

std::string Parsed::Text() const {
  std::string text = std::to_string(result);
  const auto* at = reinterpret_cast<const uint8_t*>(&packet);
  for (size_t i = 0; i < sizeof(packet); ++i) {
    char hex[4];
    std::snprintf(hex, sizeof(hex), i % 4 == 0 ? " %02x" : "%02x", at[i]);
    text += hex;
  }
  return text;
}

Parsed Parse(const bh_frame& frame) {
  Parsed parsed;
  parsed.result = bh_parse(&frame, 0, &parsed.packet);
  return parsed;
}

Parsed Parse(const Bytes& bytes) { return Parse(Placed(bytes, bytes.size(), bytes.size(), 0).frame()); }

}  // namespace bulkhead::bpf_test
