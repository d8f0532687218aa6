// SPDX-License-Identifier: Apache-2.0
// The rules in force with what they have decided. Any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_RULES_H_
#define BULKHEAD_CONTROLPLANE_API_RULES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/rule.h"
#include "controlplane/api/service.h"

namespace bulkhead::api {

// Of the policies in force, in the order of their names, ingress before egress, a policy's isolation behind its rules; then those that
// every policy has.
absl::StatusOr<std::vector<RuleRow>> RulesInForce(const View& view, DaemonService* service);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_RULES_H_
