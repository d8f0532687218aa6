// SPDX-License-Identifier: Apache-2.0
// Flow tables in plain memory, filled by the datapath's own store. One thread at a time.
#ifndef BULKHEAD_TESTS_UNIT_FLOW_MEMORY_TABLES_H_
#define BULKHEAD_TESTS_UNIT_FLOW_MEMORY_TABLES_H_

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "bpf/flow_store.h"
#include "dataplane/flow/flow_tables.h"

namespace bulkhead {

inline FlowEntry Entry(const bh_flow4_key& key, const bh_flow& flow) { return {.family = BH_V4, .key4 = key, .key6 = {}, .flow = flow}; }
inline FlowEntry Entry(const bh_flow6_key& key, const bh_flow& flow) { return {.family = BH_V6, .key4 = {}, .key6 = key, .flow = flow}; }

class MemoryTables {
 public:
  // Numbers of groups: powers of two.
  MemoryTables(uint32_t groups4, uint32_t groups6)
      : flows4_(groups4), colds4_(groups4), flows6_(groups6), usage_(std::make_unique<bh_usage>()) {
    std::mt19937_64 random(7);
    for (auto& word : control_.secret) word = random();
    control_.group_mask[0] = groups4 - 1;
    control_.group_mask[1] = groups6 - 1;
    control_.quota[0] = control_.quota[1] = 0xffffffff;
    tables_ = std::make_unique<FlowTables>(
        FlowTables::Memory{flows4_.data(), colds4_.data(), flows6_.data(), usage_.get(), groups4, groups6});
  }

  FlowTables& tables() { return *tables_; }
  bh_control& control() { return control_; }

  // As the datapath makes an entry; false when the group has no room. now: flow ticks.
  template <typename Key>
  bool Put(const Key& key, const bh_flow& flow, uint32_t now = 1000) {
    constexpr int kWords = sizeof(Key) / sizeof(bh_word);
    bh_word words[kWords];
    std::memcpy(words, &key, sizeof(key));
    const bh_group group = GroupOf<kWords>(words);
    bh_claimant by{};
    by.control = &control_;
    by.tick = now;
    by.owner = flow.cold.owner;
    by.over_quota = usage_->flows[by.owner][kWords != BH_KEY4_WORDS] >= control_.quota[kWords != BH_KEY4_WORDS];
    uint32_t meta = 0;
    uint32_t slot = bh_store_find(&group, words, kWords, &meta);
    if (slot == BH_NO_SLOT) slot = bh_store_choose(&group, &by, kWords, &meta);
    if (slot == BH_NO_SLOT || !bh_store_claim(&group, slot, meta, kWords)) return false;
    bh_store_publish(&group, slot, meta, words, kWords, &flow);
    bh_store_clear_way(&group, slot, kWords);
    return true;
  }

  template <typename Key>
  bool Has(const Key& key) {
    constexpr int kWords = sizeof(Key) / sizeof(bh_word);
    bh_word words[kWords];
    std::memcpy(words, &key, sizeof(key));
    const bh_group group = GroupOf<kWords>(words);
    uint32_t meta = 0;
    return bh_store_find(&group, words, kWords, &meta) != BH_NO_SLOT;
  }

 private:
  template <int kWords>
  bh_group GroupOf(const bh_word* words) {
    const bh_place place = bh_place_of(words, kWords, &control_);
    bh_group group{};
    group.usage = usage_.get();
    group.home = place.home;
    if (kWords == BH_KEY4_WORDS) {
      group.slots = &flows4_[place.group];
      group.colds = colds4_[place.group].cold;
    } else {
      group.slots = &flows6_[place.group];
    }
    return group;
  }

  std::vector<bh_flow4_group> flows4_;
  std::vector<bh_flow4_cold_group> colds4_;
  std::vector<bh_flow6_group> flows6_;
  std::unique_ptr<bh_usage> usage_;
  bh_control control_{};
  std::unique_ptr<FlowTables> tables_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_FLOW_MEMORY_TABLES_H_
