// SPDX-License-Identifier: Apache-2.0
// Resolve: whom a user means by "shop/db", "db-1", "3f2a9c", "198.18.0.7" or "host". Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_RESOLVE_H_
#define BULKHEAD_CONTROLPLANE_API_RESOLVE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/api/view.h"

namespace bulkhead::api {

// One of kinds: host; world (address only); workloads. A service has all of its workloads here, a workload only itself.
struct Resolved {
  enum class Kind : uint8_t { kHost, kWorld, kWorkloads };
  Kind kind = Kind::kWorld;
  std::vector<const Workload*> workloads;  // of the view
  std::optional<IpAddress> address;        // as the user gave it, or the host's
};

// `ns`: where a name without a namespace is looked for; empty: everywhere. A service goes before a workload of the same name.
// kNotFound; kInvalidArgument when the name means several, with their names.
absl::StatusOr<Resolved> Resolve(const View& view, const std::string& text, const std::string& ns);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_RESOLVE_H_
