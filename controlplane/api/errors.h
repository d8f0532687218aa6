// SPDX-License-Identifier: Apache-2.0
// absl::Status <-> HTTP status and ApiError. Pure functions.
#ifndef BULKHEAD_CONTROLPLANE_API_ERRORS_H_
#define BULKHEAD_CONTROLPLANE_API_ERRORS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bulkhead::api {

unsigned HttpStatusOf(absl::StatusCode code);

// The body of an error: ApiError as one line with its end of line.
std::string ErrorBody(const absl::Status& status);

// What a client makes of an error's body; `http_status` decides when the body says nothing that can be read.
absl::Status StatusOfError(unsigned http_status, std::string_view body);

// Marks a status: no daemon answers (as opposed to a daemon that answers "unavailable").
absl::Status UnreachableError(std::string_view message);
// Of an answer: the daemon is there, but not for this user.
absl::Status RefusedError(absl::Status status);
// Either of the two.
bool IsUnreachable(const absl::Status& status);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_ERRORS_H_
