// SPDX-License-Identifier: Apache-2.0
// Measuring a group of cases. One thread, in a lab.
#ifndef BULKHEAD_BENCH_DATAPLANE_MEASURE_H_
#define BULKHEAD_BENCH_DATAPLANE_MEASURE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/dataplane/cases.h"
#include "bench/dataplane/driver.h"
#include "bench/dataplane/lab.h"
#include "dataplane/kernel/clock.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead::bench {

// By round, of the same packets: what one took, ns, and what it is held against.
struct Row {
  std::string name, metric;
  std::vector<double> values, floors;
};

struct Tools {
  const Lab& lab;
  KernelWriter& writer;
  const Clock& clock;
  Driver& driver;
};

// There must be some; of two in the middle the higher.
double Median(std::vector<double> values);

absl::StatusOr<std::vector<Row>> Measure(const Tools& tools, const Group& group, int rounds);

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_MEASURE_H_
