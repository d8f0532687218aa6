// SPDX-License-Identifier: Apache-2.0
// The clocks, as something that tests can set. Thread safety: RealClock is safe from any thread; FakeClock from one.
#ifndef BULKHEAD_DATAPLANE_KERNEL_CLOCK_H_
#define BULKHEAD_DATAPLANE_KERNEL_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace bulkhead {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual uint64_t MonotonicNs() const = 0;  // does not count suspend; what bpf_ktime_get_ns gives
  virtual uint64_t BoottimeNs() const = 0;
  virtual int64_t UnixSeconds() const = 0;
};

class RealClock : public Clock {
 public:
  uint64_t MonotonicNs() const override { return Read(CLOCK_MONOTONIC); }
  uint64_t BoottimeNs() const override { return Read(CLOCK_BOOTTIME); }
  int64_t UnixSeconds() const override { return time(nullptr); }

 private:
  static uint64_t Read(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
  }
};

class FakeClock : public Clock {
 public:
  uint64_t MonotonicNs() const override { return monotonic_ns; }
  uint64_t BoottimeNs() const override { return boottime_ns; }
  int64_t UnixSeconds() const override { return unix_seconds; }

  void Advance(uint64_t ns) {
    monotonic_ns += ns;
    boottime_ns += ns;
    unix_ns_ += ns;
    unix_seconds += static_cast<int64_t>(unix_ns_ / 1000000000u);
    unix_ns_ %= 1000000000u;
  }

  uint64_t monotonic_ns = 0;
  uint64_t boottime_ns = 0;
  int64_t unix_seconds = 0;

 private:
  uint64_t unix_ns_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_CLOCK_H_
