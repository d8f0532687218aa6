// SPDX-License-Identifier: Apache-2.0
// Threads that open, count, answer, rewrite, displace, sweep and read the slots of very few groups at once, by the datapath's own code.
// What must hold whatever happens between them:
// - Whoever reads an entry and finds its version unchanged has read the contents of one flow: its key, and what was made of that key.
// - Packets of one tuple that two threads open at the same moment are all counted, once, by one entry.
// - When all is quiet no tuple has two entries, none is busy or held, and the quotas' counts are those of the entries that are there.
// usage: flow_store_stress [rounds]
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bpf/flow_store.h"

namespace {

constexpr int kThreads = 4;
constexpr uint32_t kTuples = 40;  // over two groups of 16 slots
constexpr uint16_t kOwners = 3;
constexpr uint32_t kOneByTuple = 7919;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "flow_store_stress: %s\n", what.c_str());
  std::_Exit(1);
}

struct Table {
  bh_flow4_group slots[2]{};
  bh_flow4_cold_group colds[2]{};
  bh_usage usage{};
  bh_control control{};
  bh_locks locks{};
  std::atomic<uint32_t> tick{1000};
};

struct Key {
  bh_word words[BH_KEY4_WORDS];
};

Key KeyOf(uint32_t tuple) {
  bh_flow4_key key{};
  std::memcpy(key.address[0], &tuple, 4);
  key.port[0] = static_cast<uint16_t>(tuple * 3);
  key.protocol = tuple % 2 == 0 ? 6 : 17;
  Key out;
  std::memcpy(&out, &key, sizeof(key));
  return out;
}

uint32_t TupleOf(bh_flow_hot* slot) { return static_cast<uint32_t>(bh_load(&bh_slot_key(slot)[0])); }

bh_group GroupOf(Table& table, uint32_t tuple) {
  const Key key = KeyOf(tuple);
  const bh_place place = bh_place_of(key.words, BH_KEY4_WORDS, &table.control);
  return {&table.slots[place.group], table.colds[place.group].cold, &table.usage, place.home, 0};
}

uint32_t* LockOf(Table& table, const bh_group& group) { return &table.locks.of[group.slots == &table.slots[1]].taken; }

// Makes an entry if the tuple has none. False: it has one, or there is no room.
bool Put(Table& table, const bh_group& group, const Key& key, const bh_flow& flow, uint32_t tick) {
  bh_claimant by{};
  by.control = &table.control;
  by.tick = tick;
  by.owner = flow.cold.owner;
  uint32_t* lock = LockOf(table, group);
  if (!bh_store_lock(lock)) return false;
  by.over_quota = bh_load(&table.usage.flows[by.owner][0]) >= table.control.quota[0];
  uint32_t meta = 0;
  uint32_t n = bh_store_find(&group, key.words, BH_KEY4_WORDS, &meta);
  bool put = false;
  if (n == BH_NO_SLOT) {
    n = bh_store_choose(&group, &by, BH_KEY4_WORDS, &meta);
    put = n != BH_NO_SLOT && bh_store_claim(&group, n, meta, BH_KEY4_WORDS);
  }
  if (put) {
    bh_store_publish(&group, n, meta, key.words, BH_KEY4_WORDS, &flow);
    bh_store_clear_way(&group, n, BH_KEY4_WORDS);
  }
  bh_store_unlock(lock);
  return put;
}

// What an entry of the tuple says in every field, so that a reader who gets a mixture sees it.
bh_flow FlowOf(uint32_t tuple, uint32_t tick, uint32_t state) {
  bh_flow flow{};
  flow.hot.meta = BH_META(0, state, state == BH_FLOW_UNANSWERED ? 0 : BH_FLOW_HEARD);
  flow.hot.stamp = tuple + 1;
  flow.hot.ifindex[0] = flow.hot.ifindex[1] = tuple * kOneByTuple;
  flow.hot.slot[0] = flow.hot.slot[1] = static_cast<uint16_t>(tuple);
  flow.hot.last_seen = tick;
  flow.cold.owner = static_cast<uint16_t>(tuple % kOwners);
  flow.cold.source_identity = tuple * kOneByTuple;
  return flow;
}

