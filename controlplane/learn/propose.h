// SPDX-License-Identifier: Apache-2.0
// Propose: evidence -> NetworkPolicies with their evidence and coverage. Pure; any thread.
//
//   sift -> selectors -> rules -> YAML -> parsed and compiled again -> coverage
#ifndef BULKHEAD_CONTROLPLANE_LEARN_PROPOSE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_PROPOSE_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/api/service.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// As Learner::Propose. Every service of the evidence gets a policy that isolates it in both directions, also when no rule could be
// made for it: then it has been seen only knocking, or being knocked at.
absl::StatusOr<std::vector<Proposal>> Propose(const Evidence& evidence, std::string_view scope, const View& view);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_PROPOSE_H_
