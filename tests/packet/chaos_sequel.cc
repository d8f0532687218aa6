// SPDX-License-Identifier: Apache-2.0
// The second half of Chaos: packets that belong to earlier ones, or to what is published.
#include <algorithm>

#include "tests/packet/chaos.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint8_t kFragmentHeader = 44;  // of IPv6

}  // namespace

// Where addresses, protocol and ports are when there is nothing between the headers.
std::optional<Chaos::Layout> Chaos::LayoutOf(const ByteVector& bytes) {
  if (bytes[12] == 0x86 && bytes.size() >= 62) return Layout{6, 22, 38, 20, 54};
  if (bytes[12] == 0x08 && bytes[14] == 0x45 && bytes.size() >= 42) return Layout{4, 26, 30, 23, 34};
  return std::nullopt;
}

Packet Chaos::Continued(const Packet& packet) {
  Packet out = packet;
  ByteVector& bytes = out.bytes;
  const auto at = LayoutOf(bytes);
  if (!at) return out;
  if (bytes[at->protocol] == kProtoTcp && bytes.size() > at->transport + 13) bytes[at->transport + 13] = AnyFlags();
  const bool fragment4 = at->family == 4 && ((bytes[20] & 0x3f) | bytes[21]) != 0;
  const bool fragment6 = at->family == 6 && bytes[at->protocol] == kFragmentHeader;
  if (fragment4) {
    bytes[20] = OneIn(2) ? 0x20 : 0;
    bytes[21] = static_cast<uint8_t>(Below(6));
  } else if (fragment6) {
    bytes[at->transport + 3] = static_cast<uint8_t>(Below(6) << 3 | Below(2));
  }
  return out;
}

Packet Chaos::Translated(const Packet& packet) {
  Packet out = Delivered(packet);
  const auto at = LayoutOf(out.bytes);
  if (!at) return out;
  const bool source = OneIn(2);
  const IpAddress address = AnyAddress(at->family);
  std::copy_n(address.bytes.begin(), at->family == 4 ? 4 : 16, out.bytes.begin() + (source ? at->source : at->destination));
  const uint16_t port = AnyPort();
  const size_t where = at->transport + (source ? 0 : 2);
  if (!HasPorts(out.bytes[at->protocol]) || OneIn(2)) return out;
  out.bytes[where] = static_cast<uint8_t>(port >> 8);
  out.bytes[where + 1] = static_cast<uint8_t>(port);
  return out;
}

bool Chaos::AtItsSender(Packet& packet) {
  for (const Actor& actor : Cast()) {
    if (!std::equal(actor.mac().bytes.begin(), actor.mac().bytes.end(), packet.bytes.begin() + 6)) continue;
    packet.hook = BH_HOOK_INGRESS;
    packet.ifindex = packet.ingress_ifindex = actor.ifindex();
    packet.zone = actor.zone();
    packet.tag = 0;
    return true;
  }
  return false;
}

Packet Chaos::Answered(const Packet& packet) {
  Packet out = packet;
  ByteVector& bytes = out.bytes;
  const auto at = LayoutOf(bytes);
  if (!at) return out;
  const auto swap = [&](size_t a, size_t b, size_t length) {
    std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(a), bytes.begin() + static_cast<std::ptrdiff_t>(a + length),
                     bytes.begin() + static_cast<std::ptrdiff_t>(b));
  };
  swap(0, 6, 6);
  swap(static_cast<size_t>(at->source), static_cast<size_t>(at->destination), at->family == 4 ? 4 : 16);
  const size_t transport = at->transport;
  const uint8_t protocol = bytes[at->protocol];
  if (HasPorts(protocol)) swap(transport, transport + 2, 2);
  if (protocol == kProtoIcmp) bytes[transport] = bytes[transport] == 8 ? 0 : 8;
  if (protocol == kProtoIcmp6) bytes[transport] ^= 1;
  if (protocol == kProtoTcp && bytes.size() > transport + 13) bytes[transport + 13] = OneIn(2) ? kSyn | kAck : AnyFlags();
  if (AtItsSender(out)) return out;
  // Nobody's here: it comes from outside or from the host, to who asked.
  out.hook = BH_HOOK_EGRESS;
  out.ifindex = packet.ifindex;
  out.ingress_ifindex = OneIn(2) ? kUplink : OneIn(2) ? 0 : AnyActor().ifindex();
  out.tag = out.ingress_ifindex == kUplink || OneIn(2) ? uint16_t{0} : AnyActor().slot();
  return out;
}

