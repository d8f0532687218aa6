// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/frame.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/model/common.h"

namespace bulkhead::api {
namespace {

constexpr uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd;
constexpr uint8_t kSyn = 0x02, kAck = 0x10;

class Bytes {
 public:
  void Put8(unsigned value) { out_.push_back(static_cast<uint8_t>(value)); }
  void Put16(unsigned value) { Put8(value >> 8), Put8(value & 0xff); }
  void Put32(uint32_t value) { Put16(value >> 16), Put16(value & 0xffff); }
  void Zeros(size_t count) { out_.insert(out_.end(), count, 0); }
  void Put(const IpAddress& address) { out_.insert(out_.end(), address.bytes.begin(), address.bytes.begin() + (address.IsV4() ? 4 : 16)); }
  void Put(const MacAddress& mac) { out_.insert(out_.end(), mac.bytes.begin(), mac.bytes.end()); }
  void Put(const std::vector<uint8_t>& bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  std::vector<uint8_t> Take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
};

uint8_t WireProtocol(const FrameSpec& spec) {
  const bool icmp = spec.protocol == kProtoIcmp || spec.protocol == kProtoIcmp6;
  return icmp ? (spec.source.IsV4() ? kProtoIcmp : kProtoIcmp6) : spec.protocol;
}

std::vector<uint8_t> Transport(const FrameSpec& spec) {
  Bytes out;
  switch (WireProtocol(spec)) {
    case kProtoTcp:
      out.Put16(spec.source_port), out.Put16(spec.destination_port);
      out.Put32(1), out.Put32(spec.opens ? 0 : 1);                   // sequence, acknowledgement
      out.Put8(5 << 4), out.Put8(spec.opens ? kSyn : kAck);          // header of five words
      out.Put16(65535), out.Put16(0), out.Put16(0);
      break;
    case kProtoUdp:
      out.Put16(spec.source_port), out.Put16(spec.destination_port), out.Put16(8), out.Put16(0);
      break;
    case kProtoSctp:
      out.Put16(spec.source_port), out.Put16(spec.destination_port), out.Zeros(16);
      break;
    case kProtoIcmp:
    case kProtoIcmp6:  // echo request: type, code, checksum, id, sequence
      out.Put8(spec.source.IsV4() ? 8 : 128), out.Put8(0), out.Put16(0), out.Put16(spec.source_port), out.Put16(1);
      break;
    default:
      out.Zeros(20);
  }
  return out.Take();
}

std::string PlaceText(const IpAddress& address, uint16_t port, bool has_port) {
  if (!has_port) return address.ToString();
  return address.IsV4() ? absl::StrCat(address.ToString(), ":", port) : absl::StrCat("[", address.ToString(), "]:", port);
}

}  // namespace

std::vector<uint8_t> MakeFrame(const FrameSpec& spec) {
  const std::vector<uint8_t> transport = Transport(spec);
  const auto length = static_cast<unsigned>(transport.size());
  Bytes out;
  out.Put(spec.destination_mac), out.Put(spec.source_mac);
  if (spec.source.IsV4()) {
    out.Put16(kTypeIpv4);
    out.Put8(0x45), out.Put8(0), out.Put16(20 + length), out.Put32(0);
    out.Put8(64), out.Put8(WireProtocol(spec)), out.Put16(0);
  } else {
    out.Put16(kTypeIpv6);
    out.Put32(6u << 28), out.Put16(length), out.Put8(WireProtocol(spec)), out.Put8(64);
  }
  out.Put(spec.source), out.Put(spec.destination);
  out.Put(transport);
  return out.Take();
}

std::string FrameText(const FrameSpec& spec) {
  const bool has_ports = HasPorts(spec.protocol);
  std::string what = ProtocolName(spec.protocol);
  std::transform(what.begin(), what.end(), what.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (spec.protocol == kProtoTcp) what += spec.opens ? " SYN" : " ACK";
  if (spec.protocol == kProtoIcmp || spec.protocol == kProtoIcmp6) what += " echo request";
  return absl::StrCat(what, " ", PlaceText(spec.source, spec.source_port, has_ports), " -> ",
                      PlaceText(spec.destination, spec.destination_port, has_ports));
}

std::optional<IpAddress> SourceOf(const std::vector<uint8_t>& frame) {
  constexpr size_t kEthernet = 14;
  if (frame.size() < kEthernet) return std::nullopt;
  const unsigned type = static_cast<unsigned>(frame[12] << 8 | frame[13]);
  const bool v4 = type == kTypeIpv4;
  if (!v4 && type != kTypeIpv6) return std::nullopt;
  const size_t at = kEthernet + (v4 ? 12 : 8), size = v4 ? 4 : 16;
  if (frame.size() < at + size) return std::nullopt;
  IpAddress out;
  out.family = v4 ? 4 : 6;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), size, out.bytes.begin());
  return out;
}

}  // namespace bulkhead::api
