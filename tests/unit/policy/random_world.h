// SPDX-License-Identifier: Apache-2.0
// Random inventories, policies and connections, drawn through RapidCheck so that it can shrink them. They are small and alike on
// purpose: what matters is that selectors, prefixes and ports meet.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_
#define BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_

#include <string>
#include <vector>

#include "controlplane/policy/compile.h"
#include "controlplane/policy/inventory.h"
#include "tests/unit/policy/random_draw.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {

// Below: to be called within rc::check.
std::vector<NamedPort> RandomNamedPorts();
Policy RandomPolicy(const std::string& name);  // a NetworkPolicy
// Of the other kinds: a BaselineAdminNetworkPolicy when the name is "default", which is its only one, else one of the other two.
// Without domainNames, which do not compile; some are in audit.
Policy RandomTierPolicy(const std::string& name);
void SetAudit(Policy* policy);      // in audit, with the annotation that says so
PolicyDocuments RandomDocuments();  // of every tier, some in audit
CompileInput RandomInput();         // documents included
TestParty RandomParty(const CompileInput& input);
std::pair<uint8_t, uint16_t> RandomProtocolAndPort();
Inventory RandomInventory();

// Equal but for positions.
bool SamePolicy(Policy a, Policy b);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_
