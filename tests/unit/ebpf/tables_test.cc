// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/tables.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/unit/ebpf/policies.h"

namespace bulkhead {
namespace {

// The tables of one slot, filled piece by piece, and the look-up of abi/policy.h in them.
struct Slot {
  void Take(const PolicyTables& tables) {
    if (stride == 0) stride = tables.policy.stride;
    for (const CellRun& run : tables.cells) {
      for (size_t i = 0; i < run.rulesets.size(); ++i) cells[run.first + static_cast<uint32_t>(i)] = run.rulesets[i];
    }
    EXPECT_EQ(rulesets.size(), tables.first_ruleset);
    EXPECT_EQ(intervals.size(), tables.first_interval);
    EXPECT_EQ(subjects.size(), tables.first_subject);
    rulesets.insert(rulesets.end(), tables.rulesets.begin(), tables.rulesets.end());
    intervals.insert(intervals.end(), tables.intervals.begin(), tables.intervals.end());
    subjects.insert(subjects.end(), tables.subjects.begin(), tables.subjects.end());
  }
  const bh_ruleset& At(uint32_t row, bh_direction direction, uint32_t class_id) const {
    return rulesets[cells.at((row * 2 + direction) * stride + class_id)];
  }

  uint32_t stride = 0;
  std::map<uint32_t, uint32_t> cells;
  std::vector<bh_ruleset> rulesets;
  std::vector<bh_interval> intervals;
  std::vector<bh_subject> subjects;
};

TEST(Tables, HoldThePolicy) {
  const auto policy = TwoServices(5);
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->policy.generation, 5u);
  EXPECT_EQ(tables->policy.global_mode, static_cast<uint32_t>(BH_MODE_AUDIT));
  EXPECT_EQ(tables->policy.self_rule, 101u);
  EXPECT_EQ(tables->policy.default_rule, 100u);
  EXPECT_EQ(tables->subjects.size(), 8u);
  EXPECT_EQ(tables->subjects[0].mode, BH_MODE_AUDIT);
  EXPECT_EQ(tables->subjects[1].row, BH_NO_ROW);
  EXPECT_EQ(tables->subjects[4].identity, kWeb);
  EXPECT_EQ(tables->subjects[6].identity, kDatabase);
  EXPECT_EQ(tables->subjects[6].mode, BH_MODE_ENFORCE);
  EXPECT_EQ(layout.stride, tables->policy.stride);
  EXPECT_EQ(layout.subjects, 8u);
  EXPECT_EQ(layout.classes, 5u);
  EXPECT_EQ(layout.rows, 3u);
  EXPECT_EQ(layout.rulesets, 2u);
  EXPECT_EQ(layout.intervals.size(), 1u);
}

TEST(Tables, EachSideHasItsOwnRuleset) {
  const auto policy = TwoServices(5);
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  ASSERT_TRUE(tables.ok()) << tables.status();
  Slot slot;
  slot.Take(*tables);
  const bh_ruleset& ruleset = slot.At(2, BH_INGRESS, 3);
  EXPECT_EQ(ruleset.verdict, BH_SIDE_DENIES);
  EXPECT_EQ(ruleset.rule, 104u);
  ASSERT_EQ(ruleset.count, 1u);
  const bh_interval& interval = tables->intervals[ruleset.first];
  EXPECT_EQ(interval.protocol, kProtoTcp);
  EXPECT_EQ(interval.first, 5432);
  EXPECT_EQ(interval.last, 5432);
  EXPECT_EQ(interval.verdict, BH_SIDE_ALLOWS);
  EXPECT_EQ(interval.rule, 103u);
  EXPECT_EQ(slot.At(1, BH_EGRESS, 4).verdict, BH_SIDE_ALLOWS);
  EXPECT_EQ(slot.At(1, BH_EGRESS, 4).rule, 100u);
  EXPECT_EQ(slot.At(2, BH_EGRESS, 3).verdict, BH_SIDE_ALLOWS) << "the other direction";
}

TEST(Tables, ADenialInAuditIsOneOfItsOwn) {
  auto policy = TwoServices(1);
  policy->rulesets[1].otherwise.audit = true;
  policy->rulesets[1].intervals[0].verdict = {false, 3, true};
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->rulesets[1].verdict, BH_SIDE_AUDITS);
  EXPECT_EQ(tables->intervals[0].verdict, BH_SIDE_AUDITS);
}

