// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/driver.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string>

#include "tests/places/places.h"

namespace bulkhead::bench {
namespace {

double CpuNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> Driver::Load(KernelWriter& writer, uint32_t table_entries) {
  std::unique_ptr<Driver> out(new Driver(writer));
  if (auto status = out->Open(table_entries); !status.ok()) return status;
  return out;
}

absl::Status Driver::Open(uint32_t table_entries) {
  const std::string path = ProgramPath("driver.bpf.o");
  object_ = bpf_object__open_file(path.c_str(), nullptr);
  if (object_ == nullptr) return absl::ErrnoToStatus(errno, "opening " + path);
  const auto map = [this](const char* name) { return bpf_object__find_map_by_name(object_, name); };
  const auto program = [this](const char* name) { return bpf_program__fd(bpf_object__find_program_by_name(object_, name)); };
  bpf_map__set_max_entries(map("lru"), table_entries);
  if (auto status = writer_.LoadObject(object_); !status.ok()) return status;
  drive_ = program("drive");
  pass_ = program("pass");
  insert_lru_ = program("insert_lru");
  drive_xdp_ = program("drive_xdp");
  pass_xdp_ = program("pass_xdp");
  next_program_xdp_ = bpf_map__fd(map("next_program_xdp"));
  next_program_ = bpf_map__fd(map("next_program"));
  lru_ = bpf_map__fd(map("lru"));
  void* memory = mmap(nullptr, PageBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map("drive_now")), 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping what the driver is told");
  now_ = static_cast<bench_drive*>(memory);
  return absl::OkStatus();
}

Driver::~Driver() {
  if (now_ != nullptr) munmap(now_, PageBytes());
  bpf_object__close(object_);
}

absl::StatusOr<double> Driver::Run(int program, Shot& shot) {
  if (shot.driven) {
    const uint32_t next = DRIVE_NEXT, fd = static_cast<uint32_t>(program);
    const int map = shot.xdp ? next_program_xdp_ : next_program_;
    if (auto status = writer_.UpdateElement(map, &next, &fd); !status.ok()) return status;
    *now_ = shot.drive;
  }
  __sk_buff context = {};
  context.ifindex = context.ingress_ifindex = shot.ifindex;
  xdp_md context_xdp = {};
  context_xdp.data_end = static_cast<uint32_t>(shot.packet.size());
  context_xdp.ingress_ifindex = shot.ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = shot.packet.data(), .data_size_in = static_cast<uint32_t>(shot.packet.size()),
              .repeat = static_cast<int>(shot.repeat));
  options.ctx_in = shot.xdp ? static_cast<const void*>(&context_xdp) : &context;
  options.ctx_size_in = shot.xdp ? sizeof(context_xdp) : sizeof(context);
  const int runs = shot.driven ? (shot.xdp ? drive_xdp_ : drive_) : program;
  const double start = CpuNanoseconds();
  const int error = bpf_prog_test_run_opts(runs, &options);
  const double took = CpuNanoseconds() - start;
  if (error != 0) return absl::ErrnoToStatus(errno, "BPF_PROG_TEST_RUN");
  passed_ = static_cast<int>(options.retval) == (shot.xdp ? int{XDP_PASS} : TC_ACT_UNSPEC);
  if (shot.driven) shot.drive.next = now_->next;
  return took / shot.repeat;
}

}  // namespace bulkhead::bench
