// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/policy_writer.h"

#include <utility>
#include <vector>

#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {
namespace {

// Elements first, first + 1, ...
template <typename Value>
absl::Status WriteElements(KernelWriter& writer, int map, uint64_t first, const std::vector<Value>& values) {
  return writer.WriteArray(map, {{first * sizeof(Value), values.data(), values.size() * sizeof(Value)}});
}

}  // namespace

absl::Status PolicyWriter::Adopt() {
  for (uint32_t slot = 0; slot < BH_POLICY_SLOTS; ++slot) {
    auto& v4 = tries_[slot][0];
    auto& v6 = tries_[slot][1];
    v4.clear();
    v6.clear();
    absl::Status status = ForEachByKey<bh_prefix4_key, uint32_t>(
        maps_.prefix4[slot], [&](const bh_prefix4_key& key, uint32_t subject) { v4[PrefixOf(key)] = subject; });
    if (!status.ok()) return status;
    status = ForEachByKey<bh_prefix6_key, uint32_t>(
        maps_.prefix6[slot], [&](const bh_prefix6_key& key, uint32_t subject) { v6[PrefixOf(key)] = subject; });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Deletes first: a trie that is full may be refilled with as many others.
template <typename Key>
absl::Status PolicyWriter::WriteTrie(int map, std::map<Prefix, uint32_t>& held,
                                     const std::vector<std::pair<Prefix, uint32_t>>& wanted, Key (*key_of)(const Prefix&)) {
  const std::map<Prefix, uint32_t> target(wanted.begin(), wanted.end());
  for (auto it = held.begin(); it != held.end();) {
    if (target.contains(it->first)) {
      ++it;
      continue;
    }
    const Key key = key_of(it->first);
    const absl::Status status = writer_.DeleteElement(map, &key);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    it = held.erase(it);
  }
  for (const auto& [prefix, subject] : target) {
    const auto found = held.find(prefix);
    if (found != held.end() && found->second == subject) continue;
    const Key key = key_of(prefix);
    if (auto status = writer_.UpdateElement(map, &key, &subject); !status.ok()) return status;
    held[prefix] = subject;
  }
  return absl::OkStatus();
}

absl::Status PolicyWriter::WriteCells(const std::vector<CellRun>& cells, uint32_t slot) {
  std::vector<ArrayPiece> pieces;
  for (const CellRun& run : cells) {
    const uint64_t first = uint64_t{slot} * BH_MAX_CELLS + run.first;
    pieces.push_back({first * sizeof(uint32_t), run.rulesets.data(), run.rulesets.size_bytes()});
  }
  return writer_.WriteArray(maps_.matrix, pieces);
}

absl::Status PolicyWriter::Grow(const PolicyTables& tables, uint32_t slot) {
  const uint32_t first_interval = slot * BH_MAX_INTERVALS + tables.first_interval;
  const uint32_t first_ruleset = slot * BH_MAX_RULESETS + tables.first_ruleset;
  const uint32_t first_subject = slot * BH_MAX_SUBJECTS + tables.first_subject;
  absl::Status status = WriteElements(writer_, maps_.intervals, first_interval, tables.intervals);
  if (status.ok()) status = WriteElements(writer_, maps_.rulesets, first_ruleset, tables.rulesets);
  if (status.ok()) status = WriteCells(tables.cells, slot);
  if (status.ok()) status = WriteElements(writer_, maps_.subjects, first_subject, tables.subjects);
  return status;
}

absl::Status PolicyWriter::Write(const PolicyTables& tables, uint32_t slot) {
  absl::Status status = Grow(tables, slot);
  if (status.ok()) status = WriteTrie(maps_.prefix4[slot], tries_[slot][0], tables.prefixes[0], &Prefix4Key);
  if (status.ok()) status = WriteTrie(maps_.prefix6[slot], tries_[slot][1], tables.prefixes[1], &Prefix6Key);
  if (status.ok()) status = writer_.UpdateElement(maps_.policy, &slot, &tables.policy);
  return status;
}

}  // namespace bulkhead
