// SPDX-License-Identifier: Apache-2.0
// HostAddresses: every address of the host, as its interfaces come and go.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_HOST_ADDRESSES_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_HOST_ADDRESSES_H_

#include <set>
#include <utility>
#include <vector>

#include "bulkhead/model/ip.h"
#include "dataplane/kernel/links.h"

namespace bulkhead {

class HostAddresses {
 public:
  // veth: its link-local addresses are left out: they come and go with every container, and nobody is told them.
  void OnLink(uint32_t ifindex, bool veth) {
    if (veth) {
      veths_.insert(ifindex);
    } else {
      veths_.erase(ifindex);
    }
  }
  void Add(const LinkAddress& address) { held_.insert({address.address, address.ifindex}); }
  void Remove(const LinkAddress& address) { held_.erase({address.address, address.ifindex}); }
  void Replace(const std::vector<LinkAddress>& all) {
    held_.clear();
    for (const LinkAddress& address : all) Add(address);
  }

  // Sorted, unique; loopback left out, since nobody else can send to it.
  std::vector<IpAddress> List() const {
    std::set<IpAddress> out;
    for (const auto& [address, ifindex] : held_) {
      if (!IsLoopback(address) && !(IsLinkLocal(address) && veths_.contains(ifindex))) out.insert(address);
    }
    return {out.begin(), out.end()};
  }

 private:
  static bool IsLoopback(const IpAddress& address) {
    return address.IsV4() ? address.bytes[0] == 127 : address == IpAddress{6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  }

  static bool IsLinkLocal(const IpAddress& address) {
    return !address.IsV4() && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
  }

  std::set<std::pair<IpAddress, uint32_t>> held_;
  std::set<uint32_t> veths_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_HOST_ADDRESSES_H_
