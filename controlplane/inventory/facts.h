// SPDX-License-Identifier: Apache-2.0
// What the inventory is told about the kernel, and what it asks. Plain values.
#ifndef BULKHEAD_CONTROLPLANE_INVENTORY_FACTS_H_
#define BULKHEAD_CONTROLPLANE_INVENTORY_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

// An interface of the host's network namespace, as RTM_NEWLINK tells it.
struct HostLink {
  uint32_t ifindex = 0;
  std::string name;
  std::string kind;     // "veth", "bridge", ...; empty = a device of its own
  uint32_t master = 0;  // ifindex of the bridge that it is a port of
  int32_t peer_nsid = -1;  // IFLA_LINK_NETNSID: the namespace of a veth's other end; -1 = here, or not known

  bool operator==(const HostLink&) const = default;
};

// One interface inside a workload's namespace whose other end is in the host's.
struct FoundInterface {
  uint32_t host_ifindex = 0;
  std::string name;  // inside
  MacAddress mac;    // inside
  std::vector<IpAddress> addresses;  // inside; link-local ones left out

  bool operator==(const FoundInterface&) const = default;
};

// What was found in a workload's network namespace.
struct Resolution {
  absl::Status status;  // not ok: nothing could be learnt, and the rest is empty
  int32_t nsid = -1;
  std::vector<FoundInterface> interfaces;
  std::vector<std::string> unseen;  // other ways out that the hooks cannot see: "eth1 (macvlan)"

  bool operator==(const Resolution&) const = default;
};

// Please look into this namespace. `token` goes back with the answer: an answer about an older process is worth nothing.
struct ResolveRequest {
  std::string key;
  uint64_t token = 0;
  int pid = 0;
  std::string netns_path;  // empty: /proc/<pid>/ns/net
};

// Please say which MAC is at the other end of this veth.
struct PeerRequest {
  uint32_t ifindex = 0;
  int32_t nsid = -1;  // of the namespace that holds the other end
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_INVENTORY_FACTS_H_
