// SPDX-License-Identifier: Apache-2.0
// Captures: which packets they have, and what is said of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class CaptureTest : public testing::TestWithParam<Carrier> {
 protected:
  void SetUp() override {
    if (SharedWorld() == nullptr) GTEST_SKIP() << "no kernel to ask";
  }
  void TearDown() override {
    if (SharedWorld() != nullptr) {
      EXPECT_TRUE(backend().SetCapture(std::nullopt).ok());
    }
  }
  static EbpfBackend& backend() { return SharedWorld()->backend(); }
  int family() const { return GetParam().family; }

  void Capture(const Actor& of, bool allowed, bool denied) {
    CaptureFilter filter;
    filter.slots = {of.slot()};
    filter.identities = {of.endpoint.identity};
    filter.allowed = allowed;
    filter.denied = filter.would_deny = denied;
    filter.packets_per_second = 1'000'000;
    ASSERT_TRUE(backend().SetCapture(filter).ok());
  }
  std::vector<bh_capture_packet> Taken() {
    std::vector<bh_capture_packet> out;
    EXPECT_TRUE(backend().DrainCapture([&](const bh_capture_packet& packet) {
      out.push_back(packet);
      return true;
    }).ok());
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(, CaptureTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(CaptureTest, HasWhatPassesAtTheEndpointsHooks) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame ask = Between(kWeb, kDb, family()) / Ask(GetParam()), more = Between(kWeb, kDb, family()) / Ask(GetParam(), kAck);
  Capture(kDb, true, true);
  stage.Travels(kWeb, kDb, ask);
  stage.Travels(kDb, kWeb, Between(kDb, kWeb, family()) / Answer(GetParam()));
  stage.Travels(kWeb, kDb, more);
  const auto taken = Taken();
  ASSERT_EQ(taken.size(), 3u) << "each once, at its own hooks";
  EXPECT_EQ(taken[0].event.hook, BH_HOOK_EGRESS);
  EXPECT_EQ(taken[1].event.hook, BH_HOOK_INGRESS);
  const std::vector<uint8_t> bytes = more.Build();
  EXPECT_EQ(taken[2].event.length, bytes.size());
  ASSERT_EQ(taken[2].captured, std::min<size_t>(bytes.size(), BH_CAPTURE_BYTES));
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.begin() + taken[2].captured, taken[2].data));
  for (const auto& packet : taken) {
    EXPECT_EQ(packet.event.verdict, BH_ALLOW);
    EXPECT_EQ(packet.event.ifindex, kDb.ifindex());
  }
}

TEST_P(CaptureTest, HasWhatIsDeniedElsewhereOnItsWayToTheEndpoint) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  Capture(kDb, false, true);
  const Frame evil = Between(kEvil, kDb, family()) / Ask(GetParam());
  stage.Leaves(kEvil, evil);
  stage.Travels(kWeb, kDb, Between(kWeb, kDb, family()) / Ask(GetParam()));
  stage.Leaves(kEvil, Between(kEvil, kApi, family()) / Ask(GetParam()));
  const auto taken = Taken();
  ASSERT_EQ(taken.size(), 1u) << "what passes is not wanted, nor what is another's";
  EXPECT_EQ(taken[0].event.verdict, BH_DENY);
  EXPECT_EQ(taken[0].event.reason, BH_REASON_POLICY);
  EXPECT_EQ(taken[0].event.source_identity, kEvil.endpoint.identity);
  EXPECT_EQ(taken[0].event.destination_identity, kDb.endpoint.identity);
  EXPECT_NE(taken[0].event.destination_rule, 0u);
}

TEST_P(CaptureTest, IsOffWhenItEnds) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  Capture(kDb, true, true);
  ASSERT_TRUE(backend().SetCapture(std::nullopt).ok());
  stage.Travels(kWeb, kDb, Between(kWeb, kDb, family()) / Ask(GetParam()));
  EXPECT_TRUE(Taken().empty());
}

TEST_P(CaptureTest, NoMoreThanItsRate) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  CaptureFilter filter;
  filter.slots = {kDb.slot()};
  filter.packets_per_second = 1;
  ASSERT_TRUE(backend().SetCapture(filter).ok());
  const auto before = backend().ReadCounters();
  const Frame ask = Between(kWeb, kDb, family()) / Ask(GetParam());
  for (int i = 0; i < 50; ++i) stage.Arrives(kDb, ask, kWeb.slot(), kWeb.ifindex());
  const auto after = backend().ReadCounters();
  const size_t taken = Taken().size();
  EXPECT_LT(taken, 25u);
  EXPECT_EQ((*after)[BH_COUNTER_CAPTURES_LOST] - (*before)[BH_COUNTER_CAPTURES_LOST], 50 - taken);
}

}  // namespace
}  // namespace bulkhead::packet_test
