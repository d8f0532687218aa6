// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/lines.h"

#include <time.h>

namespace bulkhead::api {

absl::Status Follow(LinePipe& pipe, std::chrono::milliseconds period, const std::function<absl::StatusOr<uint64_t>()>& poll) {
  using Clock = std::chrono::steady_clock;
  // The first sign of life goes out at once: a client that follows something quiet sees that it is connected.
  Clock::time_point quiet_until = Clock::now();
  do {
    const absl::StatusOr<uint64_t> written = poll();
    if (!written.ok()) return written.status();
    const Clock::time_point now = Clock::now();
    if (*written == 0 && now < quiet_until) continue;
    if (*written == 0 && !pipe.Write("")) break;
    quiet_until = now + std::chrono::seconds(kHeartbeatSeconds);
  } while (pipe.Wait(period));
  return absl::OkStatus();
}

Moment Moment::Now() {
  const auto read = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  };
  return {read(CLOCK_MONOTONIC), read(CLOCK_BOOTTIME), read(CLOCK_REALTIME) / 1'000'000};
}

}  // namespace bulkhead::api
