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
  std::string state;   // protected, attaching, unprotected
  std::string reason;  // of the last two
};

// Every workload's, by the keys of view.workloads. One that shares another's network namespace has the owner's; one without any
// interface is protected: nothing reaches it.
std::map<std::string, Protection> ProtectionOf(const View& view);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_PROTECTION_H_
