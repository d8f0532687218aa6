// SPDX-License-Identifier: Apache-2.0
// Label selectors against labels, one at a time: the meaning that everything else must agree with. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_SELECTORS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_SELECTORS_H_

#include <map>
#include <string>

#include "bulkhead/model/policy.h"

namespace bulkhead {

inline constexpr char kNamespaceNameLabel[] = "kubernetes.io/metadata.name";

bool Matches(const LabelRequirement& requirement, const Labels& labels);
bool Matches(const LabelSelector& selector, const Labels& labels);

// A namespace's labels with the implicit one. A namespace that was never declared has only that.
Labels NamespaceLabels(const std::map<std::string, Labels>& declared, const std::string& ns);

// For people: "app=db,tier in (a,b),!old"; "all" for the empty selector.
std::string SelectorText(const LabelSelector& selector);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_SELECTORS_H_
