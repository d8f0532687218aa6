// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/tables.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMaxClasses = 0xffff;
constexpr uint64_t kSpareClasses = 32;  // at least, beside an eighth of the classes

using Counts = std::vector<std::tuple<const char*, uint64_t, uint64_t>>;  // what, how many, at most

absl::Status CheckCounts(const Counts& counts) {
  for (const auto& [what, count, most] : counts) {
    if (count <= most) continue;
    return absl::ResourceExhaustedError(absl::StrCat("the policy needs ", count, " ", what, "; the dataplane has room for ", most));
  }
  return absl::OkStatus();
}

absl::Status Broken(const std::string& what) { return absl::InvalidArgumentError(absl::StrCat("compiled policy: ", what)); }

uint64_t WholeLines(uint64_t cells) { return (cells + BH_CELLS_PER_LINE - 1) / BH_CELLS_PER_LINE * BH_CELLS_PER_LINE; }
uint64_t Cells(uint64_t rows, uint64_t stride) { return 2 * rows * stride; }

// With room for classes to come, if the matrix has it.
uint64_t StrideFor(const CompiledPolicy& policy) {
  const uint64_t roomy = WholeLines(policy.classes + std::max<uint64_t>(kSpareClasses, policy.classes / 8));
  return Cells(policy.rows, roomy) <= BH_MAX_CELLS ? roomy : WholeLines(policy.classes);
}

// first_ruleset: those before it were checked already.
absl::Status CheckSizes(const CompiledPolicy& policy, uint64_t stride, size_t first_ruleset) {
  size_t longest = 0;
  for (size_t i = first_ruleset; i < policy.rulesets.size(); ++i) longest = std::max(longest, policy.rulesets[i].intervals.size());
  return CheckCounts({
      {"subjects", policy.subjects.size(), BH_MAX_SUBJECTS},
      {"classes", policy.classes, kMaxClasses},
      {"rows", policy.rows, BH_NO_ROW},
      {"matrix cells", Cells(policy.rows, stride), BH_MAX_CELLS},
      {"rulesets", policy.rulesets.size(), BH_MAX_RULESETS},
      {"port intervals in one ruleset", longest, BH_MAX_RULESET_INTERVALS},
  });
}

absl::Status EncodePrefixes(const CompiledPolicy& policy, PolicyTables& tables) {
  for (const auto& [prefix, subject] : policy.world_prefixes) {
    if (subject >= policy.subjects.size()) return Broken("a prefix's subject does not exist");
    tables.prefixes[prefix.address.IsV4() ? 0 : 1].emplace_back(prefix, subject);
  }
  return CheckCounts({{"IPv4 prefixes", tables.prefixes[0].size(), BH_MAX_PREFIXES},
                      {"IPv6 prefixes", tables.prefixes[1].size(), BH_MAX_PREFIXES}});
}

absl::Status EncodeSubjects(const CompiledPolicy& policy, PolicyTables& tables) {
  for (size_t i = tables.first_subject; i < policy.subjects.size(); ++i) {
    const CompiledSubject& subject = policy.subjects[i];
    if (subject.class_id >= policy.classes) return Broken("a subject's class does not exist");
    if (subject.row != kNoRow && subject.row >= policy.rows) return Broken("a subject's row does not exist");
    bh_subject out{};
    out.identity = subject.identity;
    out.class_id = subject.class_id;
    out.row = subject.row;
    out.mode = static_cast<uint8_t>(subject.mode);
    tables.subjects.push_back(out);
  }
  return absl::OkStatus();
}

// Of rows below first_row only the columns from first_class on.
absl::Status EncodeCells(const CompiledPolicy& policy, uint32_t first_row, uint32_t first_class, uint32_t stride,
                         PolicyTables& tables) {
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto& matrix = policy.matrix[static_cast<int>(direction)];
    if (matrix.size() != policy.rows) return Broken("the matrix has another number of rows");
    for (uint32_t row = 0; row < policy.rows; ++row) {
      if (matrix[row].size() != policy.classes) return Broken("a row has another number of classes");
      const uint32_t from = row < first_row ? first_class : 0;
      const std::span<const uint32_t> rulesets = std::span(matrix[row]).subspan(from);
      if (rulesets.empty()) continue;
      if (*std::max_element(rulesets.begin(), rulesets.end()) >= policy.rulesets.size()) {
        return Broken("a cell's ruleset does not exist");
      }
      tables.cells.push_back({(row * 2 + static_cast<uint32_t>(direction)) * stride + from, rulesets});
    }
  }
  return absl::OkStatus();
}

uint8_t Side(const SideVerdict& verdict) {
  return verdict.allow ? BH_SIDE_ALLOWS : verdict.audit ? BH_SIDE_AUDITS : BH_SIDE_DENIES;
}

