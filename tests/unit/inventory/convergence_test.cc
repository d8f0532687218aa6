// SPDX-License-Identifier: Apache-2.0
// Whatever the order in which facts come, the inventory ends up with the same: what the engine and the kernel say last.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "facts_builder.h"

namespace bulkhead {
namespace {

using Kind = SourceEvent::Kind;
using Fact = std::function<void(Inventory*, uint64_t now)>;

// What is compared: everything but the numbers that are given out by the way (slots, zones, numbers of workloads).
using Seen = std::set<std::tuple<uint32_t, bool, std::string, MacAddress, std::vector<IpAddress>, IdentityId>>;

Seen SeenOf(const InventoryState& state) {
  Seen out;
  for (const auto& [slot, endpoint] : state.endpoints) {
    const auto owner = state.owners.find(slot);
    out.insert({endpoint.ifindex, endpoint.bound, owner == state.owners.end() ? "" : owner->second, endpoint.mac, endpoint.addresses,
                endpoint.identity});
  }
  return out;
}

struct History {
  std::vector<std::vector<Fact>> tracks;  // within a track the order is the engine's or the kernel's own
  FakeKernel kernel;                      // as it is in the end
  std::set<std::string> alive;            // keys
};

// `count` containers on two bridges: each is created, connected, started, and then, by chance, restarted with another interface and
// process, or removed.
History MakeHistory(int count, std::mt19937* random) {
  History out;
  const auto chance = [&](int percent) { return static_cast<int>((*random)() % 100) < percent; };
  out.tracks.push_back({[](Inventory* inventory, uint64_t now) { inventory->OnLink(Bridge(2, "br1"), now); },
                        [](Inventory* inventory, uint64_t now) { inventory->OnLink(Bridge(3, "docker0"), now); }});
  for (int i = 0; i < count; ++i) {
    const std::string id = "c" + std::to_string(i);
    const uint32_t bridge = 2 + static_cast<uint32_t>(i % 2);
    const std::string bridge_name = bridge == 2 ? "br1" : "docker0";
    const auto mac = Mac(static_cast<uint8_t>(i));
    const std::string address = "198.18.0." + std::to_string(i + 1);
    std::vector<Fact> engine, kernel;
    const auto report = [&](WorkloadPhase phase, int pid) {
      const WorkloadReport one = Container(id, phase, pid, bridge_name, mac, address);
      engine.push_back([one](Inventory* inventory, uint64_t now) { inventory->OnSource(Upsert(one), now); });
    };
    const int lives = chance(40) ? 2 : 1;
    for (int life = 0; life < lives; ++life) {
      const int pid = 1000 + i * 10 + life;
      const auto ifindex = static_cast<uint32_t>(100 + i * 10 + life);
      const auto nsid = static_cast<int32_t>(i);  // numbers of namespaces are reused
      report(WorkloadPhase::kCreated, 0);
      report(WorkloadPhase::kConnecting, 0);
      report(WorkloadPhase::kRunning, pid);
      kernel.push_back([=](Inventory* inventory, uint64_t now) { inventory->OnLink(Veth(ifindex, 0, -1), now); });
      kernel.push_back([=](Inventory* inventory, uint64_t now) { inventory->OnLink(Veth(ifindex, bridge, -1), now); });
      kernel.push_back([=](Inventory* inventory, uint64_t now) { inventory->OnLink(Veth(ifindex, bridge, nsid), now); });
      const bool ends = life + 1 < lives || chance(50);
      if (!ends) {
        out.kernel.by_pid[pid] = Found(nsid, {{ifindex, "eth0", mac, {}}});
        out.kernel.peers[ifindex] = mac;
        out.alive.insert("docker/" + id);
        continue;
      }
      report(WorkloadPhase::kStopped, 0);
      kernel.push_back([=](Inventory* inventory, uint64_t now) { inventory->OnLinkGone(ifindex, now); });
      if (life + 1 == lives) engine.push_back([id](Inventory* inventory, uint64_t now) { inventory->OnSource(Gone(id), now); });
    }
    out.tracks.push_back(std::move(engine));
    out.tracks.push_back(std::move(kernel));
  }
  return out;
}

// Plays the tracks interleaved by chance, with looks at the kernel by chance in between.
Seen Play(const History& history, uint32_t seed, IdentityInterner* interner, std::set<std::string>* alive) {
  std::mt19937 random(seed);
  Inventory inventory(Sources({"docker"}), interner);
  FakeKernel kernel = history.kernel;
  uint64_t now = 1000 * kSecond;
  inventory.OnAllLinks({}, now);
  std::vector<size_t> at(history.tracks.size(), 0);
  std::vector<size_t> open(history.tracks.size());
  for (size_t i = 0; i < open.size(); ++i) open[i] = i;
  while (!open.empty()) {
    const size_t pick = random() % open.size();
    const size_t track = open[pick];
    history.tracks[track][at[track]++](&inventory, now);
    if (at[track] == history.tracks[track].size()) open.erase(open.begin() + static_cast<std::ptrdiff_t>(pick));
    now += random() % (kSecond / 100);
    if (random() % 4 == 0) kernel.Answer(&inventory, now);
  }
  // Failed looks are repeated, provisional bindings run out.
  for (int i = 0; i < 20; ++i) kernel.Answer(&inventory, now += kSecond);
  for (const auto& [key, workload] : inventory.state().workloads) {
    alive->insert(key);
    EXPECT_EQ(workload.unprotected, "") << key;
  }
  return SeenOf(inventory.state());
}

TEST(ConvergenceTest, AnyOrderEndsAlike) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const History history = MakeHistory(12, &random);
    IdentityInterner interner;
    std::set<std::string> alive;
    const Seen first = Play(history, 1, &interner, &alive);
    EXPECT_EQ(alive, history.alive) << "seed " << seed;
    for (const auto& [ifindex, bound, owner, mac, addresses, identity] : first) {
      EXPECT_TRUE(bound) << "seed " << seed << " interface " << ifindex;
    }
    EXPECT_EQ(first.size(), history.alive.size()) << "seed " << seed;
    for (uint32_t order = 2; order < 8; ++order) {
      std::set<std::string> again;
      EXPECT_EQ(Play(history, order, &interner, &again), first) << "seed " << seed << " order " << order;
      EXPECT_EQ(again, history.alive) << "seed " << seed << " order " << order;
    }
  }
}

