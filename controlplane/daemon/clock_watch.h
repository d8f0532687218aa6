// SPDX-License-Identifier: Apache-2.0
// ClockWatch: notices when the wall clock was set while the daemon runs. Deadlines that people gave (a block's, a confirmation's, a new
// image's grace) are times of that clock and move with it; nothing else depends on it.
//
// Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_CLOCK_WATCH_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_CLOCK_WATCH_H_

#include <cstdint>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/kernel/clock.h"

namespace bulkhead {

class ClockWatch {
 public:
  static constexpr int64_t kJump = 10;      // seconds: less is a clock that is being set right, or a thread that had to wait
  static constexpr int64_t kTellFor = 600;  // seconds

  // Call about once a second; not OK: it jumped lately, and how far.
  absl::Status Look(const Clock& clock) {
    const auto up = static_cast<int64_t>(clock.BoottimeNs() / 1'000'000'000);  // time asleep counts: then the wall clock went on, too
    const int64_t offset = clock.UnixSeconds() - up;
    if (looked_ && std::abs(offset - offset_) >= kJump) {
      jump_ = offset - offset_;
      told_at_ = up;
    }
    looked_ = true;
    offset_ = offset;
    if (jump_ == 0 || up - told_at_ >= kTellFor) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("the wall clock was set ", jump_ > 0 ? "forward" : "back", " by ", std::abs(jump_),
                                                      " seconds; deadlines of blocks, confirmations and new images moved with it"));
  }

 private:
  bool looked_ = false;
  int64_t offset_ = 0;   // seconds between the two clocks
  int64_t jump_ = 0;     // the latest
  int64_t told_at_ = 0;  // since boot
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_CLOCK_WATCH_H_
