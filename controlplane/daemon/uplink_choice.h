// SPDX-License-Identifier: Apache-2.0
// ChooseUplinks: which interfaces of the host are uplinks, where packets come in from outside.
//
// Thread safety: a pure function.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_CHOICE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_CHOICE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/kernel/links.h"

namespace bulkhead {

struct UplinkFacts {
  std::map<uint32_t, Link> links;           // of the host's namespace, by ifindex
  std::set<uint32_t> outward;               // that the host sends through to the world
  std::set<uint32_t> workloads;             // host sides of workloads' interfaces
  std::optional<std::vector<std::string>> names;  // what the configuration says; nullopt: choose
};

struct UplinkChoice {
  std::set<uint32_t> uplinks;
  std::vector<std::string> problems;  // with names that were given
};

// By themselves: Ethernet interfaces that belong to a device, and those that lead outward; of a VLAN interface the one below it, of a
// bridge or bond none: its ports that belong to a device are uplinks already. Never an interface of a workload, given by name or not.
UplinkChoice ChooseUplinks(const UplinkFacts& facts);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_CHOICE_H_
