// SPDX-License-Identifier: Apache-2.0
// The sockets of a network namespace that wait for strangers, as the kernel's sock_diag tells them. Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_KERNEL_SOCKETS_H_
#define BULKHEAD_DATAPLANE_KERNEL_SOCKETS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/kernel/netlink.h"

namespace bulkhead {

struct ListeningPort {
  uint8_t protocol = 0;  // TCP or UDP
  uint16_t port = 0;

  auto operator<=>(const ListeningPort&) const = default;
};

// From (first) to (last) the kernel takes ports for sockets that ask for none (net.ipv4.ip_local_port_range).
using PortRange = std::pair<uint16_t, uint16_t>;

inline constexpr size_t kMostListeningPorts = 4096;  // of one namespace

// Of the calling thread's network namespace, both families; sorted, unique, at most kMostListeningPorts: TCP sockets that listen, and
// UDP sockets that are bound and not connected. Left out: what only loopback reaches, and UDP ports of the local range, since a client
// that does not connect its socket has one, too. kNotFound: the kernel has no sock_diag for these.
absl::StatusOr<std::vector<ListeningPort>> ReadListeningPorts();
// The same over a socket of NETLINK_SOCK_DIAG.
absl::StatusOr<std::vector<ListeningPort>> ReadListeningPorts(NetlinkSocket& netlink, const PortRange& local);

// Of the calling thread's network namespace. Linux's default if it cannot be read.
PortRange ReadLocalPortRange();

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_SOCKETS_H_
