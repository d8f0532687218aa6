// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_time.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bulkhead/abi/flow.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/flow_tick.h"

namespace bulkhead {

uint64_t FlowTime::FromMonotonic(uint64_t ns) const {
  const uint64_t age = monotonic_ns - std::min(ns, monotonic_ns);
  return boottime_ns - std::min(age, boottime_ns);
}

uint64_t FlowTime::FromTick(uint32_t then) const {
  const uint64_t age = static_cast<uint64_t>(TicksSince(then, tick)) * tick_ns;
  return boottime_ns - std::min(age, boottime_ns);
}

absl::Status RunProgram(int program, const char* what) {
  std::array<uint8_t, 64> frame{};  // a run needs a packet; an Ethernet header is the least (net/bpf/test_run.c)
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  options.repeat = 1;
  return bpf_prog_test_run_opts(program, &options) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, what);
}

absl::StatusOr<FlowTime> ReadFlowTime(int clock_program, int clock_map, const Clock& clock) {
  if (auto status = RunProgram(clock_program, "running the clock program"); !status.ok()) return status;
  const auto now = ReadElement<uint32_t, bh_clock>(clock_map, 0);
  if (!now.ok()) return now.status();
  return FlowTime{now->tick, clock.MonotonicNs(), clock.BoottimeNs(), FlowTickNs()};
}

}  // namespace bulkhead
