// SPDX-License-Identifier: Apache-2.0
// The verifier takes every program, and for how long it works on them: a new bridge waits for its zone's programs to load.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "workload.skel.h"

namespace bulkhead::packet_test {
namespace {

struct Limit {
  const char* program;
  unsigned long instructions;  // that the verifier may look at; its own limit is a million
};

// The first pair is loaded once for each zone, the second once for all.
constexpr Limit kLimits[] = {
    {"bh_ingress", 60'000}, {"bh_egress", 60'000}, {"bh_ingress_slow", 300'000}, {"bh_egress_slow", 300'000}, {"bh_clock", 100}, {"bh_settle", 600'000}};
constexpr unsigned kLogStats = 4;  // BPF_LOG_STATS of linux/bpf_verifier.h: only the figures

TEST(Load, TheVerifierTakesEveryProgramAndIsSoonDone) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may load programs";
  workload_bpf* object = workload_bpf__open();
  ASSERT_NE(object, nullptr);
  std::vector<std::string> logs(std::size(kLimits), std::string(1 << 20, '\0'));
  for (size_t i = 0; i < std::size(kLimits); ++i) {
    bpf_program* program = bpf_object__find_program_by_name(object->obj, kLimits[i].program);
    ASSERT_NE(program, nullptr) << kLimits[i].program;
    bpf_program__set_log_buf(program, logs[i].data(), logs[i].size());
    bpf_program__set_log_level(program, kLogStats);
  }
  const int error = workload_bpf__load(object);
  for (size_t i = 0; i < std::size(kLimits); ++i) {
    EXPECT_EQ(error, 0) << kLimits[i].program << ": " << logs[i].c_str();
    unsigned long processed = 0;
    const char* figures = std::strstr(logs[i].c_str(), "processed ");
    ASSERT_TRUE(figures != nullptr && std::sscanf(figures, "processed %lu", &processed) == 1) << logs[i].c_str();
    RecordProperty(kLimits[i].program, std::to_string(processed));
    std::printf("%s: %lu instructions verified\n", kLimits[i].program, processed);
    EXPECT_LE(processed, kLimits[i].instructions) << kLimits[i].program;
  }
  workload_bpf__destroy(object);
}

}  // namespace
}  // namespace bulkhead::packet_test