TEST(Tables, EqualListsOfIntervalsShareOneStretch) {
  auto policy = TwoServices(1);
  Ruleset other = policy->rulesets[1];
  other.otherwise.rule = 0;
  policy->rulesets.push_back(other);
  other.intervals[0].verdict.rule = 0;
  policy->rulesets.push_back(other);
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->intervals.size(), 2u);
  EXPECT_EQ(tables->rulesets[1].first, tables->rulesets[2].first);
  EXPECT_EQ(tables->rulesets[2].rule, 100u);
  EXPECT_NE(tables->rulesets[3].first, tables->rulesets[2].first) << "another rule is another list";
}

TEST(Tables, TheStrideHasRoomWhereTheMatrixHas) {
  const auto stride_of = [](uint32_t classes, uint32_t rows) {
    auto policy = TwoServices(1);
    policy->classes = classes;
    policy->rows = rows;
    for (auto& matrix : policy->matrix) matrix.assign(rows, std::vector<uint32_t>(classes, 0));
    PolicyLayout layout;
    EXPECT_TRUE(EncodePolicy(*policy, layout).ok());
    return layout.stride;
  };
  EXPECT_EQ(stride_of(5, 3), 48u) << "5 + 32, in lines of 16";
  EXPECT_EQ(stride_of(70, 3), 112u);
  EXPECT_EQ(stride_of(1000, 3), 1136u) << "an eighth is more than 32 by then";
  EXPECT_EQ(stride_of(1000, 1846), 1136u) << "4194112 of 4194304 cells";
  EXPECT_EQ(stride_of(1000, 1847), 1008u) << "no room for spare ones";
}

TEST(Tables, WhatDoesNotFitIsCounted) {
  PolicyLayout layout;
  auto policy = TwoServices(1);
  policy->subjects.resize(BH_MAX_SUBJECTS + 3, policy->subjects[0]);
  EXPECT_EQ(EncodePolicy(*policy, layout).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(),
            "the policy needs 65539 subjects; the dataplane has room for 65536");
  policy = TwoServices(1);
  policy->rows = 2000;
  policy->classes = 2000;
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(),
            "the policy needs 8000000 matrix cells; the dataplane has room for 4194304");
  policy = TwoServices(1);
  policy->classes = 65536;
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(), "the policy needs 65536 classes; the dataplane has room for 65535");
  policy = TwoServices(1);
  policy->rulesets[1].intervals.resize(BH_MAX_RULESET_INTERVALS + 1, policy->rulesets[1].intervals[0]);
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(),
            "the policy needs 4097 port intervals in one ruleset; the dataplane has room for 4096");
  policy = TwoServices(1);
  policy->rulesets.resize(BH_MAX_RULESETS + 1);
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(),
            "the policy needs 262145 rulesets; the dataplane has room for 262144");
  policy = TwoServices(1);
  policy->world_prefixes.resize(BH_MAX_PREFIXES + 1, policy->world_prefixes[0]);
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(), "the policy needs 65537 IPv4 prefixes; the dataplane has room for 65536");
  policy = TwoServices(1);
  for (uint16_t i = 1; i <= 64; ++i) {  // 65 lists of 4096, each another one
    policy->rulesets.push_back(policy->rulesets[1]);
    policy->rulesets.back().intervals.resize(BH_MAX_RULESET_INTERVALS, {kProtoUdp, i, i, {true, 0}});
  }
  EXPECT_EQ(EncodePolicy(*policy, layout).status().message(),
            "the policy needs 262145 port intervals; the dataplane has room for 262144");
  EXPECT_EQ(layout.subjects, 0u) << "an error leaves the layout as it was";
}

