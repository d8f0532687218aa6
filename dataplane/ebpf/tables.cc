// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/tables.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

absl::Status CheckCount(const char* what, uint64_t count, uint64_t most) {
  if (count <= most) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the policy needs ", count, " ", what, "; the dataplane has room for ", most));
}

uint64_t Stride(const CompiledPolicy& policy) {
  return (uint64_t{policy.classes} + BH_CELLS_PER_LINE - 1) / BH_CELLS_PER_LINE * BH_CELLS_PER_LINE;
}

absl::Status CheckSizes(const CompiledPolicy& policy) {
  uint64_t intervals = 0, longest = 0;
  for (const Ruleset& ruleset : policy.rulesets) {
    intervals += ruleset.intervals.size();
    longest = std::max<uint64_t>(longest, ruleset.intervals.size());
  }
  const uint64_t prefixes4 = static_cast<uint64_t>(std::count_if(policy.world_prefixes.begin(), policy.world_prefixes.end(),
                                                                 [](const auto& entry) { return entry.first.address.IsV4(); }));
  const std::pair<const char*, std::pair<uint64_t, uint64_t>> counts[] = {
      {"subjects", {policy.subjects.size(), BH_MAX_SUBJECTS}},
      {"classes", {policy.classes, 0xffff}},
      {"rows", {policy.rows, BH_NO_ROW}},
      {"matrix cells", {2 * policy.rows * Stride(policy), BH_MAX_CELLS}},
      {"rulesets", {policy.rulesets.size(), BH_MAX_RULESETS}},
      {"port intervals", {intervals, BH_MAX_INTERVALS}},
      {"port intervals in one ruleset", {longest, BH_MAX_RULESET_INTERVALS}},
      {"IPv4 prefixes", {prefixes4, BH_MAX_PREFIXES}},
      {"IPv6 prefixes", {policy.world_prefixes.size() - prefixes4, BH_MAX_PREFIXES}},
  };
  for (const auto& [what, count] : counts) {
    if (auto status = CheckCount(what, count.first, count.second); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Broken(const std::string& what) { return absl::InvalidArgumentError(absl::StrCat("compiled policy: ", what)); }

absl::Status EncodeSubjects(const CompiledPolicy& policy, PolicyTables& tables) {
  if (policy.subjects.size() <= kSubjectWorld) return Broken("a reserved subject is missing");
  for (const CompiledSubject& subject : policy.subjects) {
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

absl::Status EncodeMatrix(const CompiledPolicy& policy, PolicyTables& tables) {
  const uint32_t stride = static_cast<uint32_t>(Stride(policy));
  tables.policy.stride = stride;
  tables.policy.ingress = policy.rows * stride;
  tables.matrix.resize(size_t{2} * policy.rows * stride / BH_CELLS_PER_LINE);
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto& cells = policy.matrix[static_cast<int>(direction)];
    if (cells.size() != size_t{policy.rows} * policy.classes) return Broken("the matrix has another size than rows x classes");
    const uint32_t first = direction == Direction::kIngress ? tables.policy.ingress : 0;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] >= policy.rulesets.size()) return Broken("a cell's ruleset does not exist");
      const size_t cell = first + i / policy.classes * stride + i % policy.classes;
      tables.matrix[cell / BH_CELLS_PER_LINE].cell[cell % BH_CELLS_PER_LINE] = cells[i];
    }
  }
  return absl::OkStatus();
}

uint8_t Verdicts(const SideVerdict& source, const SideVerdict& destination) {
  return static_cast<uint8_t>((source.allow ? 0 : BH_SOURCE_DENIES) | (destination.allow ? 0 : BH_DESTINATION_DENIES));
}

absl::Status EncodeRulesets(const CompiledPolicy& policy, PolicyTables& tables) {
  const auto has_rules = [&](const SideVerdict& source, const SideVerdict& destination) {
    return source.rule < policy.rules.size() && destination.rule < policy.rules.size();
  };
  for (const Ruleset& ruleset : policy.rulesets) {
    if (!has_rules(ruleset.source_otherwise, ruleset.destination_otherwise)) return Broken("a ruleset's rule does not exist");
    bh_ruleset out{};
    out.first = static_cast<uint32_t>(tables.intervals.size());
    out.count = static_cast<uint16_t>(ruleset.intervals.size());
    out.verdicts = Verdicts(ruleset.source_otherwise, ruleset.destination_otherwise);
    out.source_rule = policy.rules[ruleset.source_otherwise.rule].id;
    out.destination_rule = policy.rules[ruleset.destination_otherwise.rule].id;
    tables.rulesets.push_back(out);
    for (const PortInterval& interval : ruleset.intervals) {
      if (!has_rules(interval.source, interval.destination)) return Broken("an interval's rule does not exist");
      bh_interval port{};
      port.protocol = interval.protocol;
      port.verdicts = Verdicts(interval.source, interval.destination);
      port.first = interval.first;
      port.last = interval.last;
      port.source_rule = policy.rules[interval.source.rule].id;
      port.destination_rule = policy.rules[interval.destination.rule].id;
      tables.intervals.push_back(port);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PolicyTables> EncodePolicy(const CompiledPolicy& policy) {
  if (auto status = CheckSizes(policy); !status.ok()) return status;
  if (policy.rules.size() <= kRuleSelf) return Broken("a reserved rule is missing");
  PolicyTables tables;
  tables.policy.generation = static_cast<uint32_t>(policy.generation);
  tables.policy.global_mode = static_cast<uint32_t>(policy.global_mode);
  tables.policy.classes = policy.classes;
  tables.policy.rows = policy.rows;
  tables.policy.subjects = static_cast<uint32_t>(policy.subjects.size());
  tables.policy.self_rule = policy.rules[kRuleSelf].id;
  if (auto status = EncodeSubjects(policy, tables); !status.ok()) return status;
  if (auto status = EncodeMatrix(policy, tables); !status.ok()) return status;
  if (auto status = EncodeRulesets(policy, tables); !status.ok()) return status;
  for (const auto& [prefix, subject] : policy.world_prefixes) {
    if (subject >= policy.subjects.size()) return Broken("a prefix's subject does not exist");
    tables.prefixes[prefix.address.IsV4() ? 0 : 1].emplace_back(prefix, subject);
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
