// SPDX-License-Identifier: Apache-2.0
// PolicyPair: two policies for one population, compiled so that they can be compared subject by subject. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_PAIR_H_
#define BULKHEAD_CONTROLPLANE_DIFF_PAIR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "bulkhead/model/compiled_policy.h"
#include "controlplane/policy/compile.h"

namespace bulkhead {

// Both know the same CIDRs, so a subject has the same number in both.
struct PolicyPair {
  std::shared_ptr<const CompiledPolicy> before, after;
};

// `after` must have the identities, addresses and nodes of `before`; documents, modes and options may differ. Errors as Compile's,
// of whichever does not compile.
absl::StatusOr<PolicyPair> CompilePair(CompileInput before, CompileInput after);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_PAIR_H_
