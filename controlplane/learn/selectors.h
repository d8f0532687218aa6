// SPDX-License-Identifier: Apache-2.0
// Selectors: the fewest labels that mean one service and no other of its namespace. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_SELECTORS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_SELECTORS_H_

#include <map>
#include <set>
#include <string>

#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// Every set of labels that each service was seen with: by namespace, then by service.
using Census = std::map<std::string, std::map<std::string, std::set<Labels>>>;

Census TakeCensus(const Evidence& evidence, const View& view);

using Selectors = std::map<ServiceName, LabelSelector>;

// For each service: of the labels that all of it has, one that alone tells it from its neighbours, the names that people give
// services (app.kubernetes.io/name, app, ...) first; else two; else three; else the implicit label bulkhead.dev/service.
Selectors SelectServices(const Census& census);

// "" when a policy can say this; else why not. Engines accept namespaces and names that Kubernetes' syntax cannot say.
std::string WhyNotSelectable(const ServiceName& service, const LabelSelector& selector);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_SELECTORS_H_
