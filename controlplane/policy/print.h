// SPDX-License-Identifier: Apache-2.0
// Policies of every kind -> YAML that kubectl and ParsePolicies read. The same value gives the same text; parsing it gives the same
// value (but for positions). Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PRINT_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PRINT_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead {

// Lines (without "#") to stand above the document, and above rules: (direction, index of the rule).
struct PolicyComments {
  std::vector<std::string> policy;
  std::map<std::pair<Direction, size_t>, std::vector<std::string>> rules;
};

// One document, without "---".
std::string PrintPolicy(const Policy& policy, const PolicyComments& comments = {});

// The documents one after the other, with "---" between them.
std::string PrintPolicies(const PolicyDocuments& documents);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PRINT_H_
