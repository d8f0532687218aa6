// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/clocks.h"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "dataplane/kernel/clock.h"

namespace bulkhead::doctor {
namespace {

constexpr int64_t kFirstDay = 1'577'836'800;  // 2020-01-01: nobody who runs this lives before it
constexpr int64_t kSlack = 120;               // seconds
constexpr int64_t kHz[] = {100, 250, 300, 1000};  // kernel/Kconfig.hz

}  // namespace

ClockFacts ReadClocks(const std::string& state_dir) {
  const RealClock clock;
  ClockFacts facts;
  facts.monotonic_ns = clock.MonotonicNs();
  facts.boottime_ns = clock.BoottimeNs();
  facts.unix_seconds = clock.UnixSeconds();
  struct stat file{};
  for (const char* name : {"/bulkhead.db", "/bulkhead.db-wal", "/learn.db", "/learn.db-wal"}) {
    if (stat((state_dir + name).c_str(), &file) == 0) facts.state_written = std::max<int64_t>(facts.state_written, file.st_mtime);
  }
  timespec resolution{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) == 0) facts.tick_ns = resolution.tv_sec * 1'000'000'000 + resolution.tv_nsec;
  return facts;
}

void CheckClocks(const ClockFacts& facts, Findings* findings) {
  constexpr char kCheck[] = "clock";
  if (facts.unix_seconds < kFirstDay) {
    findings->Warn(kCheck, "the date is before 2020", "set the clock: evidence that is learned now counts for the wrong day");
  } else if (facts.state_written > facts.unix_seconds + kSlack) {
    findings->Warn(kCheck, absl::StrCat("went back by ", facts.state_written - facts.unix_seconds, " s since the daemon last wrote its state"),
                   "check time synchronisation; evidence from the future waits until its time comes");
  } else {
    const uint64_t slept = facts.boottime_ns - std::min(facts.monotonic_ns, facts.boottime_ns);
    findings->Ok(kCheck, slept < 1'000'000'000 ? "steady; no suspend since boot" : absl::StrCat("steady; ", slept / 1'000'000'000, " s in suspend since boot"));
  }
  const bool known = std::any_of(std::begin(kHz), std::end(kHz), [&facts](int64_t hz) {
    return facts.tick_ns > 0 && std::abs(1'000'000'000 / hz - facts.tick_ns) < 10'000;
  });
  if (known) {
    findings->Ok("clock tick", absl::StrCat((1'000'000'000 + facts.tick_ns / 2) / facts.tick_ns, " Hz"));
  } else {
    findings->Fail("clock tick", absl::StrCat("a jiffy of ", facts.tick_ns, " ns is none that Linux is built with"),
                   "flow time-outs cannot be counted: tell the makers which kernel this is");
  }
}

}  // namespace bulkhead::doctor
