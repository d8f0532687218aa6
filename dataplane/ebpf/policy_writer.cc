// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/policy_writer.h"

#include <numeric>
#include <utility>
#include <vector>

#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {
namespace {

// Elements first, first + 1, ... of an array map.
template <typename Value>
absl::Status WriteArray(KernelWriter& writer, int map, uint32_t first, const std::vector<Value>& values) {
  std::vector<uint32_t> keys(values.size());
  std::iota(keys.begin(), keys.end(), first);
  return writer.UpdateBatch(map, keys.data(), values.data(), static_cast<uint32_t>(values.size()));
}

}  // namespace

absl::Status PolicyWriter::Adopt() {
  for (int slot = 0; slot < 2; ++slot) {
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

absl::Status PolicyWriter::Write(const PolicyTables& tables, uint32_t slot) {
  absl::Status status = WriteArray(writer_, maps_.subjects, slot * BH_MAX_SUBJECTS, tables.subjects);
  if (status.ok()) status = WriteArray(writer_, maps_.matrix, slot * (BH_MAX_CELLS / BH_CELLS_PER_LINE), tables.matrix);
  if (status.ok()) status = WriteArray(writer_, maps_.rulesets, slot * BH_MAX_RULESETS, tables.rulesets);
  if (status.ok()) status = WriteArray(writer_, maps_.intervals, slot * BH_MAX_INTERVALS, tables.intervals);
  if (status.ok()) status = WriteTrie(maps_.prefix4[slot], tries_[slot][0], tables.prefixes[0], &Prefix4Key);
  if (status.ok()) status = WriteTrie(maps_.prefix6[slot], tries_[slot][1], tables.prefixes[1], &Prefix6Key);
  if (status.ok()) status = writer_.UpdateElement(maps_.policy, &slot, &tables.policy);
  return status;
}

}  // namespace bulkhead
