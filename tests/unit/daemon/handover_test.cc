// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/handover.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "controlplane/daemon/config_change.h"
#include "tests/unit/daemon/fakes.h"

namespace bulkhead {
namespace {

class HandoverTest : public testing::Test {
 protected:
  HandoverTest()
      : keeper_(&backend_, [](const AttachKeeper::Job& job) { job(); }, [](const AttachKeeper::Job& job) { job(); },
                [](uint32_t, const absl::Status&) {}) {}

  Handover Make(std::set<uint32_t> attached, std::set<uint32_t> older) {
    Handover::Outlet outlet;
    outlet.together = [this](const AttachKeeper::Interfaces& interfaces) { together_.push_back(interfaces); };
    outlet.finish = [this] {
      ++finished_;
      return finish_status_;
    };
    return Handover(&keeper_, std::move(attached), std::move(older), std::move(outlet));
  }
  static InventoryState With(const std::vector<uint32_t>& interfaces) {
    InventoryState state;
    for (const uint32_t ifindex : interfaces) {
      EndpointState& endpoint = state.endpoints[static_cast<uint16_t>(ifindex)];
      endpoint.slot = static_cast<uint16_t>(ifindex);
      endpoint.ifindex = ifindex;
    }
    return state;
  }

  FakeBackend backend_;
  AttachKeeper keeper_;
  std::vector<AttachKeeper::Interfaces> together_;
  int finished_ = 0;
  absl::Status finish_status_;
};

TEST_F(HandoverTest, OnlyInterfacesThatWereThereWithoutProgramsWait) {
  Handover handover = Make({1}, {});
  handover.Begin({1, 2, 4}, 100 * kSecond);
  const InventoryState state = With({1, 2, 3, 4});
  EXPECT_TRUE(handover.Sync(false, state, 103 * kSecond - 1).ok());
  keeper_.Sync(state, 103 * kSecond - 1);
  EXPECT_EQ(backend_.attached, (std::map<uint32_t, uint16_t>{{1, 0}, {3, 0}})) << "1 has them already, 3 came later";
  EXPECT_TRUE(together_.empty());
  EXPECT_TRUE(handover.Sync(false, state, 103 * kSecond).ok());
  EXPECT_EQ(together_, (std::vector<AttachKeeper::Interfaces>{{{2, 0}, {4, 0}}})) << "nobody waits for an engine for ever";
  keeper_.Sync(state, 103 * kSecond);
  EXPECT_TRUE(backend_.attached.contains(2) && backend_.attached.contains(4));
  EXPECT_TRUE(handover.Sync(false, state, 104 * kSecond).ok());
  EXPECT_EQ(together_.size(), 1u) << "once";
  EXPECT_EQ(finished_, 0);
}

TEST_F(HandoverTest, EverythingIsAttachedOnceTheSourcesAreInSync) {
  Handover handover = Make({}, {2});
  handover.Begin({1, 2}, 100 * kSecond);
  const InventoryState state = With({1, 2});
  EXPECT_TRUE(handover.Sync(false, state, 150 * kSecond).ok());
  keeper_.Sync(state, 150 * kSecond);
  EXPECT_EQ(backend_.attached, (std::map<uint32_t, uint16_t>{{1, 0}})) << "older programs go on judging";
  EXPECT_TRUE(handover.Sync(true, state, 151 * kSecond).ok());
  EXPECT_EQ(together_, (std::vector<AttachKeeper::Interfaces>{{{1, 0}}, {{2, 0}}}));
  EXPECT_EQ(finished_, 0) << "2 is not known to have ours yet";
  keeper_.Sync(state, 151 * kSecond);
  EXPECT_TRUE(backend_.attached.contains(2));
  finish_status_ = absl::InternalError("not now");
  EXPECT_FALSE(handover.Sync(true, state, 151 * kSecond).ok());
  finish_status_ = absl::OkStatus();
  EXPECT_TRUE(handover.Sync(true, state, 151 * kSecond).ok());
  EXPECT_TRUE(handover.Sync(true, state, 151 * kSecond).ok());
  EXPECT_EQ(finished_, 2) << "again after an error, never after that";
}

TEST_F(HandoverTest, OlderProgramsThatNobodyWantsAreTakenOffFirst) {
  backend_.attached[7] = 0;
  Handover handover = Make({}, {7});
  handover.Begin({7}, 100 * kSecond);
  EXPECT_TRUE(handover.Sync(true, With({}), 100 * kSecond).ok());
  EXPECT_FALSE(backend_.attached.contains(7));
  EXPECT_EQ(finished_, 0);
  EXPECT_TRUE(handover.Sync(true, With({}), 100 * kSecond).ok());
  EXPECT_EQ(finished_, 1);
}

TEST(ConfigChangeTest, TakesWhatItCanAndNamesTheRest) {
  Config running, changed;
  EXPECT_TRUE(TakeUp(changed, &running).taken.empty());
  changed.default_mode = Mode::kEnforce;
  changed.dataplane.timeouts.udp[1] = 7;
  changed.attach = "tcx";
  changed.learn.hygiene.occurrences = 9;
  const ConfigChange change = TakeUp(changed, &running);
  EXPECT_EQ(change.taken, (std::vector<std::string>{"default_mode", "timeouts"}));
  EXPECT_EQ(change.later, (std::vector<std::string>{"attach", "learn"}));
  EXPECT_EQ(running.default_mode, Mode::kEnforce);
  EXPECT_EQ(running.dataplane.timeouts.udp[1], 7u);
  EXPECT_EQ(running.attach, "clsact");
  EXPECT_TRUE(TakeUp(changed, &running).taken.empty()) << "once";
}

}  // namespace
}  // namespace bulkhead
