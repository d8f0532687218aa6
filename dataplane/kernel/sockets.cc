// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/sockets.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "dataplane/kernel/netlink.h"

namespace bulkhead {
namespace {

constexpr PortRange kDefaultRange = {32768, 60999};  // net/ipv4/af_inet.c

// ::ffff:127.0.0.0/104 is of a socket of both families that is bound to the other's loopback.
bool IsLoopback(const inet_diag_msg& socket) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(socket.id.idiag_src);
  if (socket.idiag_family == AF_INET) return bytes[0] == 127;
  in6_addr address;
  std::copy_n(bytes, sizeof(address), reinterpret_cast<uint8_t*>(&address));
  return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

// states: bits by TCP state; an unconnected UDP socket is in TCP_CLOSE (net/ipv4/udp.c).
absl::Status AddSockets(NetlinkSocket& netlink, uint8_t family, uint8_t protocol, uint32_t states, const PortRange& left_out,
                        std::set<ListeningPort>* out) {
  NetlinkRequest request(SOCK_DIAG_BY_FAMILY, 0);
  inet_diag_req_v2 header{};
  header.sdiag_family = family;
  header.sdiag_protocol = protocol;
  header.idiag_states = states;
  request.AddHeader(header);
  return netlink.Dump(
      request, [] {},
      [&](const nlmsghdr& message) {
        if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return;
        const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
        const uint16_t port = ntohs(socket->id.idiag_sport);
        if (port == 0 || IsLoopback(*socket) || out->size() >= kMostListeningPorts) return;
        if (left_out.first <= port && port <= left_out.second) return;
        out->insert({protocol, port});
      });
}

}  // namespace

absl::StatusOr<std::vector<ListeningPort>> ReadListeningPorts() {
  absl::StatusOr<NetlinkSocket> netlink = NetlinkSocket::Open({}, NETLINK_SOCK_DIAG);
  if (!netlink.ok()) return netlink.status();
  return ReadListeningPorts(*netlink, ReadLocalPortRange());
}

absl::StatusOr<std::vector<ListeningPort>> ReadListeningPorts(NetlinkSocket& netlink, const PortRange& local) {
  constexpr PortRange kNone = {1, 0};
  std::set<ListeningPort> out;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    absl::Status status = AddSockets(netlink, family, IPPROTO_TCP, 1u << TCP_LISTEN, kNone, &out);
    if (status.ok()) status = AddSockets(netlink, family, IPPROTO_UDP, 1u << TCP_CLOSE, local, &out);
    if (!status.ok()) return status;
  }
  return std::vector<ListeningPort>(out.begin(), out.end());
}

PortRange ReadLocalPortRange() {
  // The file shows the namespace of the thread that opens it.
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re"), std::fclose);
  unsigned first = 0, last = 0;
  if (file == nullptr || std::fscanf(file.get(), "%u %u", &first, &last) != 2 || first > last || last > 65535) return kDefaultRange;
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

}  // namespace bulkhead