class Worker {
 public:
  Worker(Table& table, uint32_t seed) : table_(table), random_(seed) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const uint32_t tuple = random_() % kTuples;
      switch (random_() % 16) {
        case 0:
          table_.tick.fetch_add(1);
          break;
        case 1:
          Sweep();
          break;
        case 2:
        case 3:
          Rewrite(tuple);
          break;
        default:
          Packet(tuple);
      }
    }
  }

 private:
  // As a hook does: count on the entry, or make one.
  void Packet(uint32_t tuple) {
    const Key key = KeyOf(tuple);
    const bh_group group = GroupOf(table_, tuple);
    uint32_t meta = 0;
    const uint32_t n = bh_store_find(&group, key.words, BH_KEY4_WORDS, &meta);
    if (n == BH_NO_SLOT) return Open(tuple, group, key);
    bh_flow_hot* slot = bh_slot_at(&group, n, BH_KEY4_WORDS);
    Check(group, n, slot, tuple, meta);
    bh_add(&slot->count[0], uint64_t{1});
    if (!bh_store_is_same(slot, meta)) {
      bh_add(&slot->count[0], ~uint64_t{0});
      return;
    }
    bh_store(&slot->last_seen, table_.tick.load());
    if (random_() % 4 == 0 && BH_META_STATE(meta) == BH_FLOW_UNANSWERED) {
      bh_swap_if(&slot->meta, meta, BH_META(meta, BH_FLOW_ESTABLISHED, BH_META_FLAGS(meta) | BH_FLOW_HEARD));
    }
  }

  void Check(const bh_group& group, uint32_t n, bh_flow_hot* slot, uint32_t tuple, uint32_t meta) {
    const uint32_t stamp = bh_load(&slot->stamp), ifindex = bh_load(&slot->ifindex[0]), other = bh_load(&slot->ifindex[1]);
    const uint16_t tag = bh_load(&slot->slot[0]);
    const uint32_t identity = bh_load(&bh_cold_at(&group, n, BH_KEY4_WORDS)->source_identity);
    if (!bh_store_is_same(slot, meta)) return;
    const bool rewritten = stamp == ~0u;  // somebody is at it: nobody believes it
    if ((stamp != tuple + 1 && !rewritten) || ifindex != tuple * kOneByTuple || other != tuple * kOneByTuple || tag != tuple ||
        identity != tuple * kOneByTuple) {
      Fail("a reader took another flow's contents");
    }
  }

  void Open(uint32_t tuple, const bh_group& group, const Key& key) {
    const uint32_t tick = table_.tick.load();
    const bh_flow flow = FlowOf(tuple, tick, random_() % 3 == 0 ? BH_FLOW_ESTABLISHED : BH_FLOW_UNANSWERED);
    Put(table_, group, key, flow, tick);
  }

  void Rewrite(uint32_t tuple) {
    const Key key = KeyOf(tuple);
    const bh_group group = GroupOf(table_, tuple);
    uint32_t meta = 0;
    const uint32_t n = bh_store_find(&group, key.words, BH_KEY4_WORDS, &meta);
    if (n == BH_NO_SLOT) return;
    bh_flow_hot* slot = bh_slot_at(&group, n, BH_KEY4_WORDS);
    if (!bh_store_hold(slot, meta)) return;
    bh_store(&slot->stamp, ~0u);
    bh_store(&slot->ifindex[0], tuple * kOneByTuple);
    bh_store(&bh_cold_at(&group, n, BH_KEY4_WORDS)->source_identity, tuple * kOneByTuple);
    if (TupleOf(slot) != tuple) Fail("a held entry was taken away");
    bh_store(&slot->stamp, tuple + 1);
    bh_store_let_go(slot);
  }

  void Sweep() {
    const uint32_t tick = table_.tick.load();
    for (int g = 0; g < 2; ++g) {
      const bh_group group{&table_.slots[g], table_.colds[g].cold, &table_.usage, 0, 0};
      for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
        bh_flow_hot* slot = bh_slot_at(&group, n, BH_KEY4_WORDS);
        const uint32_t meta = bh_load(&slot->meta);
        if (!BH_META_HOLDS_FLOW(meta) || (BH_META_FLAGS(meta) & BH_FLOW_HELD) != 0) continue;
        if (bh_flow_expired(meta, bh_load(&slot->last_seen), bh_key_protocol(slot, BH_KEY4_WORDS), tick, &table_.control)) {
          bh_store_release(&group, n, meta, BH_KEY4_WORDS);
        }
      }
      bh_store_tidy(&group, BH_KEY4_WORDS);
    }
  }

  Table& table_;
  std::mt19937 random_;
};

