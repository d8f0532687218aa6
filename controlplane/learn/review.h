// SPDX-License-Identifier: Apache-2.0
// Review: what waits for a person's decision, and decisions themselves. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_REVIEW_H_
#define BULKHEAD_CONTROLPLANE_LEARN_REVIEW_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/api/learned.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// scope: "" = all, "NAMESPACE", or "NAMESPACE/SERVICE" (either side). Would-denials come first, by how legitimate they look: answered
// before while policy permitted them, many clients, then many answers; they are what a policy that is tried in audit would cut.
Review MakeReview(const Evidence& evidence, std::string_view scope);

// The decision on an edge, by the name that RelationName gives it. kNotFound: no such edge was seen or decided upon;
// kInvalidArgument: the name stands for several; kFailedPrecondition: accepted, it could not support a rule either, and why.
absl::StatusOr<Decision> MakeDecision(const Evidence& evidence, std::string_view edge, bool accepted, std::string_view who,
                                      uint64_t now);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_REVIEW_H_
