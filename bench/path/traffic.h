// SPDX-License-Identifier: Apache-2.0
// Traffic: TCP between a client and a server, in slices that are measured. The two are threads of this process: the client is the
// calling one. They share one CPU, so that neither another CPU's sleep nor where the kernel puts its work is part of what is measured.
//
// CPU time is this process' and that of the kernel's ksoftirqd threads, which take over what the network does when there is much of it.
#ifndef BULKHEAD_BENCH_PATH_TRAFFIC_H_
#define BULKHEAD_BENCH_PATH_TRAFFIC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/path/world.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead::bench {

// Of one connection, or of one byte.
struct Cost {
  double seconds = 0;  // connections: the median one's
  double cpu_seconds = 0;
};

double Median(std::vector<double> values);  // at least one

class CpuMeter {
 public:
  CpuMeter();
  double Seconds() const;  // so far

 private:
  std::vector<std::string> threads_;  // files that tell what a ksoftirqd has used
};

class Traffic {
 public:
  // Listens and connects, by sockets of the two namespaces.
  static absl::StatusOr<Traffic> Open(const Bridge& bridge);

  // One byte there and back, so many times, on a connection that stays: what the median one took, in seconds.
  absl::StatusOr<double> RoundTrip(int count);
  // Connect, one byte there and back, close.
  absl::StatusOr<Cost> Connections(const CpuMeter& meter, int count);
  // From client to server, on a connection that stays.
  absl::StatusOr<Cost> Bulk(const CpuMeter& meter, uint64_t bytes);

 private:
  explicit Traffic(const Bridge& bridge) : bridge_(&bridge) {}
  absl::StatusOr<UniqueFd> Socket(const Place& place) const;
  absl::StatusOr<UniqueFd> Connect() const;

  const Bridge* bridge_;
  UniqueFd listener_, client_, server_;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_PATH_TRAFFIC_H_
