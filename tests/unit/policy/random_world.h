// SPDX-License-Identifier: Apache-2.0
// Random inventories, policies and connections, drawn through RapidCheck so that it can shrink them. They are small and alike on
// purpose: what matters is that selectors, prefixes and ports meet.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_
#define BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_

#include <string>
#include <vector>

#include "controlplane/policy/compile.h"
#include "controlplane/policy/inventory.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {

// Below: to be called within rc::check.
int Draw(int end);  // 0..end-1; shrinks towards 0

Labels RandomLabels();
IpAddress RandomAddress();
std::vector<NamedPort> RandomNamedPorts();
Policy RandomPolicy(const std::string& name);
PolicyDocuments RandomDocuments();
CompileInput RandomInput();  // documents included
TestParty RandomParty(const CompileInput& input);
std::pair<uint8_t, uint16_t> RandomProtocolAndPort();
Inventory RandomInventory();

// Equal but for positions.
bool SamePolicy(const Policy& a, const Policy& b);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_RANDOM_WORLD_H_
