// SPDX-License-Identifier: Apache-2.0
// DNS answers that workloads get are kept for whoever wants to know names; nothing else is.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class DnsTest : public testing::TestWithParam<int> {
 protected:
  int family() const { return GetParam(); }
  Frame Asks(uint16_t port = BH_DNS_PORT) const { return ToGateway(kWeb, Outside(family())) / Udp{kClientPort, port} / Payload{20}; }
  Frame Answers(size_t bytes, uint16_t port = BH_DNS_PORT) const {
    return FromGateway(Outside(family()), kWeb) / Udp{port, kClientPort} / Payload{bytes};
  }
  static uint64_t Lost() {
    const auto counters = SharedWorld()->backend().ReadCounters();
    return counters.ok() ? (*counters)[BH_COUNTER_DNS_LOST] : 0;
  }
};
INSTANTIATE_TEST_SUITE_P(, DnsTest, testing::Values(4, 6));

TEST_P(DnsTest, AnswersFromOutsideAreKept) {
  Stage stage({});
  stage.Leaves(kWeb, Asks());
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, Answers(100)), Established());
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, Answers(101)), Established()) << "another one of the same flow";
  const auto kept = stage.Answers();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].length, 100u);
  EXPECT_EQ(kept[1].length, 101u);
  EXPECT_EQ(kept[0].ifindex, kWeb.ifindex());
  EXPECT_EQ(kept[0].family, static_cast<uint32_t>(family()));
  EXPECT_TRUE(std::ranges::equal(kept[0].server, Outside(family()).bytes)) << "who answered";
}

TEST_P(DnsTest, LongAnswersAreCut) {
  Stage stage({});
  stage.Leaves(kWeb, Asks());
  stage.ArrivesFromOutside(kWeb, Answers(1025));
  const auto kept = stage.Answers();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].length, 1025u);
}

TEST_P(DnsTest, OfAWorkloadThatResolves) {
  Stage stage({});
  stage.SetFastPath({kWeb.slot(), kDb.slot()});
  const Frame asks = Between(kWeb, kDb, family()) / Udp{kClientPort, BH_DNS_PORT} / Payload{20};
  const Frame answers = Between(kDb, kWeb, family()) / Udp{BH_DNS_PORT, kClientPort} / Payload{60};
  stage.Travels(kWeb, kDb, asks);
  EXPECT_TRUE(stage.Answers().empty()) << "a question";
  const auto outcome = stage.Leaves(kDb, answers);
  EXPECT_EQ(outcome.fast, 0u) << "or the receiver's hook would not see it";
  EXPECT_TRUE(stage.Answers().empty()) << "the answer is not delivered yet";
  stage.Travels(kDb, kWeb, answers);
  EXPECT_EQ(stage.Answers().size(), 1u);
}

TEST_P(DnsTest, NobodyAskedForThese) {
  Stage stage({});
  stage.ArrivesFromOutside(kWeb, Answers(100));
  stage.ArrivesFromOutside(kWeb, Answers(100));
  EXPECT_TRUE(stage.Answers().empty()) << "it opened the flow itself";
  stage.Leaves(kApi, ToGateway(kApi, Outside(family())) / Udp{kClientPort, BH_DNS_PORT + 1} / Payload{20});
  stage.ArrivesFromOutside(kApi, FromGateway(Outside(family()), kApi) / Udp{BH_DNS_PORT + 1, kClientPort} / Payload{90});
  EXPECT_TRUE(stage.Answers().empty()) << "another service";
}

TEST_P(DnsTest, NoMoreThanTheRateAllows) {
  Stage stage({});
  DataplaneOptions options = Stage::Options();
  options.dns_answers_per_second = 0;
  stage.SetOptions(options);
  stage.Leaves(kWeb, Asks());
  if (SharedWorld() == nullptr) GTEST_SKIP() << "no kernel to ask";
  const uint64_t before = Lost();
  EXPECT_THAT(stage.ArrivesFromOutside(kWeb, Answers(50)), Established());
  EXPECT_EQ(Lost() - before, 1u);
  EXPECT_TRUE(stage.Answers().empty());
}

}  // namespace
}  // namespace bulkhead::packet_test
