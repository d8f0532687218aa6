// SPDX-License-Identifier: Apache-2.0
// A daemon without a kernel that has a flow table of many flows, in the dataplane's own layout and read by its own reader: services of
// many replicas that call each other and are called by the world. Thread safety: any thread, once made.
#ifndef BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_
#define BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "tests/unit/api/fake/fake_service.h"
#include "tests/unit/flow/memory_tables.h"

namespace bulkhead::bench {

class ManyFlows : public bulkhead::testing::FakeService {
 public:
  // family: 4 or 6.
  ManyFlows(size_t count, uint8_t family);

  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>& callback) override;
  size_t count() const { return count_; }  // that found their place: a few do not

 private:
  template <typename Key>
  void Put(const IpAddress& source, uint16_t source_port, const IpAddress& destination, uint16_t port, bh_flow flow);

  MemoryTables memory_;
  size_t count_ = 0;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_FLOWS_MANY_FLOWS_H_
