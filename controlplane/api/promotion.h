// SPDX-License-Identifier: Apache-2.0
// Promotion: a service goes to a stricter mode only when learning knows it well enough, or when somebody insists. Any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_PROMOTION_H_
#define BULKHEAD_CONTROLPLANE_API_PROMOTION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/service.h"

namespace bulkhead::api {

// ns, service, mode: as DaemonService::SetMode. kFailedPrecondition: a service whose mode would rise is not ready; the message has one
// line for each such service with what is missing, of the images that run now.
absl::Status CheckPromotion(DaemonService* service, const std::string& ns, const std::string& name, std::optional<Mode> mode);
// Likewise, of the services that these policies select.
absl::Status CheckPromotion(DaemonService* service, const std::vector<Policy>& policies, Mode mode);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_PROMOTION_H_
