// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/packets.h"

#include <iterator>

namespace bulkhead::bench {
namespace {

constexpr uint32_t kEthernet = 14, kIp4 = 20, kIp6 = 40;

void Append(Bytes& out, const auto& bytes, size_t count) { out.insert(out.end(), std::begin(bytes), std::begin(bytes) + count); }

void AppendPort(Bytes& out, uint16_t port) {
  out.push_back(static_cast<uint8_t>(port >> 8));
  out.push_back(static_cast<uint8_t>(port));
}

}  // namespace

Bytes TcpPacket(const End& from, const End& to, uint8_t flags) {
  const bool v4 = from.address.IsV4();
  const size_t address_bytes = v4 ? 4 : 16;
  Bytes out;
  Append(out, to.mac.bytes, 6);
  Append(out, from.mac.bytes, 6);
  const uint8_t head4[] = {0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0};
  const uint8_t head6[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64};
  v4 ? Append(out, head4, sizeof(head4)) : Append(out, head6, sizeof(head6));
  Append(out, from.address.bytes, address_bytes);
  Append(out, to.address.bytes, address_bytes);
  AppendPort(out, from.port);
  AppendPort(out, to.port);
  const uint8_t rest[] = {0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0};
  Append(out, rest, sizeof(rest));
  return out;
}

Offsets OffsetsOf(const IpAddress& address) {
  const uint32_t end = kEthernet + (address.IsV4() ? kIp4 : kIp6);
  return {end - 4, end};
}

uint32_t LowWord(const IpAddress& address) {
  uint32_t out = 0;
  const int end = address.BitLength() / 8;
  for (int i = end - 4; i < end; ++i) out = out << 8 | address.bytes[static_cast<size_t>(i)];
  return out;
}

IpAddress Plus(IpAddress base, uint32_t n) {
  uint32_t low = LowWord(base) + n;
  const int end = base.BitLength() / 8;
  for (int i = end - 1; i >= end - 4; --i, low >>= 8) base.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(low);
  return base;
}

}  // namespace bulkhead::bench
