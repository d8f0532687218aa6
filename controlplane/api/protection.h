// SPDX-License-Identifier: Apache-2.0
// Whether the dataplane holds a workload. Pure functions of a View.
#ifndef BULKHEAD_CONTROLPLANE_API_PROTECTION_H_
#define BULKHEAD_CONTROLPLANE_API_PROTECTION_H_

#include <map>
#include <set>
#include <string>

#include "controlplane/api/view.h"

namespace bulkhead::api {

struct Protection {
  std::string state;   // protected, attaching, unprotected, no network
  std::string reason;  // of attaching and unprotected

  // Nothing goes past the hooks: they hold all its interfaces, or it has none. Counted as protected.
  bool holds() const { return state == "protected" || state == "no network"; }
};

// Every workload's, by the keys of view.workloads. One that shares another's network namespace has the owner's.
std::map<std::string, Protection> ProtectionOf(const View& view);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_PROTECTION_H_