TEST(Tables, AGrowthHoldsWhatIsNewAndNoMore) {
  auto policy = TwoServices(1);
  PolicyLayout layout;
  Slot slot;
  slot.Take(EncodePolicy(*policy, layout).value());
  const PolicyGrowth growth = AddCache(*policy);
  const auto grown = EncodeGrowth(*policy, growth, layout);
  ASSERT_TRUE(grown.ok()) << grown.status();
  EXPECT_EQ(grown->subjects.size(), 2u);
  EXPECT_EQ(grown->rulesets.size(), 1u);
  EXPECT_EQ(grown->intervals.size(), 1u);
  size_t cells = 0;
  for (const CellRun& run : grown->cells) {
    for (size_t i = 0; i < run.rulesets.size(); ++i, ++cells) {
      EXPECT_FALSE(slot.cells.contains(run.first + static_cast<uint32_t>(i))) << "a cell that packets may be reading";
    }
  }
  EXPECT_EQ(cells, 2u * (3 + 6)) << "a column for each old row, a whole row";
  slot.Take(*grown);
  layout.Hold(*policy);
  EXPECT_EQ(slot.At(3, BH_INGRESS, 3).verdict, BH_SIDE_DENIES);
  EXPECT_EQ(slot.At(2, BH_INGRESS, 3).rule, 104u) << "what was there is there";
  EXPECT_EQ(slot.intervals[slot.At(3, BH_INGRESS, 3).first].protocol, kProtoUdp);
  EXPECT_EQ(slot.subjects[9].identity, kCache);

  PolicyLayout afresh;
  Slot whole;
  whole.Take(EncodePolicy(*policy, afresh).value());
  EXPECT_EQ(whole.cells, slot.cells);
  EXPECT_EQ(EncodeGrowth(*policy, growth, layout).status().code(), absl::StatusCode::kFailedPrecondition) << "it has that already";
}

TEST(Tables, AGrowthThatDoesNotFitIsRefused) {
  auto policy = TwoServices(1);
  PolicyLayout layout;
  ASSERT_TRUE(EncodePolicy(*policy, layout).ok());
  PolicyGrowth growth = AddCache(*policy);
  while (policy->classes <= 48) AddCache(*policy);
  EXPECT_EQ(EncodeGrowth(*policy, growth, layout).status().message(), "the policy needs 49 classes; the dataplane has room for 48");
  EXPECT_EQ(layout.intervals.size(), 1u);
  policy = TwoServices(1);
  ASSERT_TRUE(EncodePolicy(*policy, layout).ok());
  growth = AddCache(*policy);
  policy->rulesets.back().intervals[0].verdict.rule = 99;
  EXPECT_EQ(EncodeGrowth(*policy, growth, layout).status().code(), absl::StatusCode::kInvalidArgument);
  policy->rulesets.back().intervals[0].verdict.rule = 3;
  const auto repeated = EncodeGrowth(*policy, growth, layout);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(repeated->intervals.size(), 1u) << "an error keeps no interval";
}

TEST(Tables, AnIndexThatPointsNowhereIsRefused) {
  using Breaker = void (*)(CompiledPolicy&);
  const Breaker breakers[] = {
      [](CompiledPolicy& p) { p.subjects[0].class_id = 5; },
      [](CompiledPolicy& p) { p.subjects[0].row = 3; },
      [](CompiledPolicy& p) { p.matrix[0][2][4] = 2; },
      [](CompiledPolicy& p) { p.matrix[1].pop_back(); },
      [](CompiledPolicy& p) { p.matrix[1][1].pop_back(); },
      [](CompiledPolicy& p) { p.rulesets[0].otherwise.rule = 5; },
      [](CompiledPolicy& p) { p.rulesets[1].intervals[0].verdict.rule = 5; },
      [](CompiledPolicy& p) { p.world_prefixes[0].second = 8; },
      [](CompiledPolicy& p) { p.subjects.resize(2); },
      [](CompiledPolicy& p) { p.rules.resize(1); },
  };
  for (const Breaker breaker : breakers) {
    auto policy = TwoServices(1);
    PolicyLayout layout;
    ASSERT_TRUE(EncodePolicy(*policy, layout).ok());
    breaker(*policy);
    EXPECT_EQ(EncodePolicy(*policy, layout).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(Tables, KeysAndTheirInverse) {
  const IpAddress v6 = *IpAddress::Parse("fd00::7");
  const bh_address_key key = AddressKey(9, v6);
  EXPECT_EQ(key.zone, 9);
  EXPECT_EQ(key.family, BH_V6);
  EXPECT_EQ(AddressOf(key), v6);
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "198.18.0.1/32"}) {
    EXPECT_EQ(PrefixOf(Prefix4Key(*Prefix::Parse(text))).ToString(), text);
  }
  for (const char* text : {"fd00::/8", "::/0", "fd00::1/128"}) {
    EXPECT_EQ(PrefixOf(Prefix6Key(*Prefix::Parse(text))).ToString(), text);
  }
}

}  // namespace
}  // namespace bulkhead
