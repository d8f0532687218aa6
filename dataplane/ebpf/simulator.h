// SPDX-License-Identifier: Apache-2.0
// Simulator: runs packets through a second instance of the dataplane's programs (BPF_PROG_TEST_RUN), which shares with the first what
// packets only read: policy, endpoints, addresses. What packets write is the second's own: flow tables, edges, counters, rings. Into
// its flow tables go the live entries that a packet may be of, so that it takes the path that it would take.
//
// What it does not know: fragments whose first one was seen alive.
// Thread safety: any thread; calls wait for each other.
#ifndef BULKHEAD_DATAPLANE_EBPF_SIMULATOR_H_
#define BULKHEAD_DATAPLANE_EBPF_SIMULATOR_H_

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/simulation.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/flow/flow_tables.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class SimulatorInstance;

class Simulator {
 public:
  // All must outlive it. Nothing is loaded before the first run.
  Simulator(KernelWriter& writer, const Loader& loader, const FlowTables& live);
  ~Simulator();

  // In the network namespace of the calling thread, which must be that of the packets' interfaces.
  absl::StatusOr<std::vector<SimulatedRun>> Run(const std::vector<SimulatedPacket>& packets);

 private:
  KernelWriter& writer_;
  const Loader& loader_;
  const FlowTables& live_;
  std::mutex mutex_;
  std::unique_ptr<SimulatorInstance> instance_;  // guarded by mutex_
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_SIMULATOR_H_
