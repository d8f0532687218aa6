// SPDX-License-Identifier: Apache-2.0
// A policy as the YAML that a person would write. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_POLICY_TEXT_H_
#define BULKHEAD_CONTROLPLANE_API_POLICY_TEXT_H_

#include <string>

#include "bulkhead/model/network_policy.h"

namespace bulkhead::api {

// Parses back to the same policy.
std::string PolicyYaml(const NetworkPolicy& policy);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_POLICY_TEXT_H_
