// SPDX-License-Identifier: Apache-2.0
// World: the dataplane's programs and maps, with who lives there and what is allowed, and its flow table as plain memory. Several
// may be in one lab. One thread, but for what StartChurn starts.
#ifndef BULKHEAD_BENCH_DATAPLANE_WORLD_H_
#define BULKHEAD_BENCH_DATAPLANE_WORLD_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/dataplane/driver.h"
#include "bench/dataplane/lab.h"
#include "dataplane/ebpf/ebpf_backend.h"

namespace bulkhead::bench {

// Packets of flows that last go to the one port, those of flows that are new each time to the other.
inline constexpr uint16_t kLastingPort = 5432, kNewPort = 5433;

class World {
 public:
  // xdp: what workloads send is judged in XDP. flow_entries: of the IPv4 table; IPv6 has a quarter. writer and clock must outlive
  // it.
  static absl::StatusOr<std::unique_ptr<World>> Create(KernelWriter& writer, const Clock& clock, const std::string& name,
                                                       uint32_t flow_entries, std::shared_ptr<const CompiledPolicy> policy,
                                                       const std::vector<EndpointState>& endpoints, bool xdp);

  EbpfBackend& backend() { return *backend_; }
  int Program(int hook) { return *backend_->ProgramFd(kZone, hook); }
  int XdpProgram() { return backend_->ZoneProgramsOf(kZone)->xdp; }

  // Says of all flows that there are that they were answered.
  void Answer();
  // Packets that all flows have counted.
  uint64_t Counted();
  // Takes out the flows to kNewPort. Nothing may run meanwhile.
  void Forget();
  // How many packets were judged, not passed by their entry; and how many flows found no room.
  struct Judged {
    uint64_t packets = 0, failed = 0;
  };
  absl::StatusOr<Judged> Count();

  // From now on a thread has workloads start and stop, so many of each in a second. Nobody else may change who is there.
  void StartChurn(uint32_t per_second);
  // The thread's first error.
  absl::Status StopChurn();

 private:
  World() = default;
  absl::Status Churn(const std::stop_token& stop, uint32_t per_second);

  std::unique_ptr<EbpfBackend> backend_;
  absl::Status churned_;  // read when the thread has ended
  std::jthread churn_;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_WORLD_H_
