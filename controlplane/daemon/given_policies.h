// SPDX-License-Identifier: Apache-2.0
// The policies that somebody wants in force: what files say, object by object.
//
// Thread safety: values and pure functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_GIVEN_POLICIES_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_GIVEN_POLICIES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/service.h"

namespace bulkhead {

// One object, and text that says it alone: the file's own, comments included, where that can be.
struct GivenPolicy {
  Policy policy;
  std::string text;
};

// kInvalidArgument: "file:line:column: ..." for each mistake, an object that is there twice included; or no policy at all.
absl::StatusOr<std::vector<GivenPolicy>> ParseGiven(const std::vector<PolicyText>& files);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_GIVEN_POLICIES_H_
