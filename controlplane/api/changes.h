// SPDX-License-Identifier: Apache-2.0
// What a change did, as an answer. Pure.
#ifndef BULKHEAD_CONTROLPLANE_API_CHANGES_H_
#define BULKHEAD_CONTROLPLANE_API_CHANGES_H_

#include "controlplane/api/request.h"

namespace bulkhead::api {

Response ChangeResponse(const ChangeResult& result);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_CHANGES_H_
