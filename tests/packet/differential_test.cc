// SPDX-License-Identifier: Apache-2.0
// Random scenes, random packets: the backends must agree on every one, and on all that they keep afterwards.
//
//   BULKHEAD_PACKETS=N   how many (default 20000)      BULKHEAD_SEED=N   a run again (default: a new one, which is printed)
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "tests/packet/chaos.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr uint64_t kPacketsOfAScene = 250;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string Describe(const Packet& packet) {
  std::ostringstream out;
  out << (packet.hook == BH_HOOK_INGRESS ? "ingress" : "egress") << " zone " << packet.zone << " ifindex " << packet.ifindex
      << " from " << packet.ingress_ifindex << " tag " << packet.tag << " bytes " << std::hex;
  for (const uint8_t byte : packet.bytes) out << (byte < 16 ? "0" : "") << int{byte};
  return out.str();
}

// Sums of these stay seconds away from every time-out: the real clock goes on meanwhile.
constexpr uint32_t kPauses[] = {25, 100, 9007};

void Disturb(Chaos& chaos, Stage& stage) {
  switch (chaos.Below(6)) {
    case 0:
    case 1:
      return stage.Advance(kPauses[chaos.Below(3)]);
    case 2:
      return stage.Apply(chaos.RandomSetting());
    case 3:
      return stage.Publish(chaos.RandomTargets());
    case 4:
      return stage.Put(chaos.RandomEndpoint());
    default: {
      const uint16_t slot = chaos.RandomEndpoint().slot;
      return stage.Has(slot) ? stage.Remove(slot) : stage.Put(Cast()[slot - 1u].endpoint);
    }
  }
}

void RunScene(uint64_t seed, uint64_t packets, std::map<int, uint64_t>& seen) {
  Chaos chaos(seed);
  Stage stage(chaos.RandomSetting());
  stage.Publish(chaos.RandomTargets());
  for (uint64_t i = 0; i < packets; ++i) {
    if (chaos.OneIn(12)) Disturb(chaos, stage);
    Packet packet = chaos.RandomPacket();
    packet.zone = stage.ZoneOf(packet.ifindex).value_or(packet.zone);
    const Outcome outcome = stage.Run(packet);
    ++seen[outcome.established ? -1 : outcome.reason];
    if (testing::Test::HasFailure()) {
      std::cerr << "packet " << i << ": " << Describe(packet) << "\n";
      return;
    }
  }
}

// Runs on request: random packets still find differences between the backends.
TEST(DifferentialTest, TheBackendsAgree) {
  if (std::getenv("BULKHEAD_PACKETS") == nullptr) GTEST_SKIP() << "set BULKHEAD_PACKETS to the number of packets to compare";
  const uint64_t packets = FromEnvironment("BULKHEAD_PACKETS", 20000);
  const uint64_t start =
      FromEnvironment("BULKHEAD_SEED", static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
  std::map<int, uint64_t> seen;
  for (uint64_t done = 0, seed = start; done < packets; done += kPacketsOfAScene, ++seed) {
    RunScene(seed, std::min(kPacketsOfAScene, packets - done), seen);
    ASSERT_FALSE(HasFailure()) << "BULKHEAD_SEED=" << seed << " BULKHEAD_PACKETS=" << kPacketsOfAScene << " shows it again";
  }
  std::cout << packets << " packets, seed " << start << ":";
  static constexpr const char* kReasons[] = BH_REASON_NAMES;
  for (const auto& [reason, count] : seen) std::cout << " " << (reason < 0 ? "established" : kReasons[reason]) << " " << count;
  std::cout << "\n";
  if (packets < 20000) return;
  for (int reason = -1; reason <= BH_REASON_NO_ENDPOINT; ++reason) {
    if (reason == BH_REASON_TABLE_FULL) continue;  // the tables are larger than a scene
    EXPECT_GT(seen[reason], 0u) << "the packets never met " << (reason < 0 ? "an entry" : kReasons[reason]);
  }
}

}  // namespace
}  // namespace bulkhead::packet_test
