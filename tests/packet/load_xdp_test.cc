// SPDX-License-Identifier: Apache-2.0
// The verifier takes the XDP programs, too, and is soon done with them.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "uplink_xdp.skel.h"
#include "workload_xdp.skel.h"

namespace bulkhead::packet_test {
namespace {

// By program: instructions that the verifier may look at.
using XdpLimits = std::map<std::string, unsigned long>;

void LoadWithin(bpf_object* object, const XdpLimits& limits) {
  std::map<std::string, std::string> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    std::string& log = logs[bpf_program__name(program)];
    log.assign(1 << 16, '\0');
    bpf_program__set_log_buf(program, log.data(), log.size());
    bpf_program__set_log_level(program, 4);  // BPF_LOG_STATS of linux/bpf_verifier.h: only the figures
  }
  const int error = bpf_object__load(object);
  ASSERT_EQ(logs.size(), limits.size());
  for (const auto& [name, limit] : limits) {
    EXPECT_EQ(error, 0) << name << ": " << logs[name].c_str();
    unsigned long processed = 0;
    const char* figures = std::strstr(logs[name].c_str(), "processed ");
    ASSERT_TRUE(figures != nullptr && std::sscanf(figures, "processed %lu", &processed) == 1) << name << ": " << logs[name].c_str();
    std::printf("%s: %lu instructions verified\n", name.c_str(), processed);
    EXPECT_LE(processed, limit) << name;
  }
}

TEST(LoadXdp, OfWorkloads) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may load programs";
  workload_xdp_bpf* skeleton = workload_xdp_bpf__open();
  ASSERT_NE(skeleton, nullptr);
  skeleton->rodata->bh_secret = 1;
  LoadWithin(skeleton->obj, {{"bh_xdp", 40'000}, {"bh_xdp_slow", 300'000}});
  workload_xdp_bpf__destroy(skeleton);
}

TEST(LoadXdp, OfUplinks) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may load programs";
  uplink_xdp_bpf* skeleton = uplink_xdp_bpf__open();
  ASSERT_NE(skeleton, nullptr);
  LoadWithin(skeleton->obj, {{"bh_uplink", 60'000}});
  uplink_xdp_bpf__destroy(skeleton);
}

}  // namespace
}  // namespace bulkhead::packet_test
