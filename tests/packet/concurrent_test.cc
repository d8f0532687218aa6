// SPDX-License-Identifier: Apache-2.0
// The programs on two CPUs at once, by BPF_PROG_TEST_RUN from two threads: while the policy flips, while they open and count the
// same flows, while flows displace each other and are swept. BULKHEAD_FLIPS and BULKHEAD_STRESS_SECONDS ask for more than the short
// form.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

constexpr int kCpus = 2;

uint64_t Asked(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Frame Segment(const Actor& from, const Actor& to, uint16_t source, uint16_t destination, uint8_t flags) {
  return Between(from, to) / Tcp{.source = source, .destination = destination, .flags = flags};
}

class ConcurrentTest : public testing::Test {
 protected:
  void SetUp() override {
    world_ = SharedWorld();
    if (world_ == nullptr) GTEST_SKIP() << "no eBPF here";
    ASSERT_TRUE(world_->Reset().ok());
  }

  EbpfBackend& backend() { return world_->backend(); }

  std::shared_ptr<const CompiledPolicy> PolicyOf(const Setting& setting) {
    std::vector<EndpointState> endpoints;
    for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
    CompiledPolicy policy = CompileSetting(setting, endpoints, ++generation_);
    for (size_t i = 0; i < policy.rules.size(); ++i) policy.rules[i].id = static_cast<uint32_t>(i + 1);
    return std::make_shared<const CompiledPolicy>(std::move(policy));
  }

  // options: flows of one endpoint may take the whole table.
  void Begin(const std::shared_ptr<const CompiledPolicy>& policy, DataplaneOptions options = Stage::Options()) {
    options.flow_quota_divisor = 1;
    ASSERT_TRUE(backend().SetOptions(options).ok());
    ASSERT_TRUE(backend().ApplyPolicy(policy).ok());
    for (const Actor& actor : Cast()) ASSERT_TRUE(backend().PutEndpoint(actor.endpoint).ok());
  }

  // The actor sends the frame: whether it passes its ingress hook. From any thread.
  bool Leaves(const Actor& from, const ByteVector& bytes) {
    __sk_buff context = {};
    context.ifindex = context.ingress_ifindex = from.ifindex();
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(), .data_size_in = static_cast<uint32_t>(bytes.size()),
                .ctx_in = &context, .ctx_size_in = sizeof(context));
    if (!world_->netns().Check().ok() || bpf_prog_test_run_opts(*backend().ProgramFd(1, BH_HOOK_INGRESS), &options) != 0)
      std::abort();
    return static_cast<int>(options.retval) != TC_ACT_SHOT;
  }

  // Runs `body`, with the number of the CPU, on each of two CPUs at once.
  static std::vector<std::thread> OnEachCpu(const std::function<void(int)>& body) {
    std::vector<std::thread> threads;
    for (int cpu = 0; cpu < kCpus; ++cpu) {
      threads.emplace_back([cpu, body] {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(cpu, &only);
        sched_setaffinity(0, sizeof(only), &only);  // a machine with one CPU still runs the test
        body(cpu);
      });
    }
    return threads;
  }

  // All is quiet: no tuple has two entries, no slot is busy or held, quotas count what is there. Returns the packets that entries
  // have counted.
  uint64_t CheckTable() {
    const FlowTables::Memory& memory = backend().flow_tables().memory();
    std::map<std::array<uint8_t, sizeof(bh_flow4_key)>, int> tuples;
    std::map<uint16_t, uint32_t> owners;
    uint64_t packets = 0;
    for (uint32_t group = 0; group < memory.groups4; ++group) {
      for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
        const bh_flow4_slot& slot = memory.flows4[group].slot[n];
        EXPECT_NE(BH_META_STATE(slot.hot.meta), unsigned{BH_FLOW_BUSY});
        if (!BH_META_HOLDS_FLOW(slot.hot.meta)) continue;
        EXPECT_EQ(BH_META_FLAGS(slot.hot.meta) & BH_FLOW_HELD, 0u);
        std::array<uint8_t, sizeof(bh_flow4_key)> key;
        std::memcpy(key.data(), &slot.key, sizeof(slot.key));
        EXPECT_EQ(++tuples[key], 1) << "a tuple has two entries";
        ++owners[memory.colds4[group].cold[n].owner];
        for (const uint64_t count : slot.hot.count) packets += BH_COUNT_PACKETS(count);
      }
    }
    for (uint32_t slot = 0; slot < BH_MAX_ENDPOINTS; ++slot) {
      EXPECT_EQ(memory.usage->flows[slot][0], owners[static_cast<uint16_t>(slot)]) << "the quota of endpoint " << slot;
    }
    return packets;
  }

  uint64_t Counter(size_t index) { return backend().ReadCounters().value()[index]; }

 private:
  EbpfWorld* world_ = nullptr;
  uint64_t generation_ = 0;
};

