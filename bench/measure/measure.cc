// SPDX-License-Identifier: Apache-2.0
#include "bench/measure/measure.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>

namespace bulkhead::bench {
namespace {

double CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

}  // namespace

std::vector<Timing> Measure(const std::vector<Case>& cases, int rounds) {
  std::vector<std::vector<double>> samples(cases.size());
  for (int round = -1; round < rounds; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) {
      if (cases[i].prepare) cases[i].prepare();
      const double start = CpuMicroseconds();
      cases[i].run();
      const double took = CpuMicroseconds() - start;
      if (round >= 0) samples[i].push_back(took);
    }
  }
  std::vector<Timing> out;
  for (size_t i = 0; i < cases.size(); ++i) {
    std::sort(samples[i].begin(), samples[i].end());
    out.push_back({cases[i].name, Quantile(samples[i], 0.5), Quantile(samples[i], 0.25), Quantile(samples[i], 0.75)});
  }
  return out;
}

double GrowthExponent(const std::vector<std::pair<double, double>>& points) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const auto& [x, y] : points) {
    const double lx = std::log(x), ly = std::log(y);
    sx += lx;
    sy += ly;
    sxx += lx * lx;
    sxy += lx * ly;
  }
  const auto n = static_cast<double>(points.size());
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

double ResidentBytes() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace bulkhead::bench
