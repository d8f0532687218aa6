// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/presence_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kMs = 1'000'000;

auto Ran(IdentityId identity, uint64_t ms) {
  return testing::AllOf(testing::Field(&Presence::identity, identity), testing::Field(&Presence::workload_ms, ms));
}

std::map<std::string, ObservedWorkload> Workloads(const std::vector<IdentityId>& identities) {
  std::map<std::string, ObservedWorkload> out;
  for (const IdentityId identity : identities) out["w" + std::to_string(out.size())].identity = identity;
  return out;
}

TEST(PresenceMeter, AddsUpByIdentity) {
  PresenceMeter meter;
  meter.See(Workloads({17, 17, 18}), 1000 * kMs);
  EXPECT_THAT(meter.Take(), IsEmpty()) << "nothing has passed yet";
  meter.See(Workloads({17}), 1500 * kMs);
  meter.See(Workloads({}), 1600 * kMs);
  meter.See(Workloads({18}), 9000 * kMs);
  EXPECT_THAT(meter.Take(), ElementsAre(Ran(17, 1100), Ran(18, 500)));
  EXPECT_THAT(meter.Take(), IsEmpty()) << "once";
}

TEST(PresenceMeter, TellsHowManyRanAtOnce) {
  PresenceMeter meter;
  meter.See(Workloads({17, 17, 18}), 0);
  meter.See(Workloads({17, 18}), 5 * kMs);
  meter.See(Workloads({17}), 9 * kMs);
  const std::vector<Presence> taken = meter.Take();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].at_once, 2u);
  EXPECT_EQ(taken[1].at_once, 1u);
  meter.See(Workloads({17}), 12 * kMs);
  EXPECT_EQ(meter.Take().at(0).at_once, 1u) << "since the last call";
  meter.GiveBack(taken);
  meter.See(Workloads({17}), 13 * kMs);
  EXPECT_EQ(meter.Take().at(0).at_once, 2u);
}

TEST(PresenceMeter, KeepsPartsOfAMillisecond) {
  PresenceMeter meter;
  meter.See(Workloads({17}), 0);
  uint64_t total = 0;
  for (uint64_t at = kMs / 4; at <= 10 * kMs; at += kMs / 4) {
    meter.See(Workloads({17}), at);
    for (const Presence& presence : meter.Take()) total += presence.workload_ms;
  }
  EXPECT_EQ(total, 10u);
}

TEST(PresenceMeter, LongSilenceDoesNotCount) {
  PresenceMeter meter;
  meter.See(Workloads({17}), 1);
  meter.See(Workloads({17}), 1 + 100 * PresenceMeter::kLongestGap);
  meter.See(Workloads({17}), 7);  // nor does a clock that goes back
  EXPECT_THAT(meter.Take(), ElementsAre(Ran(17, PresenceMeter::kLongestGap / kMs)));
}

TEST(PresenceMeter, WhatWasNotWrittenIsTakenAgain) {
  PresenceMeter meter;
  meter.See(Workloads({17}), 0);
  meter.See(Workloads({17}), 30 * kMs);
  meter.GiveBack(meter.Take());
  meter.See(Workloads({}), 50 * kMs);
  EXPECT_THAT(meter.Take(), Contains(Ran(17, 50)));
}

}  // namespace
}  // namespace bulkhead
