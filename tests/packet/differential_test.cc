// SPDX-License-Identifier: Apache-2.0
// Random scenes, random packets: the backends must agree on every one, and on all that they keep afterwards.
//
//   BULKHEAD_PACKETS=N   how many (default 20000)      BULKHEAD_SEED=N   of the first scene (default 1); each next one has the next
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/packet/scene.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint64_t kPackets = 20000;
constexpr uint64_t kPacketsOfAScene = 250;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void Fail(uint64_t seed, const Scene& scene, const std::string& differences) {
  std::string steps;
  const Scene shortest = Shrink(scene);
  for (const Step& step : shortest.steps) steps += step.text + "\n";
  FAIL() << "BULKHEAD_SEED=" << seed << " BULKHEAD_PACKETS=" << kPacketsOfAScene << " shows again:\n"
         << differences << "These steps are enough, under the policy\n"
         << shortest.setting.policies << "\n"
         << steps << "to make this difference:\n"
         << Play(shortest);
}

TEST(DifferentialTest, TheBackendsAgree) {
  const uint64_t packets = FromEnvironment("BULKHEAD_PACKETS", kPackets);
  const uint64_t start = FromEnvironment("BULKHEAD_SEED", 1);
  Seen seen;
  for (uint64_t done = 0, seed = start; done < packets; done += kPacketsOfAScene, ++seed) {
    const Scene scene = RandomScene(seed, kPacketsOfAScene, seen);
    const std::string differences = Play(scene);
    if (!differences.empty()) return Fail(seed, scene, differences);
  }
  if (packets < kPackets) return;
  static constexpr const char* kReasons[] = BH_REASON_NAMES;
  for (int reason = -1; reason < BH_REASON_COUNT; ++reason) {
    // The tables are larger than a scene, and whole; the deny list is for what comes over uplinks.
    if (reason == BH_REASON_TABLE_FULL || reason == BH_REASON_INTERNAL || reason == BH_REASON_BLOCKED) continue;
    EXPECT_GT(seen[reason], 0u) << "the packets never met " << (reason < 0 ? "an entry" : kReasons[reason]) << ", seed " << start;
  }
}

}  // namespace
}  // namespace bulkhead::packet_test
