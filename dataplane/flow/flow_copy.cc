// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_copy.h"

#include <cstring>

#include "bpf/flow_store.h"

namespace bulkhead {
namespace {

template <int kWords, typename Key>
bool PutKey(bh_group group, const bh_place& place, const bh_control& control, const Key& key, const bh_flow& flow) {
  bh_word words[kWords];
  static_assert(sizeof(words) == sizeof(key));
  std::memcpy(words, &key, sizeof(key));
  group.home = place.home;
  bh_claimant by{};
  by.control = &control;
  by.tick = flow.hot.last_seen;
  by.owner = flow.cold.owner;
  uint32_t meta = 0;
  uint32_t slot = bh_store_find(&group, words, kWords, &meta);
  if (slot == BH_NO_SLOT) slot = bh_store_choose(&group, &by, kWords, &meta);
  if (slot == BH_NO_SLOT || !bh_store_claim(&group, slot, meta, kWords)) return false;
  bh_store_publish(&group, slot, meta, words, kWords, &flow);
  bh_store_clear_way(&group, slot, kWords);
  return true;
}

}  // namespace

bool PutFlow(const FlowTables& table, const bh_control& control, const FlowEntry& entry) {
  const FlowTables::Memory& memory = table.memory();
  bh_group group{};
  group.usage = memory.usage;
  bh_flow flow = entry.flow;
  flow.hot.meta &= ~BH_META(0, 0, BH_FLOW_HELD);
  if (entry.family == BH_V4) {
    bh_word words[BH_KEY4_WORDS];
    std::memcpy(words, &entry.key4, sizeof(words));
    const bh_place place = bh_place_of(words, BH_KEY4_WORDS, &control);
    group.slots = &memory.flows4[place.group];
    group.colds = memory.colds4[place.group].cold;
    return PutKey<BH_KEY4_WORDS>(group, place, control, entry.key4, flow);
  }
  bh_word words[BH_KEY6_WORDS];
  std::memcpy(words, &entry.key6, sizeof(words));
  const bh_place place = bh_place_of(words, BH_KEY6_WORDS, &control);
  group.slots = &memory.flows6[place.group];
  return PutKey<BH_KEY6_WORDS>(group, place, control, entry.key6, flow);
}

}  // namespace bulkhead
