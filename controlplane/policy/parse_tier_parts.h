// SPDX-License-Identifier: Apache-2.0
// Subjects, peers and ports of the kinds that belong to no namespace. Each appends its errors and goes on. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_PARTS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_PARTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "bulkhead/model/policy.h"
#include "controlplane/policy/parse_parts.h"

namespace bulkhead {

// `namespaces` or `pods` of spec.subject.
void ParseSubject(const ParseContext& context, const yaml::Node& node, Policy* policy);

PolicyPeer ParseTierPeer(const ParseContext& context, const yaml::Node& node, const std::string& what, PolicyKind kind,
                         Direction direction);

// An item of `protocols` of a ClusterNetworkPolicy, or of `ports` of the others.
PolicyPort ParseTierPort(const ParseContext& context, const yaml::Node& node, const std::string& what, PolicyKind kind);

// The list `name` of `fields`. Another number of items than min..max is an error, and then none of them is looked at.
const std::vector<yaml::Node>& ParseItems(const ParseContext& context, yaml::Fields* fields, const std::string& what,
                                          const char* name, size_t min, size_t max);

// The field that is there of a map that must have exactly one of `names`; of several, which is an error, the first.
struct Choice {
  std::string name;  // "": none, which is an error too
  const yaml::Node* value = nullptr;
};
Choice ChooseOne(const ParseContext& context, const yaml::Node& node, const std::string& what,
                 const std::vector<std::string>& names);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARSE_TIER_PARTS_H_