void CheckQuiet(Table& table) {
  std::map<uint32_t, int> entries;
  uint32_t of_owner[kOwners] = {};
  for (int g = 0; g < 2; ++g) {
    for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
      bh_flow4_slot& slot = table.slots[g].slot[n];
      const uint32_t meta = slot.hot.meta;
      if (BH_META_STATE(meta) == BH_FLOW_BUSY) Fail("a slot stayed busy");
      if (!BH_META_HOLDS_FLOW(meta)) continue;
      if ((BH_META_FLAGS(meta) & BH_FLOW_HELD) != 0) Fail("an entry stayed held");
      const uint32_t tuple = TupleOf(&slot.hot);
      if (++entries[tuple] > 1) Fail("a tuple has two entries");
      ++of_owner[table.colds[g].cold[n].owner];
      const bh_group group = GroupOf(table, tuple);
      const Key key = KeyOf(tuple);
      uint32_t found = 0;
      if (bh_store_find(&group, key.words, BH_KEY4_WORDS, &found) != n) Fail("an entry is not found");
    }
  }
  for (uint16_t owner = 0; owner < kOwners; ++owner) {
    if (table.usage.flows[owner][0] != of_owner[owner]) Fail("the count of a quota is wrong");
  }
}

// One packet, counted on the entry of its tuple or by a new one.
void CountOne(Table& table, uint32_t tuple) {
  const Key key = KeyOf(tuple);
  const bh_group group = GroupOf(table, tuple);
  while (true) {
    uint32_t meta = 0;
    const uint32_t n = bh_store_find(&group, key.words, BH_KEY4_WORDS, &meta);
    if (n != BH_NO_SLOT) {
      bh_flow_hot* slot = bh_slot_at(&group, n, BH_KEY4_WORDS);
      bh_add(&slot->count[0], uint64_t{1});
      if (bh_store_is_same(slot, meta)) return;
      bh_add(&slot->count[0], ~uint64_t{0});
      continue;
    }
    bh_flow flow = FlowOf(tuple, 1, BH_FLOW_ESTABLISHED);
    flow.hot.count[0] = 1;
    if (Put(table, group, key, flow, 1)) return;
  }
}

// Two threads that open the same tuples at the same moment, in a table with room for all, where nothing expires: every packet is
// counted once.
void CountExactly(uint32_t seed) {
  auto table = std::make_unique<Table>();
  std::mt19937_64 random(seed);
  for (auto& word : table->control.secret) word = random();
  table->control.group_mask[0] = 1;
  table->control.quota[0] = 1000;
  constexpr uint32_t kFew = 10;
  constexpr uint64_t kPackets = 3;
  std::atomic<uint32_t> arrived{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&table, &arrived] {
      for (uint32_t tuple = 0; tuple < kFew; ++tuple) {
        arrived.fetch_add(1);
        while (arrived.load() < 2 * (tuple + 1)) {
        }
        for (uint64_t i = 0; i < kPackets; ++i) CountOne(*table, tuple);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CheckQuiet(*table);
  for (uint32_t tuple = 0; tuple < kFew; ++tuple) {
    const bh_group group = GroupOf(*table, tuple);
    const Key key = KeyOf(tuple);
    uint32_t meta = 0;
    const uint32_t n = bh_store_find(&group, key.words, BH_KEY4_WORDS, &meta);
    if (n == BH_NO_SLOT) Fail("an entry is gone");
    const uint64_t packets = bh_slot_at(&group, n, BH_KEY4_WORDS)->count[0];
    if (packets != 2 * kPackets) Fail("counted " + std::to_string(packets) + " packets of " + std::to_string(2 * kPackets));
  }
}

void Mix(uint32_t seed) {
  auto table = std::make_unique<Table>();
  std::mt19937_64 random(seed);
  for (auto& word : table->control.secret) word = random();
  table->control.group_mask[0] = 1;
  table->control.quota[0] = seed % 2 == 0 ? 1000 : 6;
  for (auto& row : table->control.timeout) {
    for (uint32_t& ticks : row) ticks = 40;
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&table, seed, i] { Worker(*table, seed * kThreads + static_cast<uint32_t>(i)).Run(20'000); });
  }
  for (std::thread& thread : threads) thread.join();
  CheckQuiet(*table);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 4;
  for (int round = 0; round < rounds; ++round) {
    Mix(static_cast<uint32_t>(round));
    for (uint32_t i = 0; i < 100; ++i) CountExactly(static_cast<uint32_t>(round) * 100 + i);
  }
  std::printf("%d rounds: no entry was mixed up, doubled, lost or miscounted\n", rounds);
  return 0;
}
