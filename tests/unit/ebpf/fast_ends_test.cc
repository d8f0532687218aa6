// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/fast_ends.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/ebpf/fake_maps.h"

namespace bulkhead {
namespace {

class FastEndsTest : public testing::Test {
 protected:
  static EndpointState EndpointIn(uint16_t slot) {
    EndpointState out;
    out.slot = slot;
    out.ifindex = 100u + slot;
    out.zone = 1;
    out.bound = true;
    out.mac = *MacAddress::Parse("02:00:00:00:00:07");
    out.workload = slot;
    return out;
  }
  bh_fast At(uint32_t slot) { return fake_.Get<bh_fast>(fake_.maps.fast_ends, slot).value_or(bh_fast{}); }
  // Whether one was withdrawn.
  bool Set(const std::vector<uint16_t>& slots, uint32_t until = 50) {
    bool withdrawn = false;
    EXPECT_TRUE(ends_.Set(slots, until, withdrawn).ok());
    return withdrawn;
  }

  FakeMaps fake_;
  FastEnds ends_{fake_, fake_.maps};
};

TEST_F(FastEndsTest, WritesWhatIsFit) {
  ASSERT_TRUE(ends_.Put(EndpointIn(1)).ok());
  EXPECT_EQ(At(1).ifindex, 0u) << "nobody has vouched for it";
  EXPECT_FALSE(Set({1, 2}));
  EXPECT_EQ(At(1).ifindex, 101u);
  EXPECT_EQ(At(1).until, 50u);
  EXPECT_EQ(At(1).mac[5], 7);
  EXPECT_EQ(At(2).ifindex, 0u) << "there is none";
  EXPECT_FALSE(Set({1}, 60));
  EXPECT_EQ(At(1).until, 60u);
}

TEST_F(FastEndsTest, NeverWhatIsNotFit) {
  EndpointState unbound = EndpointIn(1), routed = EndpointIn(2), unknown = EndpointIn(3);
  unbound.bound = false;
  routed.zone = 0;
  unknown.mac = {};
  for (const EndpointState& endpoint : {unbound, routed, unknown}) {
    ASSERT_TRUE(ends_.Put(endpoint).ok());
    Set({endpoint.slot});
    EXPECT_EQ(At(endpoint.slot).ifindex, 0u) << endpoint.slot;
  }
}

TEST_F(FastEndsTest, TellsWhenOneIsWithdrawn) {
  ASSERT_TRUE(ends_.Put(EndpointIn(1)).ok());
  ASSERT_TRUE(ends_.Put(EndpointIn(2)).ok());
  Set({1, 2});
  EXPECT_TRUE(Set({2}));
  EXPECT_EQ(At(1).ifindex, 0u);
  EXPECT_EQ(At(2).ifindex, 102u);
  EXPECT_FALSE(Set({2}));
}

TEST_F(FastEndsTest, AChangedEndpointWaitsUntilItIsSetAgain) {
  const std::function<void(EndpointState&)> changes[] = {[](EndpointState& e) { e.ifindex = 900; }, [](EndpointState& e) { e.zone = 2; },
                                                         [](EndpointState& e) { e.mac.bytes[5] = 9; },
                                                         [](EndpointState& e) { e.bound = false; }};
  for (const auto& change : changes) {
    EndpointState endpoint = EndpointIn(1);
    ASSERT_TRUE(ends_.Put(endpoint).ok());
    Set({1});
    EXPECT_NE(At(1).ifindex, 0u);
    ASSERT_TRUE(ends_.Put(endpoint).ok());
    EXPECT_NE(At(1).ifindex, 0u) << "nothing has changed";
    change(endpoint);
    ASSERT_TRUE(ends_.Put(endpoint).ok());
    EXPECT_EQ(At(1).ifindex, 0u);
  }
}

TEST_F(FastEndsTest, ARemovedEndpointIsGone) {
  ASSERT_TRUE(ends_.Put(EndpointIn(1)).ok());
  Set({1});
  ASSERT_TRUE(ends_.Remove(1).ok());
  EXPECT_EQ(At(1).ifindex, 0u);
  Set({1});
  EXPECT_EQ(At(1).ifindex, 0u);
}

TEST_F(FastEndsTest, EmptiesWhatAnEarlierProcessLeft) {
  ASSERT_TRUE(ends_.Put(EndpointIn(1)).ok());
  Set({1});
  FastEnds next(fake_, fake_.maps);
  ASSERT_TRUE(next.Empty().ok());
  EXPECT_EQ(At(1).ifindex, 0u);
}

}  // namespace
}  // namespace bulkhead
