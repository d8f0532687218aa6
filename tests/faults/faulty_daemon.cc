// SPDX-License-Identifier: Apache-2.0
// The daemon, as bulkheadd runs it, with faults that a test orders. Never installed.
//
// The environment's BULKHEAD_FAULTS names a file of the shape of Orders, which this program maps: it counts in there every call that
// changes the kernel, and before the call whose number is `at` it ends by SIGKILL, or lets that one call fail. The test may change its
// orders while the daemon runs.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "controlplane/config/config.h"
#include "controlplane/daemon/daemon.h"
#include "dataplane/kernel/kernel_writer.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace {

// tests/faults/faults.py knows it, too.
struct Orders {
  uint64_t calls;  // made so far
  uint64_t at;     // the first call has the number 1; 0: nothing is to happen
  uint64_t kind;   // 1: SIGKILL; 2: the call fails
  char op[40];     // what it happened at
};
static_assert(sizeof(Orders) == 64);

Orders* MapOrders() {
  const char* const path = getenv("BULKHEAD_FAULTS");
  if (path == nullptr) return nullptr;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  void* const memory = fd < 0 ? MAP_FAILED : mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    std::perror(path);
    std::exit(2);
  }
  close(fd);
  return static_cast<Orders*>(memory);
}

bulkhead::KernelWriter::Hook ObeyOrders(Orders* orders) {
  if (orders == nullptr) return nullptr;
  return [orders](const char* op, uint64_t) -> absl::Status {
    const uint64_t call = std::atomic_ref<uint64_t>(orders->calls).fetch_add(1) + 1;
    if (call != std::atomic_ref<uint64_t>(orders->at).load()) return absl::OkStatus();
    std::snprintf(orders->op, sizeof(orders->op), "%s", op);
    if (orders->kind == 1) kill(getpid(), SIGKILL);
    return absl::InternalError(absl::StrCat("ordered to fail: ", op));
  };
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The daemon with faults that a test orders.", "faulty_daemon");
  std::string path;
  app.add_option("--config", path, "Settings")->required();
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<bulkhead::Config> config = bulkhead::LoadConfig(path, true);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("bulkheadd"));
  spdlog::set_level(spdlog::level::from_str(config->log_level));
  bulkhead::KernelWriter writer(ObeyOrders(MapOrders()));
  const absl::Status status = bulkhead::RunDaemon(*config, "faulty", writer);
  if (status.ok()) return 0;
  std::fprintf(stderr, "faulty_daemon: %s\n", std::string(status.message()).c_str());
  return 1;
}