absl::Status EncodeRulesets(const CompiledPolicy& policy, PolicyTables& tables, IntervalPool& pool) {
  const auto exists = [&](const SideVerdict& verdict) { return verdict.rule < policy.rules.size(); };
  std::vector<bh_interval> list;
  tables.first_interval = pool.size();
  for (size_t i = tables.first_ruleset; i < policy.rulesets.size(); ++i) {
    const Ruleset& ruleset = policy.rulesets[i];
    if (!exists(ruleset.otherwise)) return Broken("a ruleset's rule does not exist");
    list.clear();
    for (const PortInterval& interval : ruleset.intervals) {
      if (!exists(interval.verdict)) return Broken("an interval's rule does not exist");
      bh_interval port{};
      port.protocol = interval.protocol;
      port.verdict = Side(interval.verdict);
      port.first = interval.first;
      port.last = interval.last;
      port.rule = policy.rules[interval.verdict.rule].id;
      list.push_back(port);
    }
    bh_ruleset out{};
    out.first = pool.Place(list, tables.intervals);
    out.count = static_cast<uint16_t>(list.size());
    out.verdict = Side(ruleset.otherwise);
    out.rule = policy.rules[ruleset.otherwise.rule].id;
    tables.rulesets.push_back(out);
  }
  return CheckCounts({{"port intervals", pool.size(), BH_MAX_INTERVALS}});
}

absl::Status EncodeFrom(const CompiledPolicy& policy, const PolicyGrowth& from, uint32_t stride, PolicyTables& tables,
                        IntervalPool& pool) {
  tables.first_subject = from.first_subject;
  tables.first_ruleset = from.first_ruleset;
  if (auto status = EncodeSubjects(policy, tables); !status.ok()) return status;
  if (auto status = EncodeCells(policy, from.first_row, from.first_class, stride, tables); !status.ok()) return status;
  return EncodeRulesets(policy, tables, pool);
}

}  // namespace

void PolicyLayout::Hold(const CompiledPolicy& policy) {
  subjects = static_cast<uint32_t>(policy.subjects.size());
  classes = policy.classes;
  rows = policy.rows;
  rulesets = static_cast<uint32_t>(policy.rulesets.size());
}

absl::StatusOr<PolicyTables> EncodePolicy(const CompiledPolicy& policy, PolicyLayout& layout) {
  PolicyLayout next;
  next.stride = static_cast<uint32_t>(StrideFor(policy));
  if (auto status = CheckSizes(policy, next.stride, 0); !status.ok()) return status;
  if (policy.rules.size() <= kRuleSelf) return Broken("a reserved rule is missing");
  if (policy.subjects.size() <= kSubjectWorld) return Broken("a reserved subject is missing");
  PolicyTables tables;
  tables.policy.generation = static_cast<uint32_t>(policy.generation);
  tables.policy.global_mode = static_cast<uint32_t>(policy.global_mode);
  tables.policy.stride = next.stride;
  tables.policy.self_rule = policy.rules[kRuleSelf].id;
  tables.policy.default_rule = policy.rules[kRuleDefault].id;
  if (auto status = EncodeFrom(policy, {}, next.stride, tables, next.intervals); !status.ok()) return status;
  if (auto status = EncodePrefixes(policy, tables); !status.ok()) return status;
  next.Hold(policy);
  layout = std::move(next);
  return tables;
}

absl::StatusOr<PolicyTables> EncodeGrowth(const CompiledPolicy& policy, const PolicyGrowth& growth, PolicyLayout& layout) {
  if (growth.first_subject != layout.subjects || growth.first_class != layout.classes || growth.first_row != layout.rows ||
      growth.first_ruleset != layout.rulesets) {
    return absl::FailedPreconditionError("the policy has grown beside what was published of it");
  }
  if (auto status = CheckSizes(policy, layout.stride, growth.first_ruleset); !status.ok()) return status;
  if (auto status = CheckCounts({{"classes", policy.classes, layout.stride}}); !status.ok()) return status;
  PolicyTables tables;
  const uint32_t intervals = layout.intervals.size();
  if (auto status = EncodeFrom(policy, growth, layout.stride, tables, layout.intervals); !status.ok()) {
    layout.intervals.Truncate(intervals);
    return status;
  }
  return tables;
}

bh_address_key AddressKey(uint16_t zone, const IpAddress& address) {
  bh_address_key key{};
  key.zone = zone;
  key.family = address.family;
  std::copy(address.bytes.begin(), address.bytes.end(), key.address);
  return key;
}

bh_prefix4_key Prefix4Key(const Prefix& prefix) {
  bh_prefix4_key key{};
  key.length = prefix.length;
  std::copy_n(prefix.address.bytes.begin(), sizeof(key.address), key.address);
  return key;
}

bh_prefix6_key Prefix6Key(const Prefix& prefix) {
  bh_prefix6_key key{};
  key.length = prefix.length;
  std::copy_n(prefix.address.bytes.begin(), sizeof(key.address), key.address);
  return key;
}

IpAddress AddressOf(const bh_address_key& key) {
  IpAddress out;
  out.family = key.family;
  std::copy(std::begin(key.address), std::end(key.address), out.bytes.begin());
  return out;
}

Prefix PrefixOf(const bh_prefix4_key& key) {
  Prefix out;
  out.length = static_cast<uint8_t>(key.length);
  std::copy(std::begin(key.address), std::end(key.address), out.address.bytes.begin());
  return out;
}

Prefix PrefixOf(const bh_prefix6_key& key) {
  Prefix out;
  out.address.family = 6;
  out.length = static_cast<uint8_t>(key.length);
  std::copy(std::begin(key.address), std::end(key.address), out.address.bytes.begin());
  return out;
}

}  // namespace bulkhead
