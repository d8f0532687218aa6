// SPDX-License-Identifier: Apache-2.0
// A daemon without a kernel that has a table of many flows: services of many replicas that call each other and the world.
// Thread safety: any thread, once made.
#ifndef BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_
#define BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_

#include <cstddef>
#include <vector>

#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::bench {

class ManyFlows : public bulkhead::testing::FakeService {
 public:
  // family: 4 or 6.
  ManyFlows(size_t count, uint8_t family);

  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override;

 private:
  std::vector<FlowRecord> flows_;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_