// What of the flips a packet fell into: an even number of them, so often the policy has been changed, holds; an odd one: it
// changes.
class Flips {
 public:
  void Begin() { flips_.fetch_add(1); }
  void Done() { flips_.fetch_add(1); }
  uint32_t Now() const { return flips_.load(); }

 private:
  std::atomic<uint32_t> flips_{0};
};

struct Wrong {
  std::atomic<uint64_t> neither{0};  // verdicts that no generation gives
  std::atomic<uint64_t> revoked{0};  // packets that passed after the policy that let them was replaced
  std::atomic<uint64_t> cut{0};      // packets that were denied though the policy in force, whole, allows them
  std::atomic<uint64_t> packets{0}, settled{0};
};

TEST_F(ConcurrentTest, FlipsUnderTraffic) {
  const std::string ports = "[{protocol: TCP, port: 5432}]", both = AllowIngress("db", "web", "[{protocol: TCP, port: 80}]");
  // The second has classes and rules that the first has not, so that numbers of tables mean other things in it.
  const auto first = PolicyOf({.policies = both + AllowIngress("db", "web", ports)});
  const auto second = PolicyOf({.policies = IsolateEgress("evil") + AllowIngress("cache", "api", "") + IsolateIngress("twin") +
                                            both + AllowIngress("db", "api", ports)});
  Begin(first);
  Flips flips;
  Wrong wrong;
  std::atomic<bool> over{false};
  const auto body = [&](int cpu) {
    std::minstd_rand random(static_cast<unsigned>(cpu) + 1);
    struct Sender {
      const Actor* from;
      uint16_t port;
      bool in_first, in_second;
    };
    const Sender senders[] = {
        {&kWeb, 5432, true, false}, {&kApi, 5432, false, true}, {&kWeb, 80, true, true}, {&kEvil, 5432, false, false}};
    while (!over.load()) {
      const Sender& sender = senders[random() % std::size(senders)];
      // Now and then a flow of its own; else one of four that last, which both CPUs use.
      const bool opens = random() % 4 == 0;
      const auto source = static_cast<uint16_t>(opens ? 40'100 + random() % 100 : 40'000 + random() % 4);
      const ByteVector bytes = Segment(*sender.from, kDb, source, sender.port, opens || random() % 8 == 0 ? kSyn : kAck).Build();
      const uint32_t before = flips.Now();
      const bool passed = Leaves(*sender.from, bytes);
      const uint32_t after = flips.Now();
      wrong.packets.fetch_add(1);
      if (passed ? !sender.in_first && !sender.in_second : sender.in_first && sender.in_second) wrong.neither.fetch_add(1);
      if (before != after || before % 2 != 0) continue;  // either verdict may be right
      wrong.settled.fetch_add(1);
      const bool allowed = before % 4 == 0 ? sender.in_first : sender.in_second;
      if (passed && !allowed) wrong.revoked.fetch_add(1);
      if (!passed && allowed) wrong.cut.fetch_add(1);
    }
  };
  std::vector<std::thread> threads = OnEachCpu(body);
  const uint64_t wanted = Asked("BULKHEAD_FLIPS", 150);
  for (uint64_t i = 0; i < wanted; ++i) {
    flips.Begin();
    EXPECT_TRUE(backend().ApplyPolicy(i % 2 == 0 ? second : first).ok());
    flips.Done();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("%lu flips, %lu packets, %lu of them between flips\n", wanted, wrong.packets.load(), wrong.settled.load());
  EXPECT_EQ(wrong.neither.load(), 0u);
  EXPECT_EQ(wrong.revoked.load(), 0u);
  EXPECT_EQ(wrong.cut.load(), 0u);
  EXPECT_GT(wrong.settled.load(), wanted);
  EXPECT_LT(wrong.settled.load(), wrong.packets.load()) << "no packet met a flip";
  CheckTable();
}

// Both CPUs open, answer, use and reset the same flows and some of their own.
TEST_F(ConcurrentTest, EveryPacketIsCountedOnce) {
  Begin(PolicyOf({}));
  constexpr uint16_t kFlows = 400;
  const uint64_t failed = Counter(BH_COUNTER_FLOWS_FAILED);
  std::atomic<uint64_t> passed{0};
  std::atomic<uint32_t> arrived{0};
  std::vector<std::thread> threads = OnEachCpu([&](int cpu) {
    const auto meet = [&](uint32_t times) {  // the other CPU has come as far
      arrived.fetch_add(1);
      while (arrived.load() < kCpus * times) std::this_thread::yield();
    };
    const auto source_of = [cpu](uint16_t flow) {
      return static_cast<uint16_t>(10'000 + flow + (flow % 4 != 0 ? 0 : (cpu + 1) * 10'000));  // three in four are both CPUs'
    };
    const auto asks = [&](uint16_t source, uint8_t flags) {
      passed += Leaves(kWeb, Segment(kWeb, kDb, source, 5432, flags).Build());
    };
    const auto answers = [&](uint16_t source, uint8_t flags) {
      passed += Leaves(kDb, Segment(kDb, kWeb, 5432, source, flags).Build());
    };
    for (uint16_t flow = 0; flow < kFlows; ++flow) {
      meet(flow + 1u);
      asks(source_of(flow), kSyn);
      answers(source_of(flow), kSyn | kAck);
      for (int i = 0; i < 5; ++i) {
        asks(source_of(flow), kAck);
        answers(source_of(flow), kAck);
      }
    }
    meet(kFlows + 1u);  // a SYN to a flow that was reset would open another
    for (uint16_t flow = 0; flow < kFlows; flow += 3) answers(source_of(flow), kRst);
  });
  for (std::thread& thread : threads) thread.join();
  const uint64_t sent = kCpus * (kFlows * 12u + (kFlows + 2) / 3);
  EXPECT_EQ(passed.load(), sent);
  // A SYN that does not get the lock of its group makes no entry and is counted by none, and so may be what follows it, until the other
  // CPU, which has the lock, has made the entry.
  const uint64_t counted = CheckTable(), alone = Counter(BH_COUNTER_FLOWS_FAILED) - failed;
  EXPECT_LE(counted + alone, sent);
  EXPECT_GE(counted + 12 * alone, sent) << alone << " without the lock";
}

