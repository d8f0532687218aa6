// SPDX-License-Identifier: Apache-2.0
// Policies that grow, and a policy that is staged: what the publisher writes, in which order, and what an error leaves.
#include <gtest/gtest.h>

#include "tests/unit/ebpf/publisher_fixture.h"

namespace bulkhead {
namespace {

class GrowthTest : public PublisherTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(publisher_.ApplyPolicy(policy_).ok());
    ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
    fake_.arrays_written.clear();
  }

  std::shared_ptr<CompiledPolicy> policy_ = TwoServices(1);
};

TEST_F(GrowthTest, WhatIsPointedToComesBeforeWhatPointsToIt) {
  const uint32_t stamp = fake_.control.stamp;
  const PolicyGrowth growth = AddCache(*policy_);
  ASSERT_TRUE(publisher_.GrowPolicy(growth).ok());
  EXPECT_EQ(fake_.arrays_written,
            (std::vector<int>{fake_.maps.intervals, fake_.maps.rulesets, fake_.maps.matrix, fake_.maps.subjects}));
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(9, 3, kCache, {kOtherAddress})).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kCache);
  EXPECT_EQ(fake_.control.stamp, stamp) << "neither a new generation nor a new epoch";
  const auto cell = fake_.Get<bh_matrix_line>(fake_.maps.matrix, (BH_MAX_CELLS + (3 * 2 + BH_INGRESS) * 48) / BH_CELLS_PER_LINE);
  ASSERT_TRUE(cell.has_value());
  EXPECT_EQ(cell->cell[3], 2u) << "its ingress from web, in slot 1";
  EXPECT_EQ(fake_.Get<bh_ruleset>(fake_.maps.rulesets, BH_MAX_RULESETS + 2)->first, 1u);
}

TEST_F(GrowthTest, ASubjectThatTheSlotDoesNotHaveYetIsUnknown) {
  const PolicyGrowth growth = AddCache(*policy_);
  EndpointState cache = Endpoint(9, 3, kCache, {kOtherAddress});
  ASSERT_TRUE(publisher_.PutEndpoint(cache).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kIdentityUnknown);
  EXPECT_EQ(EndpointAt(9)->subject[active()][1], BH_SUBJECT_UNKNOWN);
  const uint32_t before = epoch();
  ASSERT_TRUE(publisher_.GrowPolicy(growth).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kIdentityUnknown) << "nobody asked";
  ASSERT_TRUE(publisher_.PutEndpoint(cache).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kCache);
  EXPECT_NE(EndpointAt(9)->subject[active()][1], BH_SUBJECT_UNKNOWN);
  EXPECT_EQ(epoch(), before + 1) << "its flows were judged as unknown";
}

TEST_F(GrowthTest, WhatDoesNotFitIsVisibleNowhere) {
  const PolicyGrowth growth = AddCache(*policy_);
  while (policy_->classes <= 48) AddCache(*policy_);
  const auto content = fake_.content();
  const uint32_t stamp = fake_.control.stamp;
  EXPECT_EQ(publisher_.GrowPolicy(growth).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fake_.content(), content);
  EXPECT_EQ(fake_.control.stamp, stamp);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(9, 3, kCache, {kOtherAddress})).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kIdentityUnknown);
  ASSERT_TRUE(publisher_.ApplyPolicy(policy_).ok()) << "a new stride has room";
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kCache);
}

TEST_F(GrowthTest, AnErrorAtAnyStepHidesItUntilItIsRepeated) {
  const PolicyGrowth growth = AddCache(*policy_);
  int failures = 0;
  for (int calls = 0;; ++calls) {
    fake_.calls_left = calls;
    const absl::Status status = publisher_.GrowPolicy(growth);
    fake_.calls_left = -1;
    if (status.ok()) break;
    ++failures;
    ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(9, 3, kCache, {kOtherAddress})).ok());
    EXPECT_EQ(IdentityOf(3, kOtherAddress), kIdentityUnknown);
    EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
  }
  EXPECT_EQ(failures, 4);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(9, 3, kCache, {kOtherAddress})).ok());
  EXPECT_EQ(IdentityOf(3, kOtherAddress), kCache);
  EXPECT_TRUE(fake_.Get<bh_interval>(fake_.maps.intervals, BH_MAX_INTERVALS + 1).has_value()) << "written at last";
}

TEST_F(GrowthTest, OnlyAPolicyThatWasAppliedCanGrow) {
  EXPECT_EQ(publisher_.GrowStaged({}).code(), absl::StatusCode::kFailedPrecondition);
  FakeMaps fresh;
  Publisher other(fresh, fresh.maps);
  EXPECT_EQ(other.GrowPolicy({}).code(), absl::StatusCode::kFailedPrecondition);
}

class StagingTest : public GrowthTest {
 protected:
  // What a program would take an address for under the staged policy.
  std::optional<uint32_t> StagedIdentityOf(uint16_t zone, const IpAddress& address) {
    return IdentityIn(BH_SLOT_STAGED, zone, address);
  }
  void AddStagedEdge() { fake_.Add(fake_.maps.staged_edges, bh_staged_edge_key{}, bh_edge{}); }
};

TEST_F(StagingTest, TheWordComesLastThenTheEpoch) {
  const uint32_t stamp = fake_.control.stamp;
  int stores = 0;
  fake_.on_store = [&] {
    EXPECT_EQ(fake_.control.stamp, stamp);
    EXPECT_EQ(fake_.control.staged, static_cast<uint32_t>(stores++)) << "the word, then the stamp";
    EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, BH_SLOT_STAGED)->generation, 6u);
    EXPECT_EQ(StagedIdentityOf(3, kWebAddress), kWeb);
  };
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(6)).ok());
  EXPECT_EQ(stores, 2);
  EXPECT_EQ(fake_.control.staged, 1u);
  EXPECT_EQ(fake_.control.stamp, BH_STAMP(BH_STAMP_EPOCH(stamp) + 1, BH_STAMP_SLOT(stamp)));
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb) << "the active policy is what it was";
  EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, active())->generation, 1u);
  EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.prefix4[BH_SLOT_STAGED], Prefix4Key(*Prefix::Parse("198.18.0.0/16"))), 3u);
  EXPECT_NE(Address(3, kWebAddress)->subject[BH_SLOT_STAGED], Address(3, kWebAddress)->subject[active()]);
}

TEST_F(StagingTest, TheWordGoesFirstThenAGraceThenTheEdges) {
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(6)).ok());
  AddStagedEdge();
  const uint32_t stamp = fake_.control.stamp;
  const int graces = fake_.graces;
  fake_.on_store = [&] {
    EXPECT_EQ(fake_.graces, graces);
    EXPECT_EQ(fake_.Size(fake_.maps.staged_edges), 1u);
  };
  ASSERT_TRUE(publisher_.StagePolicy(nullptr).ok());
  EXPECT_EQ(fake_.control.staged, 0u);
  EXPECT_EQ(fake_.graces, graces + 1);
  EXPECT_EQ(fake_.Size(fake_.maps.staged_edges), 0u);
  EXPECT_EQ(fake_.control.stamp, stamp);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(fake_.control.stamp, stamp) << "the same endpoint again changes no verdict";
}

TEST_F(StagingTest, AnotherOneTakesItsPlaceAfterAGrace) {
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(6)).ok());
  AddStagedEdge();
  const int graces = fake_.graces;
  fake_.arrays_written.clear();
  fake_.on_store = [&] {
    if (fake_.control.staged == 1 && fake_.arrays_written.empty()) return;  // it is about to be cleared
    EXPECT_EQ(fake_.graces, graces + 1) << "before the slot was written";
  };
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(7)).ok());
  EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, BH_SLOT_STAGED)->generation, 7u);
  EXPECT_EQ(fake_.Size(fake_.maps.staged_edges), 0u);
  EXPECT_EQ(StagedIdentityOf(3, kWebAddress), kWeb);
}

TEST_F(StagingTest, SubjectsFollowInAllSlots) {
  auto staged = TwoServices(6);
  ASSERT_TRUE(publisher_.StagePolicy(staged).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(8, 4, kDatabase, {kOtherAddress})).ok());
  const auto check = [&](const char* when) {
    EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb) << when;
    EXPECT_EQ(IdentityOf(4, kOtherAddress), kDatabase) << when;
    EXPECT_EQ(StagedIdentityOf(3, kWebAddress), kWeb) << when;
    EXPECT_EQ(StagedIdentityOf(4, kOtherAddress), kDatabase) << when;
    const auto subject = EndpointAt(8)->subject[BH_SLOT_STAGED][1];
    EXPECT_EQ(fake_.Get<bh_subject>(fake_.maps.subjects, BH_SLOT_STAGED * BH_MAX_SUBJECTS + subject)->identity, kDatabase) << when;
  };
  check("staged, then put");
  for (uint64_t generation = 2; generation <= 4; ++generation) {
    ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(generation)).ok());
    check("after a flip");
  }
  ASSERT_TRUE(publisher_.SetHostAddresses({kWebAddress}).ok());
  EXPECT_EQ(StagedIdentityOf(0, kWebAddress), kIdentityUnknown) << "ambiguous";
  ASSERT_TRUE(publisher_.SetHostAddresses({}).ok());
  EXPECT_EQ(StagedIdentityOf(0, kWebAddress), kWeb);

  ASSERT_TRUE(publisher_.GrowStaged(AddCache(*staged)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(9, 4, kCache, {IpAddress::V4(198, 18, 0, 9)})).ok());
  EXPECT_EQ(StagedIdentityOf(4, IpAddress::V4(198, 18, 0, 9)), kCache);
  EXPECT_EQ(IdentityOf(4, IpAddress::V4(198, 18, 0, 9)), kIdentityUnknown) << "the active policy has not grown";
}

TEST_F(StagingTest, APolicyThatDoesNotFitLeavesTheOneThatIs) {
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(6)).ok());
  const auto content = fake_.content();
  auto large = TwoServices(7);
  large->rulesets.resize(BH_MAX_RULESETS + 1);
  EXPECT_EQ(publisher_.StagePolicy(large).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fake_.content(), content);
  EXPECT_EQ(fake_.control.staged, 1u);
}

// An error at any step: the word says that none is staged, or the slot is whole.
TEST_F(StagingTest, AnErrorAtAnyStepLeavesNoneOrAWholeOne) {
  ASSERT_TRUE(publisher_.StagePolicy(TwoServices(6)).ok());
  int failures = 0;
  for (int calls = 0;; ++calls) {
    AddStagedEdge();
    fake_.calls_left = calls;
    const absl::Status status = publisher_.StagePolicy(TwoServices(7));
    fake_.calls_left = -1;
    if (status.ok()) break;
    ++failures;
    EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
    if (fake_.control.staged != 0) {
      EXPECT_EQ(StagedIdentityOf(3, kWebAddress), kWeb);
    }
    ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  }
  EXPECT_GE(failures, 11);
  EXPECT_EQ(fake_.control.staged, 1u);
  EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, BH_SLOT_STAGED)->generation, 7u);
  EXPECT_EQ(fake_.Size(fake_.maps.staged_edges), 0u);
  EXPECT_EQ(StagedIdentityOf(3, kWebAddress), kWeb);
  EXPECT_EQ(StagedIdentityOf(0, kWebAddress), kWeb);
}

// A flip writes only the subjects that change. What a failed one left in the map is not taken for what was there before.
TEST_F(StagingTest, SubjectsThatAFailedFlipLeftAreWrittenAgain) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(2)).ok());
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(3)).ok());
  const uint32_t inactive = 1 - active();
  const auto kept = Address(0, kWebAddress)->subject[inactive];
  for (int calls = 0; Address(0, kWebAddress)->subject[inactive] == kept; ++calls) {
    fake_.calls_left = calls;
    ASSERT_FALSE(publisher_.ApplyPolicy(TwoServices(5)).ok()) << "it has written all";
    fake_.calls_left = -1;
  }
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(4)).ok());
  EXPECT_EQ(IdentityOf(0, kWebAddress), kWeb);
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
}

}  // namespace
}  // namespace bulkhead
