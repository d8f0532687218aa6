// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/source_check.h"

#include <algorithm>
#include <optional>

namespace bulkhead::reference {
namespace {

constexpr uint8_t kRouterSolicitation = 133, kRouterAdvertisement = 134, kNeighbourAdvertisement = 136, kRedirect = 137;
constexpr uint8_t kOptionSourceLinkLayer = 1, kOptionTargetLinkLayer = 2, kOptionNonce = 14;
constexpr size_t kOptionBytes = 8;  // of each of the three, on Ethernet
constexpr int kMaxNdOptions = 8;
constexpr uint16_t kDhcpServer = 67, kDhcpClient = 68, kDhcp6Client = 546, kDhcp6Server = 547;

SourceCheck Refused(bh_reason reason) { return {SourceVerdict::kRefused, reason}; }
constexpr SourceCheck kPass{SourceVerdict::kPasses, BH_REASON_NONE};
constexpr SourceCheck kToJudge{SourceVerdict::kJudge, BH_REASON_NONE};

// Whose packet is checked, and against what.
struct Sender {
  const EndpointState& endpoint;
  const Directory& directory;

  bool Owns(const IpAddress& address) const { return directory.Holder(endpoint.zone, address) == endpoint.slot; }
};

// A MAC that nobody has told us cannot be checked.
bool MacIsOwn(const EndpointState& endpoint, Bytes mac) {
  return endpoint.mac.IsZero() || std::equal(mac.begin(), mac.begin() + 6, endpoint.mac.bytes.begin());
}

bool IsOwnLinkLocal(const EndpointState& endpoint, const IpAddress& address) {
  return !endpoint.mac.IsZero() && address == LinkLocalOf(endpoint.mac);
}

SourceCheck CheckArp(const Parsed& packet, const Sender& sender) {
  const EndpointState& endpoint = sender.endpoint;
  if (!endpoint.bound) return kPass;
  IpAddress address;
  std::copy_n(packet.body.begin() + 14, 4, address.bytes.begin());
  const bool own = MacIsOwn(endpoint, packet.body.subspan(8, 6)) && MacIsOwn(endpoint, packet.source_mac.bytes);
  return own && (address.IsUnspecified() || sender.Owns(address)) ? kPass : Refused(BH_REASON_SPOOFED_ARP);
}

// RFC 4861 section 4.6, and the nonce of RFC 7527 section 4: what hosts send. Others could hold anything.
SourceCheck CheckNdOptions(Bytes options, const EndpointState& endpoint, bool to_all) {
  for (int seen = 0; !options.empty(); ++seen) {
    if (seen == kMaxNdOptions) return Refused(BH_REASON_SPOOFED_ND);
    if (options.size() < 8) return Refused(BH_REASON_TRUNCATED);
    const size_t length = options[1] * size_t{8};
    if (length == 0 || length > options.size()) return Refused(BH_REASON_TRUNCATED);
    const bool link_layer = options[0] == kOptionSourceLinkLayer || options[0] == kOptionTargetLinkLayer;
    const bool nonce = to_all && options[0] == kOptionNonce;
    if (length != kOptionBytes || !(link_layer || nonce)) return Refused(BH_REASON_SPOOFED_ND);
    const bool own = !endpoint.bound || MacIsOwn(endpoint, options.subspan(2, 6));
    if (link_layer && !own) return Refused(BH_REASON_SPOOFED_ND);
    options = options.subspan(length);
  }
  return kPass;
}

// `::` for duplicate address detection and before an address is there.
bool NdSourceIsOwn(const Parsed& packet, const Sender& sender) {
  const IpAddress& source = packet.tuple.source;
  return source.IsUnspecified() || sender.Owns(source) || MayBeOwnLinkLocal(sender.endpoint, sender.directory, source);
}

// What a solicitation or an advertisement speaks of.
std::optional<IpAddress> NdTarget(const Parsed& packet) {
  if (packet.icmp_type == kRouterSolicitation || packet.body.size() < 24) return std::nullopt;
  IpAddress target;
  target.family = 6;
  std::copy_n(packet.body.begin() + 8, 16, target.bytes.begin());
  return target;
}

// A neighbour that no engine knows: in the sender's /64, and told nothing that the sender could choose.
bool NdIsForUnknownNeighbour(const Parsed& packet, const Sender& sender) {
  const IpAddress &from = packet.tuple.source, &to = packet.tuple.destination;
  if (!sender.endpoint.bound || !sender.Owns(from) || !std::equal(to.bytes.begin(), to.bytes.begin() + 8, from.bytes.begin())) return false;
  return packet.icmp_type == kNeighbourAdvertisement || NdTarget(packet) == to;
}

// Else it would be routed, past all policy.
bool NdStaysOnLink(const Parsed& packet, const Sender& sender) {
  const IpAddress& to = packet.tuple.destination;
  if (IsMulticast(to) || IsLinkLocal(to) || sender.directory.At(sender.endpoint.zone, to) || sender.directory.IsHost(to)) return true;
  return !sender.directory.At(0, to) && NdIsForUnknownNeighbour(packet, sender);
}

SourceCheck CheckNeighbour(const Parsed& packet, const Sender& sender) {
  if (packet.icmp_type == kRouterAdvertisement || packet.icmp_type == kRedirect) return Refused(BH_REASON_ROUTER_ADVERT);
  const EndpointState& endpoint = sender.endpoint;
  if (packet.hop_limit != 255) return Refused(BH_REASON_SPOOFED_ND);
  if (endpoint.bound && !NdSourceIsOwn(packet, sender)) return Refused(BH_REASON_SPOOFED_IP);
  if (!NdStaysOnLink(packet, sender)) return Refused(BH_REASON_SPOOFED_ND);
  const size_t header = packet.icmp_type == kRouterSolicitation ? 8 : 24;
  if (packet.body.size() < header) return Refused(BH_REASON_TRUNCATED);
  if (endpoint.bound && packet.icmp_type == kNeighbourAdvertisement) {
    const IpAddress target = *NdTarget(packet);
    if (!sender.Owns(target) && !IsOwnLinkLocal(endpoint, target)) return Refused(BH_REASON_SPOOFED_ND);
  }
  return CheckNdOptions(packet.body.subspan(header), endpoint, IsMulticast(packet.tuple.destination));
}

// IGMP may come from 0.0.0.0 (RFC 4541 section 2.1.1), MLD from `::` (RFC 3590).
SourceCheck CheckListener(const Parsed& packet, const Sender& sender) {
  const bool v6 = !packet.tuple.source.IsV4();
  if (v6 && packet.hop_limit != 1) return Refused(BH_REASON_SPOOFED_ND);
  if (sender.endpoint.bound && !NdSourceIsOwn(packet, sender)) return Refused(BH_REASON_SPOOFED_IP);
  return IsOfThisLink(packet) ? kPass : Refused(BH_REASON_SPOOFED_ND);
}

bool IsUdp(const Parsed& packet, uint16_t from, uint16_t to) {
  return packet.kind == Kind::kFlow && packet.tuple.protocol == kProtoUdp && packet.tuple.source_port == from &&
         packet.tuple.destination_port == to;
}

// A client that has no address yet (RFC 2131 section 4.1, RFC 8415 section 13).
bool IsDhcpClient(const Parsed& packet) {
  const Tuple& tuple = packet.tuple;
  if (tuple.source.IsV4()) {
    return IsUdp(packet, kDhcpClient, kDhcpServer) && tuple.source.IsUnspecified() &&
           tuple.destination == IpAddress::V4(255, 255, 255, 255);
  }
  return IsUdp(packet, kDhcp6Client, kDhcp6Server) && IsLinkLocal(tuple.source) && IsMulticast(tuple.destination);
}

bool IsDhcpServer(const Parsed& packet) {
  return packet.tuple.source.IsV4() ? IsUdp(packet, kDhcpServer, kDhcpClient) : IsUdp(packet, kDhcp6Server, kDhcp6Client);
}

}  // namespace

bool IsOfThisLink(const Parsed& packet) {
  const IpAddress& source = packet.tuple.source;
  if (packet.kind == Kind::kNeighbour) return packet.hop_limit == 255;
  // RFC 3810 section 5, RFC 3590.
  return source.IsV4() || (packet.hop_limit == 1 && (source.IsUnspecified() || IsLinkLocal(source)));
}

bool MayBeOwnLinkLocal(const EndpointState& endpoint, const Directory& directory, const IpAddress& address) {
  if (!IsLinkLocal(address)) return false;
  if (IsOwnLinkLocal(endpoint, address)) return true;
  const auto found = directory.At(endpoint.zone, address);
  const bool anothers = directory.IsHost(address) || (found && found->slot != endpoint.slot);
  return !anothers && !directory.IsLinkLocalOfAny(endpoint.zone, address);
}

SourceCheck CheckSource(const Parsed& packet, const EndpointState& endpoint, const Directory& directory) {
  const Sender sender{endpoint, directory};
  if (packet.kind == Kind::kArp) return CheckArp(packet, sender);
  if (endpoint.bound && !MacIsOwn(endpoint, packet.source_mac.bytes)) return Refused(BH_REASON_SPOOFED_MAC);
  if (packet.kind == Kind::kNeighbour) return CheckNeighbour(packet, sender);
  if (packet.kind == Kind::kListener) return CheckListener(packet, sender);
  if (IsDhcpClient(packet)) return kPass;
  if (IsDhcpServer(packet)) return Refused(BH_REASON_DHCP_SERVER);
  if (!endpoint.bound) return kToJudge;
  const bool own = sender.Owns(packet.tuple.source) || IsOwnLinkLocal(endpoint, packet.tuple.source);
  return own ? kToJudge : Refused(BH_REASON_SPOOFED_IP);
}

}  // namespace bulkhead::reference
