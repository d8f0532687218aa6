// SPDX-License-Identifier: Apache-2.0
// Driver: the programs of driver.bpf.c, and the kernel's test runner that they and the programs under test run in. One thread.
#ifndef BULKHEAD_BENCH_DATAPLANE_DRIVER_H_
#define BULKHEAD_BENCH_DATAPLANE_DRIVER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/dataplane/drive.h"
#include "bench/dataplane/packets.h"
#include "dataplane/kernel/kernel_writer.h"

struct bpf_object;

namespace bulkhead::bench {

struct Shot {
  Bytes packet;
  uint32_t ifindex = 0;
  bool driven = false;  // the driver makes each packet, as `drive` says, from where it stood
  bench_drive drive{};
  uint32_t repeat = 0;
  bool xdp = false;  // of the programs
};

class Driver {
 public:
  // table_entries: of the LRU hash.
  static absl::StatusOr<std::unique_ptr<Driver>> Load(KernelWriter& writer, uint32_t table_entries);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // File descriptors of programs.
  int pass(bool xdp) const { return xdp ? pass_xdp_ : pass_; }
  int insert_lru() const { return insert_lru_; }

  // Puts the packets of the shot through a program. What one took, in ns of CPU time of this thread. The kernel's own figure is in
  // whole ns, too coarse here.
  absl::StatusOr<double> Run(int program, Shot& shot);
  // Whether the last packet passed.
  bool passed() const { return passed_; }

  absl::Status EmptyLru() { return writer_.EmptyHash(lru_); }

 private:
  explicit Driver(KernelWriter& writer) : writer_(writer) {}
  absl::Status Open(uint32_t table_entries);

  KernelWriter& writer_;
  bpf_object* object_ = nullptr;
  int drive_ = -1, pass_ = -1, insert_lru_ = -1, next_program_ = -1, lru_ = -1;
  int drive_xdp_ = -1, pass_xdp_ = -1, next_program_xdp_ = -1;
  bench_drive* now_ = nullptr;
  bool passed_ = false;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_DRIVER_H_
