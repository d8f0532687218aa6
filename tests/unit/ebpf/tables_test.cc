// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/tables.h"

#include <gtest/gtest.h>

#include "tests/unit/ebpf/policies.h"

namespace bulkhead {
namespace {

// The look-up of abi/policy.h, as a program does it.
const bh_ruleset& RulesetAt(const PolicyTables& tables, uint32_t first, uint16_t row, uint16_t class_id) {
  const uint32_t cell = first + row * tables.policy.stride + class_id;
  return tables.rulesets[tables.matrix[cell / BH_CELLS_PER_LINE].cell[cell % BH_CELLS_PER_LINE]];
}

TEST(Tables, HoldThePolicy) {
  const auto tables = EncodePolicy(*TwoServices(5));
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->policy.generation, 5u);
  EXPECT_EQ(tables->policy.global_mode, static_cast<uint32_t>(BH_MODE_AUDIT));
  EXPECT_EQ(tables->policy.stride, BH_CELLS_PER_LINE);
  EXPECT_EQ(tables->policy.ingress, 3 * BH_CELLS_PER_LINE);
  EXPECT_EQ(tables->policy.self_rule, 101u);
  EXPECT_EQ(tables->policy.subjects, 8u);
  EXPECT_EQ(tables->subjects[0].mode, BH_MODE_AUDIT);
  EXPECT_EQ(tables->subjects[1].row, BH_NO_ROW);
  EXPECT_EQ(tables->subjects[4].identity, kWeb);
  EXPECT_EQ(tables->subjects[6].identity, kDatabase);
  EXPECT_EQ(tables->subjects[6].mode, BH_MODE_ENFORCE);
}

TEST(Tables, BothDirectionsLeadToTheRuleset) {
  const auto tables = EncodePolicy(*TwoServices(5));
  ASSERT_TRUE(tables.ok()) << tables.status();
  for (const bh_ruleset& ruleset : {RulesetAt(*tables, 0, 1, 4), RulesetAt(*tables, tables->policy.ingress, 2, 3)}) {
    EXPECT_EQ(ruleset.verdicts, BH_DESTINATION_DENIES);
    EXPECT_EQ(ruleset.source_rule, 100u);
    EXPECT_EQ(ruleset.destination_rule, 104u);
    ASSERT_EQ(ruleset.count, 1u);
    const bh_interval& interval = tables->intervals[ruleset.first];
    EXPECT_EQ(interval.protocol, kProtoTcp);
    EXPECT_EQ(interval.first, 5432);
    EXPECT_EQ(interval.last, 5432);
    EXPECT_EQ(interval.verdicts, 0);
    EXPECT_EQ(interval.destination_rule, 103u);
  }
  EXPECT_EQ(RulesetAt(*tables, 0, 1, 3).verdicts, 0);
  EXPECT_EQ(RulesetAt(*tables, tables->policy.ingress, 1, 4).verdicts, 0);
}

TEST(Tables, MatrixWithMoreClassesThanALineHolds) {
  auto policy = TwoServices(1);
  policy->classes = 70;
  for (auto& matrix : policy->matrix) matrix.assign(size_t{3} * 70, 0);
  policy->matrix[0][2 * 70 + 69] = 1;
  policy->matrix[1][1 * 70 + 33] = 1;
  const auto tables = EncodePolicy(*policy);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->policy.stride, 96u);
  EXPECT_EQ(RulesetAt(*tables, 0, 2, 69).verdicts, BH_DESTINATION_DENIES);
  EXPECT_EQ(RulesetAt(*tables, tables->policy.ingress, 1, 33).verdicts, BH_DESTINATION_DENIES);
  int ones = 0;
  for (const bh_matrix_line& line : tables->matrix) {
    for (const uint16_t cell : line.cell) ones += cell;
  }
  EXPECT_EQ(ones, 2);
}

TEST(Tables, WhatDoesNotFitIsCounted) {
  auto policy = TwoServices(1);
  policy->subjects.resize(BH_MAX_SUBJECTS + 3, policy->subjects[0]);
  EXPECT_EQ(EncodePolicy(*policy).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(EncodePolicy(*policy).status().message(), "the policy needs 65539 subjects; the dataplane has room for 65536");
  policy = TwoServices(1);
  policy->rows = 2000;
  policy->classes = 2000;
  for (auto& matrix : policy->matrix) matrix.assign(size_t{2000} * 2000, 0);
  EXPECT_EQ(EncodePolicy(*policy).status().message(), "the policy needs 8064000 matrix cells; the dataplane has room for 4194304");
  policy = TwoServices(1);
  policy->rulesets[1].intervals.resize(BH_MAX_RULESET_INTERVALS + 1, policy->rulesets[1].intervals[0]);
  EXPECT_EQ(EncodePolicy(*policy).status().code(), absl::StatusCode::kResourceExhausted);
  policy = TwoServices(1);
  policy->rulesets.resize(BH_MAX_RULESETS + 1);
  EXPECT_EQ(EncodePolicy(*policy).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Tables, AnIndexThatPointsNowhereIsRefused) {
  using Breaker = void (*)(CompiledPolicy&);
  const Breaker breakers[] = {
      [](CompiledPolicy& p) { p.subjects[0].class_id = 5; },
      [](CompiledPolicy& p) { p.subjects[0].row = 3; },
      [](CompiledPolicy& p) { p.matrix[0][0] = 2; },
      [](CompiledPolicy& p) { p.matrix[1].pop_back(); },
      [](CompiledPolicy& p) { p.rulesets[0].source_otherwise.rule = 5; },
      [](CompiledPolicy& p) { p.rulesets[1].intervals[0].destination.rule = 5; },
      [](CompiledPolicy& p) { p.world_prefixes[0].second = 8; },
      [](CompiledPolicy& p) { p.subjects.resize(2); },
      [](CompiledPolicy& p) { p.rules.resize(1); },
  };
  for (const Breaker breaker : breakers) {
    auto policy = TwoServices(1);
    ASSERT_TRUE(EncodePolicy(*policy).ok());
    breaker(*policy);
    EXPECT_EQ(EncodePolicy(*policy).status().code(), absl::StatusCode::kInvalidArgument);
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