// Twice as many flows as there is room for, of some of which answers are seen, that expire soon and are swept meanwhile.
TEST_F(ConcurrentTest, FlowsThatDisplaceEachOtherLeaveTheTableWhole) {
  DataplaneOptions options = Stage::Options();
  for (uint32_t(*row)[4] : {&options.timeouts.tcp, &options.timeouts.udp, &options.timeouts.other}) std::fill_n(*row, 4, 1u);
  Begin(PolicyOf({}), options);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(Asked("BULKHEAD_STRESS_SECONDS", 3));
  const uint64_t displaced = Counter(BH_COUNTER_FLOWS_DISPLACED);
  std::atomic<uint64_t> passed{0}, swept{0};
  std::vector<std::thread> threads = OnEachCpu([&](int cpu) {
    std::minstd_rand random(static_cast<unsigned>(cpu) + 7);
    while (std::chrono::steady_clock::now() < until) {
      // Three in four packets are of few flows, that both CPUs have.
      const auto source = static_cast<uint16_t>(random() % 4 != 0 ? 1000 + random() % 64 : 2000 + random() % 16'384);
      constexpr uint8_t kFlags[] = {kSyn, kAck, kAck, kAck, kAck | kFin, kRst};
      const uint8_t flags = kFlags[random() % std::size(kFlags)];
      const bool answer = random() % 3 == 0;
      passed += answer ? Leaves(kDb, Segment(kDb, kWeb, 5432, source, flags).Build())
                       : Leaves(kWeb, Segment(kWeb, kDb, source, 5432, flags).Build());
    }
  });
  while (std::chrono::steady_clock::now() < until) {
    const auto done = backend().Sweep();
    EXPECT_TRUE(done.ok()) << done.status();
    swept += done.value_or(0);
  }
  for (std::thread& thread : threads) thread.join();
  const uint64_t counted = CheckTable();
  std::printf("%lu packets passed, %lu flows swept, %lu displaced\n", passed.load(), swept.load(),
              Counter(BH_COUNTER_FLOWS_DISPLACED) - displaced);
  EXPECT_GT(swept.load(), 0u);
  EXPECT_LE(counted, passed.load());
  EXPECT_GT(counted, 0u);
}

}  // namespace
}  // namespace bulkhead::packet_test
