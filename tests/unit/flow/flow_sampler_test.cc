// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_sampler.h"

#include <gtest/gtest.h>

#include <set>

#include "bulkhead/abi/policy.h"
#include "tests/unit/flow/memory_tables.h"

namespace bulkhead {
namespace {

// So many UDP flows of IPv4 under the stamp 5, the first `linked` of them linked.
void FillTables(MemoryTables* memory, uint16_t count, uint16_t linked) {
  for (uint16_t i = 0; i < count; ++i) {
    bh_flow4_key key{};
    key.address[0][0] = key.address[1][0] = 198;
    key.address[1][3] = 9;
    key.port[0] = static_cast<uint16_t>(i + 1);
    key.protocol = kProtoUdp;
    bh_flow flow{};
    flow.hot.meta = BH_META(0, BH_FLOW_ESTABLISHED, i < linked ? BH_FLOW_LINKED : 0);
    flow.hot.stamp = 5;
    flow.hot.last_seen = 1000;
    flow.cold.verdict = BH_WOULD_DENY;
    ASSERT_TRUE(memory->Put(key, flow));
  }
}

TEST(FlowSampler, GivesWholeVerdictsOfFlowsThatAreListed) {
  MemoryTables memory(64, 4);
  FillTables(&memory, 100, 30);
  FlowSampler sampler(&memory.tables());
  const std::vector<FlowRecord> all = sampler.Take(1000);
  ASSERT_EQ(all.size(), 70u);
  for (const FlowRecord& flow : all) {
    EXPECT_EQ(flow.stamp, 5u);
    EXPECT_EQ(flow.verdict, Verdict::kWouldDeny);
    EXPECT_EQ(flow.destination.ToString(), "198.0.0.9");
  }
  EXPECT_EQ(sampler.Take(1000).size(), 70u) << "it begins anew";
}

TEST(FlowSampler, TakesNoMoreThanItIsAskedForAndEveryoneHasAChance) {
  MemoryTables memory(64, 4);
  FillTables(&memory, 100, 0);
  FlowSampler sampler(&memory.tables());
  std::set<uint16_t> seen;
  for (int i = 0; i < 300; ++i) {
    const std::vector<FlowRecord> some = sampler.Take(5);
    ASSERT_EQ(some.size(), 5u);
    std::set<uint16_t> once;
    for (const FlowRecord& flow : some) once.insert(flow.source_port);
    EXPECT_EQ(once.size(), 5u) << "no flow twice";
    seen.insert(once.begin(), once.end());
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_TRUE(sampler.Take(0).empty());
}

TEST(FlowSampler, ALargeTableIsLookedAtInParts) {
  MemoryTables memory(2 * FlowSampler::kGroupsAtOnce, 4);
  FillTables(&memory, 2000, 0);
  FlowSampler sampler(&memory.tables());
  const size_t first = sampler.Take(5000).size(), second = sampler.Take(5000).size();
  EXPECT_GT(first, 0u);
  EXPECT_GT(second, 0u);
  EXPECT_EQ(first + second, 2000u);
}

}  // namespace
}  // namespace bulkhead
