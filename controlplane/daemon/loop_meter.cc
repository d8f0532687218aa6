// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/loop_meter.h"

#include <time.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t Milliseconds(uint64_t ns) { return ns / 1'000'000; }

}  // namespace

void LoopMeter::BeginRound() {
  began_ = ClockNs(CLOCK_MONOTONIC);
  cpu_began_ = ClockNs(CLOCK_THREAD_CPUTIME_ID);
  most_ns_ = within_ns_ = 0;
  most_ = "nothing";
}

void LoopMeter::Run(const char* name, const std::function<void()>& handler) {
  const uint64_t beside = within_ns_;
  within_ns_ = 0;
  const uint64_t began = ClockNs(CLOCK_MONOTONIC);
  handler();
  const uint64_t took = ClockNs(CLOCK_MONOTONIC) - began;
  const uint64_t own = took - within_ns_;
  within_ns_ = beside + took;
  if (own <= most_ns_) return;
  most_ns_ = own;
  most_ = name;
}

void LoopMeter::EndRound() {
  const uint64_t now = ClockNs(CLOCK_MONOTONIC);
  const uint64_t took = now - began_;
  const auto bound = std::lower_bound(LoopLatency::kBoundsUs.begin(), LoopLatency::kBoundsUs.end(), (took + 999) / 1000);
  const bool late = took > LoopLatency::kLateNs;
  {
    const std::lock_guard lock(mutex_);
    ++latency_.rounds[static_cast<size_t>(bound - LoopLatency::kBoundsUs.begin())];
    ++latency_.count;
    latency_.total_ns += took;
    latency_.longest_ns = std::max(latency_.longest_ns, took);
    if (late) {
      ++latency_.late;
      ++latency_.late_by[most_];
    }
  }
  if (late) Tell(took, ClockNs(CLOCK_THREAD_CPUTIME_ID) - cpu_began_, now);
}

// What took long on the clock and little CPU waited: for a disk, the kernel, or a processor.
void LoopMeter::Tell(uint64_t round_ns, uint64_t cpu_ns, uint64_t now) {
  if (told_at_ != 0 && now - told_at_ < kQuietNs) {
    ++untold_;
    return;
  }
  spdlog::warn("the control loop was held up for {} ms (CPU {} ms), {} ms of them by: {}{}", Milliseconds(round_ns),
               Milliseconds(cpu_ns), Milliseconds(most_ns_), most_,
               untold_ == 0 ? "" : absl::StrCat("; and ", untold_, " more times since the last such line"));
  told_at_ = now;
  untold_ = 0;
}

LoopLatency LoopMeter::Read() const {
  const std::lock_guard lock(mutex_);
  return latency_;
}

}  // namespace bulkhead
