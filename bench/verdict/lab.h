// SPDX-License-Identifier: Apache-2.0
// Lab: the dataplane's programs in a network namespace of their own, where
// three workloads live, and packets that the kernel's test runner puts through
// them. One thread, which it moves into that namespace.
#ifndef BULKHEAD_BENCH_VERDICT_LAB_H_
#define BULKHEAD_BENCH_VERDICT_LAB_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/kernel/unique_fd.h"
#include "tests/lab/netns.h"

namespace bulkhead::bench {

// Of the workloads: 198.18.1.NUMBER. db lets web in, and nobody else.
inline constexpr uint8_t kWeb = 2, kDb = 3, kEvil = 4;

using Bytes = std::vector<uint8_t>;

// Ethernet, IPv4 and TCP headers, no payload. flags: as in the TCP header.
inline constexpr uint8_t kSyn = 2, kAck = 16;
Bytes TcpPacket(uint8_t from, uint8_t to, uint16_t source_port, uint16_t destination_port, uint8_t flags);

class Lab {
 public:
  // kFailedPrecondition: this user may not make namespaces.
  static absl::StatusOr<std::unique_ptr<Lab>> Create();

  // The same policy but for one rule is staged, or no longer.
  absl::Status Stage(bool on);

  // What one run took, in ns, on average of so many. The packet leaves the
  // workload that its source is.
  absl::StatusOr<double> Judge(const Bytes &packet, uint32_t repeat) { return Run(ingress_, packet, repeat); }
  // The same with a program that does nothing.
  absl::StatusOr<double> Floor(const Bytes &packet, uint32_t repeat) { return Run(floor_.get(), packet, repeat); }
  // Whether the last packet passed.
  bool passed() const { return passed_; }

 private:
  Lab() = default;
  absl::Status Furnish();
  absl::StatusOr<double> Run(int program, const Bytes &packet, uint32_t repeat);

  KernelWriter writer_;
  RealClock clock_;
  std::unique_ptr<lab::TestNetns> netns_;
  std::unique_ptr<EbpfBackend> backend_;
  std::shared_ptr<const CompiledPolicy> draft_;
  UniqueFd floor_;
  int ingress_ = -1;
  bool passed_ = false;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_VERDICT_LAB_H_