TEST(ConvergenceTest, HundredContainersInABurst) {
  std::mt19937 random(7);
  const History history = MakeHistory(100, &random);
  IdentityInterner interner;
  std::set<std::string> alive;
  const Seen seen = Play(history, 3, &interner, &alive);
  EXPECT_EQ(alive, history.alive);
  EXPECT_EQ(seen.size(), history.alive.size());
  EXPECT_EQ(interner.all().size(), 1u) << "replicas share one identity";
}

// At no moment may an interface be somebody's who never had it.
TEST(ConvergenceTest, NoInterfaceIsEverAStrangers) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const History history = MakeHistory(10, &random);
    IdentityInterner interner;
    Inventory inventory(Sources({"docker"}), &interner);
    FakeKernel kernel = history.kernel;
    uint64_t now = 1000 * kSecond;
    inventory.OnAllLinks({}, now);
    std::vector<size_t> at(history.tracks.size(), 0);
    for (int step = 0; step < 2000; ++step) {
      const size_t track = random() % history.tracks.size();
      if (at[track] == history.tracks[track].size()) continue;
      history.tracks[track][at[track]++](&inventory, now += kSecond / 1000);
      kernel.Answer(&inventory, now);
      for (const auto& [slot, owner] : inventory.state().owners) {
        const uint32_t ifindex = inventory.state().endpoints.at(slot).ifindex;
        ASSERT_EQ(owner, "docker/c" + std::to_string((ifindex - 100) / 10)) << "seed " << seed << " step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead
