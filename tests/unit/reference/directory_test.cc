// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/directory.h"

#include <gtest/gtest.h>

namespace bulkhead::reference {
namespace {

const IpAddress kShared = IpAddress::V4(198, 18, 1, 3);
const IpAddress kAlone = IpAddress::V4(198, 18, 1, 4);

EndpointState Bound(uint16_t slot, uint16_t zone, std::vector<IpAddress> addresses) {
  EndpointState endpoint;
  endpoint.slot = slot;
  endpoint.ifindex = 100u + slot;
  endpoint.zone = zone;
  endpoint.bound = true;
  endpoint.workload = slot;
  endpoint.identity = kFirstIdentity + slot;
  endpoint.addresses = std::move(addresses);
  return endpoint;
}

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    policy_.subjects.resize(3);
    for (const uint32_t id : {0u, 1u, 2u}) policy_.subject_index[SubjectKey{id, {}}] = id;
    for (const uint32_t slot : {1u, 2u, 3u}) {
      policy_.subject_index[SubjectKey{kFirstIdentity + slot, {}}] = static_cast<SubjectId>(policy_.subjects.size());
      policy_.subjects.emplace_back();
    }
    directory_.SetPolicy(&policy_);
    directory_.Put(Bound(1, 1, {kShared}));
    directory_.Put(Bound(2, 2, {kShared}));
    directory_.Put(Bound(3, 2, {kAlone}));
  }

  CompiledPolicy policy_;
  Directory directory_;
};

TEST_F(DirectoryTest, ByZone) {
  EXPECT_EQ(directory_.Local(1, kShared), 1);
  EXPECT_EQ(directory_.Local(2, kShared), 2);
  EXPECT_EQ(directory_.Local(1, kAlone), 0);
  EXPECT_EQ(directory_.Destination(1, kAlone).slot, 3) << "one zone alone has it: seen from everywhere";
}

TEST_F(DirectoryTest, AmbiguousFromElsewhere) {
  const auto found = directory_.Find(7, kShared);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->ambiguous);
  EXPECT_EQ(directory_.Destination(7, kShared).subject, kSubjectUnknown);
  directory_.Remove(2);
  EXPECT_EQ(directory_.Destination(7, kShared).slot, 1);
}

TEST_F(DirectoryTest, TheHostsAndAWorkloadsIsNobodys) {
  directory_.SetHostAddresses({kAlone});
  const auto found = directory_.At(0, kAlone);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->host);
  EXPECT_TRUE(found->ambiguous);
  EXPECT_EQ(directory_.Host(kAlone).subject, kSubjectUnknown);
  EXPECT_EQ(directory_.Host(IpAddress::V4(198, 18, 9, 9)).subject, kSubjectHost);
}

TEST_F(DirectoryTest, WhoWasPutLastHasTheAddress) {
  directory_.Put(Bound(1, 2, {kAlone}));
  EXPECT_EQ(directory_.Local(2, kAlone), 1);
  directory_.Put(Bound(3, 2, {kAlone}));
  EXPECT_EQ(directory_.Local(2, kAlone), 3);
}

TEST_F(DirectoryTest, UnboundOnesHaveNoAddress) {
  EndpointState unbound = Bound(1, 1, {kShared});
  unbound.bound = false;
  directory_.Put(unbound);
  EXPECT_EQ(directory_.Local(1, kShared), 0);
  EXPECT_EQ(directory_.Endpoint(1, 4).subject, kSubjectUnknown);
}

TEST_F(DirectoryTest, AKindThatThePolicyDoesNotKnow) {
  EndpointState fresh = Bound(1, 1, {kShared});
  fresh.identity = 999;
  directory_.Put(fresh);
  EXPECT_EQ(directory_.Workload(1, kShared).subject, kSubjectUnknown);
}

TEST_F(DirectoryTest, WhatThePolicyGrowsByIsForWhoIsPutAfterwards) {
  directory_.Put(Bound(4, 1, {IpAddress::V4(198, 18, 1, 9)}));
  policy_.subject_index[SubjectKey{kFirstIdentity + 4, {}}] = static_cast<SubjectId>(policy_.subjects.size());
  policy_.subjects.emplace_back();
  EXPECT_EQ(directory_.Endpoint(4, 4).subject, kSubjectUnknown);
  directory_.GrowPolicy();
  EXPECT_EQ(directory_.Endpoint(4, 4).subject, kSubjectUnknown);
  EXPECT_EQ(directory_.Workload(4, IpAddress::V4(198, 18, 1, 9)).subject, kSubjectUnknown);
  directory_.Put(Bound(4, 1, {IpAddress::V4(198, 18, 1, 9)}));
  EXPECT_EQ(directory_.Endpoint(4, 4).subject, 6u);
  directory_.Remove(4);
  directory_.Put(Bound(4, 1, {IpAddress::V4(198, 18, 1, 9)}));
  EXPECT_EQ(directory_.Endpoint(4, 4).subject, 6u);
}

TEST_F(DirectoryTest, EachPolicyHasItsOwnSubjects) {
  EXPECT_EQ(directory_.Endpoint(3, 4).staged, kSubjectUnknown) << "none is staged";
  CompiledPolicy staged;
  staged.subjects.resize(5);
  staged.subject_index[SubjectKey{kFirstIdentity + 3, {}}] = 4;
  staged.world_prefixes = {{*Prefix::Parse("198.19.0.0/16"), 3}};
  directory_.SetStaged(&staged);
  EXPECT_EQ(directory_.Endpoint(3, 4).staged, 4u);
  EXPECT_EQ(directory_.Endpoint(3, 4).subject, 5u);
  EXPECT_EQ(directory_.Outside(IpAddress::V4(198, 19, 0, 1)).staged, 3u);
  EXPECT_EQ(directory_.Outside(IpAddress::V4(198, 19, 0, 1)).subject, kSubjectWorld);
  EXPECT_EQ(directory_.Outside(IpAddress::V4(10, 0, 0, 1)).staged, kSubjectWorld);
  EXPECT_EQ(directory_.Host(IpAddress::V4(198, 18, 9, 9)).staged, kSubjectHost);
  directory_.SetStaged(nullptr);
  EXPECT_EQ(directory_.Endpoint(3, 4).staged, kSubjectUnknown);
}

TEST_F(DirectoryTest, WithoutAnAddressOfTheFamily) {
  EXPECT_EQ(directory_.Endpoint(1, 6).subject, directory_.Endpoint(1, 4).subject);
  EXPECT_EQ(directory_.Endpoint(9, 4).subject, kSubjectUnknown);
}

}  // namespace
}  // namespace bulkhead::reference
