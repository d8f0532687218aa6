// SPDX-License-Identifier: Apache-2.0
// PlanGuard: whom the guard lets through, from what is known of the host's interfaces.
//
// The rules see a port, not its bridge (unless the kernel has `meta ibrname`), and must decide about one that comes while nobody
// runs. So all is dropped but what is listed, and listed is what is no workload's:
//   - ports of bridges that are no container networks, and the bridges themselves;
//   - what the configuration names, and uplinks that it names.
// Interfaces that lead to other machines (nft::IsWire) need no list: a host's NIC is never cut off, on whatever bridge it is.
// Of those that are no wires a veth is listed by number and name at once, since engines use the names of veths again; any other (a
// virtual machine's tap) by its name, under which it comes back after a restart.
//
// Thread safety: pure functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_GUARD_PLAN_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_GUARD_PLAN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/daemon/guard_file.h"
#include "dataplane/kernel/links.h"
#include "dataplane/nft/guard_rules.h"

namespace bulkhead {

struct GuardFacts {
  std::map<uint32_t, Link> links;           // of the host's namespace, by ifindex
  std::set<uint32_t> held;                  // interfaces with programs that were read back
  std::set<uint32_t> workloads;             // interfaces that are, or may be, workloads'
  std::set<std::string> container_bridges;  // names
  std::vector<std::string> exempt;          // by the configuration; a trailing '*' stands for anything
  bool routed = false;                      // there are, or were, workloads that the host routes to
  // Whether the interface has been there for so long that an engine would have claimed it.
  std::function<bool(uint32_t ifindex)> settled;
  nft::FoundGuard found;  // what was exempt before: stays so until it can be told
  KeptGuard kept;         // likewise
  bool can_tell = false;  // all sources have told of their workloads
};

nft::GuardRules PlanGuard(const GuardFacts& facts);

// Interfaces and bridges of the plan that are exempt, patterns included.
size_t CountExempt(const nft::GuardRules& rules);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_GUARD_PLAN_H_
