// SPDX-License-Identifier: Apache-2.0
// Small compiled policies, built by hand.
#ifndef BULKHEAD_TESTS_UNIT_EBPF_POLICIES_H_
#define BULKHEAD_TESTS_UNIT_EBPF_POLICIES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "bulkhead/model/compiled_policy.h"

namespace bulkhead {

inline constexpr IdentityId kWeb = 17;
inline constexpr IdentityId kDatabase = 18;

// web and db, IPv4 addresses in 198.18.0.0/16 or in none of the policy's prefixes; web may reach db on TCP 5432 only. Subjects
// differ in number from one generation to the next, so that a mix of two generations shows.
inline std::shared_ptr<CompiledPolicy> TwoServices(uint64_t generation) {
  auto policy = std::make_shared<CompiledPolicy>();
  policy->generation = generation;
  policy->global_mode = Mode::kAudit;
  policy->cidrs = CidrTable({*Prefix::Parse("198.18.0.0/16")});
  const auto add = [&](IdentityId identity, std::vector<uint32_t> cidrs, ClassId class_id, uint16_t row, Mode mode) {
    policy->subject_index[SubjectKey{identity, cidrs}] = static_cast<SubjectId>(policy->subjects.size());
    policy->subjects.push_back({identity, cidrs, class_id, row, mode});
  };
  add(kIdentityUnknown, {}, 0, 0, Mode::kAudit);
  add(kIdentityHost, {}, 1, kNoRow, Mode::kLearn);
  add(kIdentityWorld, {}, 2, kNoRow, Mode::kLearn);
  add(kIdentityWorld, {0}, 2, kNoRow, Mode::kLearn);
  const bool odd = generation % 2 == 1;
  for (int i = 0; i < 2; ++i) {
    if ((i == 0) == odd) {
      add(kWeb, {}, 3, 1, Mode::kLearn);
      add(kWeb, {0}, 3, 1, Mode::kLearn);
    } else {
      add(kDatabase, {}, 4, 2, Mode::kEnforce);
      add(kDatabase, {0}, 4, 2, Mode::kEnforce);
    }
  }
  policy->world_prefixes = {{policy->cidrs[0], 3}};
  policy->classes = 5;
  policy->rows = 3;
  const char* const keys[] = {"default", "self", "from-host", "shop/db ingress[0]", "shop/db ingress isolated"};
  for (uint32_t i = 0; i < 5; ++i) {
    RuleInfo rule;
    rule.key = keys[i];
    rule.id = 100 + i;
    policy->rules.push_back(rule);
  }
  Ruleset all, database;
  database.otherwise = {false, 4};
  database.intervals = {{kProtoTcp, 5432, 5432, {true, 3}}};
  policy->rulesets = {all, database};
  for (auto& matrix : policy->matrix) matrix.assign(3, std::vector<uint32_t>(5, 0));
  policy->matrix[1][2][3] = 1;  // ingress: db <- web
  return policy;
}

inline constexpr IdentityId kCache = 19;

// The policy learns of a third service, of a new class with a row of its own; web may send it nothing but UDP 53.
inline PolicyGrowth AddCache(CompiledPolicy& policy) {
  const PolicyGrowth growth{static_cast<uint32_t>(policy.subjects.size()), policy.classes, policy.rows,
                            static_cast<uint32_t>(policy.rulesets.size())};
  const auto class_id = static_cast<ClassId>(policy.classes++);
  const auto row = static_cast<uint16_t>(policy.rows++);
  for (const std::vector<uint32_t>& cidrs : {std::vector<uint32_t>{}, std::vector<uint32_t>{0}}) {
    policy.subject_index[SubjectKey{kCache, cidrs}] = static_cast<SubjectId>(policy.subjects.size());
    policy.subjects.push_back({kCache, cidrs, class_id, row, Mode::kEnforce});
  }
  Ruleset cache;
  cache.otherwise = {false, 4};
  cache.intervals = {{kProtoUdp, 53, 53, {true, 3}}};
  policy.rulesets.push_back(cache);
  for (auto& matrix : policy.matrix) {
    for (auto& cells : matrix) cells.push_back(0);
    matrix.emplace_back(policy.classes, 0);
  }
  policy.matrix[1][row][3] = growth.first_ruleset;  // ingress: cache <- web
  return growth;
}

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_EBPF_POLICIES_H_