Packet Chaos::Delivered(const Packet& packet) {
  Packet out = packet;
  out.hook = BH_HOOK_EGRESS;
  out.ingress_ifindex = packet.ifindex;
  out.tag = static_cast<uint16_t>(packet.ifindex - kFirstIfindex);
  if (OneIn(6)) out.tag = Replacement(out.tag);
  for (const Actor& actor : Cast()) {
    if (!std::equal(actor.mac().bytes.begin(), actor.mac().bytes.end(), packet.bytes.begin())) continue;
    out.ifindex = actor.ifindex();
    out.zone = actor.zone();
  }
  return out;
}

Packet Chaos::Retagged(const Packet& packet) {
  Packet out = packet;
  if (packet.hook == BH_HOOK_INGRESS) return out;
  out.tag = OneIn(3) ? uint16_t{0} : AnyActor().slot();
  if (OneIn(3)) out.ingress_ifindex = OneIn(2) ? 0 : kUplink;
  return out;
}

Packet Chaos::Complained(const Packet& packet) {
  const auto at = LayoutOf(packet.bytes);
  if (!at) return packet;
  const auto address = [&](std::ptrdiff_t offset) {
    IpAddress out;
    out.family = static_cast<uint8_t>(at->family);
    std::copy_n(packet.bytes.begin() + offset, at->family == 4 ? 4 : 16, out.bytes.begin());
    return out;
  };
  const IpAddress sender = address(at->source);
  const auto mac = [&](size_t offset) {
    MacAddress out;
    std::copy_n(packet.bytes.begin() + static_cast<std::ptrdiff_t>(offset), 6, out.bytes.begin());
    return out;
  };
  const Actor& third = AnyActor();
  const bool by_third = OneIn(3);
  const auto end = packet.bytes.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(packet.bytes.size(), 14 + 512));
  const Frame quoted = Raw{ByteVector(packet.bytes.begin() + 14, end)};
  const Frame message = at->family == 4 ? Frame(Icmp{3}) : Frame(Icmp6{1});
  Packet out = packet;
  out.bytes = (Headers(at->family, by_third ? third.mac() : mac(0), by_third ? third.ip(at->family) : address(at->destination),
                       mac(6), sender) /
               message / quoted)
                  .Build();
  AtItsSender(out);
  return OneIn(2) ? out : Delivered(out);
}

Packet Chaos::ToPublished() {
  const PublishedTarget& target = Of(targets_);
  const Actor& from = AnyActor();
  const bool proxy = OneIn(2);
  const int family = proxy ? target.target.family : target.host.family;
  const IpAddress host = proxy || target.host.IsUnspecified() ? HostUplink(family) : target.host;
  const uint16_t port = proxy ? target.target_port : target.host_port;
  const Frame segment = target.protocol == kProtoTcp ? Frame(Tcp{AnyPort(), port, AnyFlags()}) : Frame(Udp{AnyPort(), port, {}});
  Packet out;
  out.hook = BH_HOOK_INGRESS;
  out.ifindex = out.ingress_ifindex = from.ifindex();
  out.zone = from.zone();
  out.bytes = (ToGateway(from, host) / segment / Payload{8}).Build();
  if (!proxy) return out;
  for (const Actor& actor : Cast()) {
    if (actor.zone() != target.target_zone || actor.ip(family) != target.target) continue;
    out = {BH_HOOK_EGRESS, actor.zone(), actor.ifindex(), 0, 0, false, (FromGateway(host, actor) / segment / Payload{8}).Build()};
  }
  return out;
}

Packet Chaos::RandomPacket() {
  if (earlier_.size() < kRemembered) {
    earlier_.push_back(NewPacket());
    return earlier_.back();
  }
  Packet& old = earlier_[Below(kRemembered)];
  old = Sequel(old);
  return old;
}

Packet Chaos::Sequel(const Packet& packet) {
  switch (Below(12)) {
    case 0:
      return NewPacket();
    case 1:
      return targets_.empty() ? NewPacket() : ToPublished();
    case 2:
      return packet;
    case 3:
    case 4:
      return Continued(packet);
    case 5:
    case 6:
      return Delivered(packet);
    case 7:
      return Translated(packet);
    case 8:
      return Retagged(packet);
    case 9:
      return Complained(packet);
    default:
      return Answered(packet);
  }
}

}  // namespace bulkhead::packet_test
