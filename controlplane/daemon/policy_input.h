// SPDX-License-Identifier: Apache-2.0
// What a policy is made of: what people decided, and who lives here.
//
// Thread safety: values and a pure function.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_POLICY_INPUT_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_POLICY_INPUT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/policy/compile.h"

namespace bulkhead {

// What people decided, and what this host is.
struct PolicyInput {
  std::shared_ptr<const PolicyDocuments> documents = std::make_shared<PolicyDocuments>();
  Modes modes;
  std::vector<IpAddress> host_addresses;  // sorted
  KnownNode node;                         // this host
  std::map<IdentityId, Newcomer> newcomers;
};

// An identity with these addresses as the compiler wants it.
KnownIdentity KnownFrom(const Identity& identity, const std::set<IpAddress>& addresses, const PolicyInput& input);

// Identities that nobody remembers (adopted, and the store has lost them) are left out: they stay unknown until their workload is
// found.
CompileInput MakeCompileInput(const PolicyInput& input, const InventoryState& inventory, const IdentityInterner& interner,
                              const PolicyOptions& options, uint64_t generation);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_POLICY_INPUT_H_
