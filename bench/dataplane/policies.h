// SPDX-License-Identifier: Apache-2.0
// Policies to measure under. Pure functions; any thread.
#ifndef BULKHEAD_BENCH_DATAPLANE_POLICIES_H_
#define BULKHEAD_BENCH_DATAPLANE_POLICIES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/compiled_policy.h"
#include "dataplane/backend.h"

namespace bulkhead::bench {

// db lets web in, all enforce. draft: only at some ports.
absl::StatusOr<std::shared_ptr<const CompiledPolicy>> ShopPolicy(bool draft);
// web, db and evil.
std::vector<EndpointState> ShopEndpoints();

// What a world is large in. web may reach everybody; each packet is judged by web's egress and the other end's ingress.
struct Shape {
  uint32_t rules = 100;
  uint32_t classes = 100;  // of who can be reached; the first kMostLocal of them live here, the others are single addresses outside
  uint32_t addresses = 100;  // of those who live here, at least one of each
};
inline constexpr uint32_t kMostLocal = 150;

// Of the shape's ends the first: the others follow it.
IpAddress FirstOf(const Shape& shape);
uint32_t EndsOf(const Shape& shape);
std::shared_ptr<const CompiledPolicy> PolicyOf(const Shape& shape);
std::vector<EndpointState> EndpointsOf(const Shape& shape);

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_POLICIES_H_
