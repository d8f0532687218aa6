// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_input.h"

namespace bulkhead {

KnownIdentity KnownFrom(const Identity& identity, const std::set<IpAddress>& addresses, const PolicyInput& input) {
  KnownIdentity known;
  known.identity = identity;
  known.named_ports = identity.named_ports;
  known.addresses.assign(addresses.begin(), addresses.end());
  known.mode = input.modes.Of(identity.ns, identity.service);
  if (const auto at = input.newcomers.find(identity.id); at != input.newcomers.end()) known.newcomer = at->second;
  return known;
}

CompileInput MakeCompileInput(const PolicyInput& input, const InventoryState& inventory, const IdentityInterner& interner,
                              const PolicyOptions& options, uint64_t generation) {
  CompileInput out;
  out.documents = input.documents;
  out.host_addresses = input.host_addresses;
  out.nodes = {input.node};
  out.options = options;
  out.global_mode = input.modes.global;
  out.generation = generation;
  for (const auto& [id, addresses] : inventory.identities) {
    if (const Identity* identity = interner.Find(id)) out.identities.push_back(KnownFrom(*identity, addresses, input));
  }
  return out;
}

}  // namespace bulkhead
