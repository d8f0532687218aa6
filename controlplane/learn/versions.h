// SPDX-License-Identifier: Apache-2.0
// Versions: what one image of a service does that another does not. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_VERSIONS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_VERSIONS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/api/learned.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

// Digests: whole, or the first digits of one ("sha256:" may be left out); both empty = the two that were seen first most lately.
// Only answered edges count, and none from the host. An edge that only went to another port, or came from one, is changed, not gone
// and added. kNotFound: no such service or digest, or it has one version only; kInvalidArgument: a digest that several have.
absl::StatusOr<VersionDiff> DiffVersions(const Evidence& evidence, const ServiceName& service, std::string_view old_digest,
                                         std::string_view new_digest);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_VERSIONS_H_
