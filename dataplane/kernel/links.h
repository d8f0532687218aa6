// SPDX-License-Identifier: Apache-2.0
// Interfaces and their addresses, of this network namespace and of others that have a number (nsid) in it.
// Thread safety: plain functions over a socket; one thread a socket.
#ifndef BULKHEAD_DATAPLANE_KERNEL_LINKS_H_
#define BULKHEAD_DATAPLANE_KERNEL_LINKS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/ip.h"
#include "dataplane/kernel/netlink.h"

namespace bulkhead {

struct Link {
  uint32_t ifindex = 0;
  std::string name;
  std::string kind;     // veth, bridge, macvlan, ipvlan, vxlan, ...; empty for devices without one
  uint32_t master = 0;  // ifindex of the bridge or bond it is a port of
  uint32_t link = 0;    // ifindex of the veth's other end, or of the interface below; in the namespace `link_nsid` if set
  std::optional<int32_t> link_nsid;
  MacAddress mac;
  uint32_t flags = 0;     // IFF_UP, IFF_LOOPBACK, ...
  uint8_t operstate = 0;  // IF_OPER_UP, ...
  uint16_t type = 0;      // ARPHRD_ETHER, ARPHRD_LOOPBACK, ...
  std::string device;     // that the interface belongs to (a PCI address, virtio0, ...); empty: none, or a kernel before 5.14

  bool operator==(const Link&) const = default;
};

struct LinkAddress {
  uint32_t ifindex = 0;
  IpAddress address;
  uint8_t prefix_length = 0;
  uint8_t scope = 0;   // RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, ...
  uint32_t flags = 0;  // IFA_F_TENTATIVE, ...

  bool operator==(const LinkAddress&) const = default;
};

// nsid: dump that namespace instead of the socket's; kInvalidArgument if nothing has the number (any more).
absl::StatusOr<std::vector<Link>> DumpLinks(NetlinkSocket& socket, std::optional<int32_t> nsid = std::nullopt);
absl::StatusOr<std::vector<LinkAddress>> DumpAddresses(NetlinkSocket& socket, std::optional<int32_t> nsid = std::nullopt);

// Where this namespace would send a packet to that address: ifindex; 0: nowhere. Asks the kernel's routes; nothing is sent.
absl::StatusOr<uint32_t> RouteTo(NetlinkSocket& socket, const IpAddress& address);

struct LinkEvent {
  enum class Type : uint8_t { kLink, kLinkGone, kAddress, kAddressGone };
  Type type = Type::kLink;
  Link link;            // kLink (new or changed), kLinkGone
  LinkAddress address;  // kAddress, kAddressGone
};

// Tells of links and addresses that come, change and go in the namespace of the thread that opened it. Open it before the first
// dump, so that nothing falls between.
class LinkMonitor {
 public:
  static absl::StatusOr<LinkMonitor> Open();
  explicit LinkMonitor(NetlinkSocket socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.fd(); }  // readable when Drain has something
  // Never blocks. kDataLoss: events were lost; dump anew.
  absl::Status Drain(const std::function<void(const LinkEvent&)>& callback);

 private:
  NetlinkSocket socket_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_LINKS_H_
