// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/chaos.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

namespace bulkhead::packet_test {
namespace {

const std::vector<std::string>& Services() {
  static const std::vector<std::string> services = {"web", "api", "db", "evil", "cache", "twin", "late"};
  return services;
}

const std::vector<std::string>& Peers() {
  static const std::vector<std::string> peers = {"",
                                                 "web",
                                                 "api",
                                                 "db",
                                                 "evil",
                                                 "cache",
                                                 "twin",
                                                 "web",
                                                 "198.19.1.0/24",
                                                 "fd00:9:1::/64",
                                                 "198.18.0.0/16",
                                                 "fd00:1::/64",
                                                 "api",
                                                 "db",
                                                 "198.19.1.7/32",
                                                 "0.0.0.0/0",
                                                 "::/0",
                                                 "198.18.1.1/32"};
  return peers;
}

const std::vector<std::string>& Ports() {
  static const std::vector<std::string> ports = {"",
                                                 "[{protocol: TCP, port: 5432}]",
                                                 "[{protocol: UDP, port: 5432}]",
                                                 "[{protocol: SCTP}]",
                                                 "[{protocol: TCP, port: 1, endPort: 33000}]",
                                                 "[{protocol: UDP}]",
                                                 "[{protocol: TCP}, {protocol: UDP, port: 53}]"};
  return ports;
}

}  // namespace

bool KernelTakes(const ByteVector& bytes) {
  if (bytes.size() < 15) return false;
  const unsigned type = static_cast<unsigned>(bytes[12]) << 8 | bytes[13];
  return bytes.size() >= (type == 0x0800 ? 34u : type == 0x86dd ? 54u : 15u);
}

Setting Chaos::RandomSetting() {
  static const std::vector<Mode> modes = {Mode::kLearn, Mode::kAudit, Mode::kEnforce, Mode::kEnforce, Mode::kEnforce};
  Setting setting;
  for (const std::string& service : Services()) {
    for (uint32_t rules = Below(4); rules > 0; --rules) {
      setting.policies +=
          OneIn(2) ? AllowIngress(service, Of(Peers()), Of(Ports())) : AllowEgress(service, Of(Peers()), Of(Ports()));
    }
    if (OneIn(6)) setting.policies += OneIn(2) ? IsolateIngress(service) : IsolateEgress(service);
    if (OneIn(5)) setting.audits += OneIn(2) ? AllowIngress(service, Of(Peers()), Of(Ports())) : IsolateEgress(service);
    if (OneIn(2)) setting.modes[service] = Of(modes);
  }
  setting.global_mode = Of(modes);
  setting.options.default_allow = !OneIn(6);
  setting.options.allow_from_host = !OneIn(3);
  return setting;
}

std::vector<PublishedTarget> Chaos::RandomTargets() {
  std::vector<PublishedTarget> targets;
  for (uint32_t count = Below(5); count > 0; --count) {
    const int family = OneIn(2) ? 4 : 6, inner = OneIn(8) ? 10 - family : family;
    const Actor& to = AnyActor();
    const IpAddress any = Ip(family == 4 ? "0.0.0.0" : "::");
    targets.push_back(
        {OneIn(2) ? any : Of(HostAddresses()), AnyPort(), OneIn(3) ? kProtoUdp : kProtoTcp, to.ip(inner), AnyPort(), to.zone()});
  }
  // One target for each port of the host, as engines have it.
  const auto place = [](const PublishedTarget& t) { return std::tie(t.host, t.host_port, t.protocol); };
  std::sort(targets.begin(), targets.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  targets.erase(std::unique(targets.begin(), targets.end(), [&](const auto& a, const auto& b) { return place(a) == place(b); }),
                targets.end());
  targets_ = targets;
  return targets;
}

EndpointState Chaos::RandomEndpoint() {
  EndpointState endpoint = AnyActor().endpoint;
  if (OneIn(4)) endpoint.slot = Replacement(endpoint.slot);
  for (uint32_t changes = Below(3); changes > 0; --changes) Alter(endpoint);
  return endpoint;
}

std::vector<IpAddress> Chaos::RandomHostAddresses() {
  std::vector<IpAddress> addresses = HostAddresses();
  if (OneIn(2)) addresses.erase(addresses.begin() + Below(static_cast<uint32_t>(addresses.size())));
  if (OneIn(2)) addresses.push_back(AnyActor().ip(OneIn(2) ? 4 : 6));
  if (OneIn(2)) addresses.push_back(Ip("fe80::1"));
  return addresses;
}

void Chaos::Alter(EndpointState& endpoint) {
  switch (Below(5)) {
    case 0:
      if (endpoint.bound) endpoint.identity = kFirstIdentity + Below(8);  // two of them are known only later, if ever
      break;
    case 1:
      endpoint.bound = false;
      endpoint.workload = 0;
      endpoint.identity = kIdentityUnknown;
      endpoint.addresses.clear();
      break;
    case 2:
      endpoint.mac = {};
      break;
    case 3:
      endpoint.zone = static_cast<uint16_t>(Below(3));
      break;
    default:
      if (endpoint.bound) endpoint.addresses.push_back(OneIn(3) ? Outside(4, 9) : AnyActor().ip(OneIn(2) ? 4 : 6));
      break;
  }
}

uint16_t Chaos::AnyPort() {
  static const std::vector<uint16_t> ports = {40000, 40000, 5432, 5432, 5432, 53, 67, 68, 546, 547, 32768};
  return OneIn(12) ? static_cast<uint16_t>(Below(65536)) : Of(ports);
}

uint8_t Chaos::AnyFlags() {
  static const std::vector<uint8_t> flags = {kSyn, kSyn, kSyn | kAck, kAck, kAck, kFin | kAck, kRst, kRst | kAck, kPsh | kAck};
  return OneIn(10) ? static_cast<uint8_t>(Below(256)) : Of(flags);
}

IpAddress Chaos::AnyAddress(int family) {
  switch (Below(12)) {
    case 0:
      return HostUplink(family);
    case 1:
      return Outside(family, static_cast<uint8_t>(7 + Below(3)));
    case 2:
      return Gateway(static_cast<uint16_t>(1 + Below(2)), family);
    case 3:
      return Ip(family == 4 ? "0.0.0.0" : "::");
    case 4:
      return Ip(family == 4 ? "224.0.0.251" : "ff02::fb");
    case 5:
      return family == 4 ? IpAddress::V4(255, 255, 255, 255) : LinkLocal(AnyActor());
    default:
      return AnyActor().ip(family);
  }
}

MacAddress Chaos::MacOf(const IpAddress& address) {
  for (const Actor& actor : Cast()) {
    if ((actor.v4 == address || actor.v6 == address || LinkLocal(actor) == address) && !OneIn(4)) return actor.mac();
  }
  if (address.bytes[0] == 0xff || OneIn(30)) return Broadcast();
  return GatewayMac();
}

Frame Chaos::Transport(int family) {
  const uint16_t from = AnyPort(), to = AnyPort();
  const size_t length = Below(40);
  switch (Below(9)) {
    case 0:
    case 1:
    case 2:
      return Tcp{from, to, AnyFlags()} / Payload{length};
    case 3:
    case 4:
      return Udp{from, to, {}} / Payload{length};
    case 5:
      return Sctp{from, to} / Payload{length};
    case 6:
    case 7: {
      const uint16_t id = static_cast<uint16_t>(Below(3));
      const bool reply = OneIn(2);
      if (family == 4) return Icmp{static_cast<uint8_t>(reply ? 0 : 8), 0, id, 1} / Payload{length};
      return Icmp6{static_cast<uint8_t>(reply ? 129 : 128), 0, id, 1} / Payload{length};
    }
    default: {
      const auto type = static_cast<uint8_t>(Below(256));
      if (OneIn(2)) return Payload{length};
      if (family == 4) return Icmp{type, 0, 0, 0} / Payload{length};
      return Icmp6{type, 0, 0, 0} / Payload{length};
    }
  }
}

Frame Chaos::Extensions() {
  static const std::vector<uint8_t> kinds = {kHopByHop, kRouting, kDestinationOptions, kAuthentication, 135, 253};
  Frame frame;
  for (uint32_t count = OneIn(4) ? Below(9) : 0; count > 0; --count) {
    const uint8_t kind = OneIn(8) ? Of(kinds) : kDestinationOptions;
    frame = frame / Extension{kind, static_cast<uint16_t>(8 * (1 + Below(3))), {}};
  }
  return frame;
}

Frame Chaos::Options(int family) {
  Frame frame;
  if (family == 4) return frame;
  frame = Extensions();
  if (OneIn(6)) {
    const bool later = OneIn(2);
    const uint16_t offset = static_cast<uint16_t>(later ? 8 * Below(5) : 0);
    const Fragment6 fragment{offset, OneIn(2), Below(3), {}};
    frame = frame / fragment / Extensions();
  }
  return frame;
}

Frame Chaos::IpHeader(const IpAddress& from, const IpAddress& to) {
  if (!from.IsV4()) return IPv6{from, to, {}, static_cast<uint8_t>(OneIn(3) ? 64 : 255)};
  IPv4 header{from, to};
  if (OneIn(6)) header.options = ByteVector(4 * (1 + Below(10)), 1);
  if (OneIn(6)) {
    header.id = static_cast<uint16_t>(Below(3));
    header.more = OneIn(2);
    header.offset = static_cast<uint16_t>(OneIn(2) ? 8 * Below(5) : 0);
  }
  return header;
}

Frame Chaos::TinyFragment(const IpAddress& from, const IpAddress& to) {
  const uint8_t protocol = OneIn(2) ? kProtoTcp : kProtoUdp;
  const Payload payload{Below(24)};
  if (from.IsV4()) return IPv4{from, to, protocol, 64, static_cast<uint16_t>(Below(3)), true} / payload;
  return IPv6{from, to} / Fragment6{0, true, Below(3), protocol} / payload;
}

Frame Chaos::Ordinary(const IpAddress& from, const IpAddress& to) {
  if (OneIn(40)) return TinyFragment(from, to);
  return IpHeader(from, to) / Options(from.family) / Transport(from.family);
}

Frame Chaos::IcmpError(const IpAddress& from, const IpAddress& to) {
  static const std::vector<uint8_t> v4 = {3, 11, 12}, v6 = {1, 2, 3, 4};
  const Frame inner = OneIn(4) ? Ordinary(AnyAddress(from.family), AnyAddress(from.family)) : Ordinary(to, from);
  const Frame message = from.IsV4() ? Frame(Icmp{Of(v4)}) : Frame(Icmp6{Of(v6)});
  return IpHeader(from, to) / message / inner;
}

Frame Chaos::Nd(const Actor& from) {
  const Actor& other = OneIn(3) ? AnyActor() : from;
  const IpAddress source = OneIn(3) ? LinkLocal(other) : OneIn(4) ? AnyAddress(6) : OneIn(8) ? Ip("fe80::1") : from.v6;
  const IpAddress to = OneIn(2) ? Ip("ff02::1") : OneIn(3) ? AnyAddress(6) : OneIn(8) ? Ip("fe80::2") : AnyActor().v6;
  const std::optional<MacAddress> mac = OneIn(3) ? std::nullopt : std::optional(other.mac());
  const Frame ip = IPv6{source, to, {}, static_cast<uint8_t>(OneIn(8) ? 64 : OneIn(4) ? 1 : 255)};
  switch (Below(7)) {
    case 0: {
      static const std::vector<uint8_t> options = {1, 2, 14, 14, 14, 200};
      const Raw option{{Of(options), static_cast<uint8_t>(OneIn(4) ? 2 : 1), 0, 0, 0, 0, 0, 0}};
      const Frame message = ip / NeighbourSolicitation(AnyActor().v6, mac);
      return OneIn(3) ? message / option / Payload{OneIn(2) ? 8u : 0u} : message;
    }
    case 1:
      return ip / NeighbourAdvertisement(other.v6, mac);
    case 2:
      return ip / NeighbourAdvertisement(LinkLocal(other), mac);
    case 3:
      return ip / RouterSolicitation(mac);
    case 4:
      return ip / RouterAdvertisement();
    case 5:
      return ip / Redirect(other.v6);
    default:
      return ip / ListenerReport();
  }
}

Frame Chaos::AnyArp(const Actor& from) {
  const Actor& claimed = OneIn(3) ? AnyActor() : from;
  const IpAddress ip = OneIn(4) ? Ip("0.0.0.0") : OneIn(4) ? AnyActor().v4 : from.v4;
  return Arp{static_cast<uint16_t>(1 + Below(2)), claimed.mac(), ip, {}, AnyActor().v4};
}

Frame Chaos::Special(const Actor& from) {
  switch (Below(4)) {
    case 0:
      return AnyArp(from);
    case 1:
      return Nd(from);
    case 2:
      return IPv4{OneIn(2) ? Ip("0.0.0.0") : from.v4, IpAddress::V4(255, 255, 255, 255)} / (OneIn(2) ? DhcpClient() : DhcpServer());
    default:
      return IPv4{from.v4, Ip("224.0.0.22"), uint8_t{2}, static_cast<uint8_t>(OneIn(3) ? 64 : 1)} /
             Payload{8 + (OneIn(4) ? Below(1200) : 0)};
  }
}

void Chaos::Mutate(ByteVector& bytes) {
  for (uint32_t count = 1 + Below(3); count > 0; --count) {
    const uint32_t at = Below(static_cast<uint32_t>(bytes.size()));
    switch (Below(4)) {
      case 0:
        bytes[at] = static_cast<uint8_t>(Below(256));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(bytes[at] ^ (1u << Below(8)));
        break;
      case 2:
        bytes.resize(std::max<size_t>(15, at));
        break;
      default:
        bytes.resize(bytes.size() + Below(20));
        break;
    }
  }
}

Packet Chaos::NewPacket() {
  const Actor& from = AnyActor();
  const Actor& to = AnyActor();
  const int family = OneIn(2) ? 4 : 6;
  const bool at_ingress = OneIn(2);
  const IpAddress source = OneIn(8) ? AnyAddress(family) : from.ip(family);
  const IpAddress destination = OneIn(4) ? AnyAddress(family) : to.ip(family);
  const MacAddress source_mac = OneIn(20) ? AnyActor().mac() : from.mac();
  Frame frame = Ethernet{source_mac, MacOf(destination), {}};
  if (OneIn(60)) frame = frame / Vlan{};
  frame = frame / (OneIn(8) ? Special(from) : OneIn(8) ? IcmpError(source, destination) : Ordinary(source, destination));

  Packet packet;
  packet.hook = at_ingress ? BH_HOOK_INGRESS : BH_HOOK_EGRESS;
  const Actor& at = at_ingress ? from : to;
  packet.zone = at.zone();
  packet.ifindex = OneIn(40) ? AnyActor().ifindex() : OneIn(60) ? kNoEndpoint : at.ifindex();
  packet.ingress_ifindex = at_ingress ? packet.ifindex : OneIn(6) ? 0 : OneIn(6) ? kUplink : from.ifindex();
  packet.tag = OneIn(12) ? AnyActor().slot() : OneIn(10) || packet.ingress_ifindex != from.ifindex() ? uint16_t{0} : from.slot();
  packet.bytes = frame.Build();
  if (OneIn(6)) Mutate(packet.bytes);
  while (!KernelTakes(packet.bytes)) packet.bytes.push_back(0);
  return packet;
}

}  // namespace bulkhead::packet_test
