// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/json.h"

namespace bulkhead::api {
namespace {

struct Mapping {
  absl::StatusCode code;
  unsigned http;
};
// The first row of an HTTP status is the code it stands for when the body names none.
constexpr Mapping kMappings[] = {
    {absl::StatusCode::kInvalidArgument, 400},   {absl::StatusCode::kOutOfRange, 400},
    {absl::StatusCode::kPermissionDenied, 403},  {absl::StatusCode::kNotFound, 404},
    {absl::StatusCode::kUnimplemented, 405},     {absl::StatusCode::kFailedPrecondition, 409},
    {absl::StatusCode::kAlreadyExists, 409},     {absl::StatusCode::kAborted, 409},
    {absl::StatusCode::kResourceExhausted, 413}, {absl::StatusCode::kUnavailable, 503},
    {absl::StatusCode::kDeadlineExceeded, 504},  {absl::StatusCode::kInternal, 500},
};
constexpr char kUnreachableUrl[] = "bulkhead.dev/unreachable";

}  // namespace

unsigned HttpStatusOf(absl::StatusCode code) {
  for (const Mapping& mapping : kMappings) {
    if (mapping.code == code) return mapping.http;
  }
  return 500;
}

std::string ErrorBody(const absl::Status& status) {
  const ApiError error{std::string(status.message()), absl::StatusCodeToString(status.code())};
  return DumpJson(ToJson(error)) + "\n";
}

absl::Status StatusOfError(unsigned http_status, std::string_view body) {
  const absl::StatusOr<ApiError> error = ParseWire<ApiError>(body);
  if (error.ok() && !error->code.empty()) {
    for (const Mapping& mapping : kMappings) {
      if (absl::StatusCodeToString(mapping.code) == error->code) return absl::Status(mapping.code, error->error);
    }
    return absl::UnknownError(error->error);
  }
  const std::string message = absl::StrCat("the daemon answered with HTTP status ", http_status);
  for (const Mapping& mapping : kMappings) {
    if (mapping.http == http_status) return absl::Status(mapping.code, message);
  }
  return absl::UnknownError(message);
}

absl::Status UnreachableError(std::string_view message) { return RefusedError(absl::UnavailableError(std::string(message))); }

absl::Status RefusedError(absl::Status status) {
  status.SetPayload(kUnreachableUrl, absl::Cord("1"));
  return status;
}

bool IsUnreachable(const absl::Status& status) { return status.GetPayload(kUnreachableUrl).has_value(); }

}  // namespace bulkhead::api
