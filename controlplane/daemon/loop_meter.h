// SPDX-License-Identifier: Apache-2.0
// LoopMeter: measures the rounds of the control loop and, within each, its handlers, so that what blocks it has a name.
//
// Thread safety: Read from any thread; everything else by the thread of the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_LOOP_METER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_LOOP_METER_H_

#include <cstdint>
#include <functional>
#include <mutex>

#include "controlplane/api/loop_latency.h"

namespace bulkhead {

class LoopMeter {
 public:
  void BeginRound();
  // Runs a handler of the round, or a step of one: its time is then not counted as the outer one's. name: a constant of the
  // program.
  void Run(const char* name, const std::function<void()>& handler);
  // Adds the round up, and writes a line to the log when it was late: at most one in kQuietNs, with how many there were meanwhile.
  void EndRound();

  LoopLatency Read() const;

 private:
  static constexpr uint64_t kQuietNs = 10'000'000'000;

  void Tell(uint64_t round_ns, uint64_t cpu_ns, uint64_t now);

  uint64_t began_ = 0, cpu_began_ = 0;  // ns
  uint64_t most_ns_ = 0;                // of the handler that took most of this round
  const char* most_ = "";
  uint64_t within_ns_ = 0;  // of the steps within the handler that runs
  uint64_t told_at_ = 0, untold_ = 0;

  mutable std::mutex mutex_;
  LoopLatency latency_;  // guarded by mutex_
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_LOOP_METER_H_
