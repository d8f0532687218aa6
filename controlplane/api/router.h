// SPDX-License-Identifier: Apache-2.0
// Router: which resource answers which method and path. Thread safety: any thread; it keeps no state.
#ifndef BULKHEAD_CONTROLPLANE_API_ROUTER_H_
#define BULKHEAD_CONTROLPLANE_API_ROUTER_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/api/request.h"

namespace bulkhead::api {

// kPermissionDenied: the request's user may not; who may only read gets what GET gives, captures apart (they show what packets hold).
// kNotFound: no such resource. kUnimplemented: the resource does not know the method; *allowed lists those it knows ("GET, POST").
absl::StatusOr<Response> Route(const Context& context, Request request, std::string* allowed);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_ROUTER_H_
