// SPDX-License-Identifier: Apache-2.0
// Timing on a machine that is shared and noisy: what is compared is run in turn, CPU time of the
// calling thread is taken rather than wall time, and medians are what counts.
#ifndef BULKHEAD_BENCH_MEASURE_MEASURE_H_
#define BULKHEAD_BENCH_MEASURE_MEASURE_H_

#include <functional>
#include <string>
#include <vector>

namespace bulkhead::bench {

struct Case {
  std::string name;
  std::function<void()> run;
  std::function<void()> prepare = nullptr;  // before each run, not timed
};

struct Timing {
  std::string name;
  double median_us = 0;
  double low_us = 0, high_us = 0;  // quartiles
};

// Runs all cases in turn, `rounds` times, after one round that does not count.
std::vector<Timing> Measure(const std::vector<Case>& cases, int rounds);

// The exponent e for which y grows like x^e: the slope of the line through (log x, log y) that fits best.
double GrowthExponent(const std::vector<std::pair<double, double>>& points);

// Memory of this process that is in use now, in bytes.
double ResidentBytes();

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_MEASURE_MEASURE_H_
