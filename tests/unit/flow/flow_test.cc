// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "bulkhead/abi/event.h"
#include "bulkhead/abi/policy.h"
#include "dataplane/flow/counters.h"
#include "dataplane/flow/edge_reader.h"
#include "dataplane/flow/flow_reader.h"
#include "tests/unit/flow/memory_tables.h"

namespace bulkhead {
namespace {

constexpr uint64_t kSecond = 1000000000;  // ns

FlowTime Now() { return {.tick = 1000, .monotonic_ns = 500 * kSecond, .boottime_ns = 700 * kSecond, .tick_ns = kSecond / 4}; }

// 198.18.0.1:80 <-> 198.18.0.2:40000, opened by side 1.
bh_flow4_key Key4() {
  bh_flow4_key key{};
  const uint8_t low[4] = {198, 18, 0, 1}, high[4] = {198, 18, 0, 2};
  std::memcpy(key.address[0], low, 4);
  std::memcpy(key.address[1], high, 4);
  key.port[0] = htons(80);
  key.port[1] = htons(40000);
  key.zone = 7;
  key.protocol = kProtoTcp;
  return key;
}

bh_flow Flow() {
  bh_flow flow{};
  flow.hot.meta = BH_META(0, BH_FLOW_ESTABLISHED, BH_FLOW_OPENER);
  flow.hot.stamp = 0x15;
  flow.hot.last_seen = 996;
  flow.hot.slot[0] = 11;
  flow.hot.slot[1] = 22;
  flow.hot.count[0] = BH_COUNT(1000, 5);
  flow.hot.count[1] = BH_COUNT(50, 3);
  flow.cold.packets_high[0] = 2;
  flow.cold.bytes_high[0] = 3;
  flow.cold.first_seen = 400 * kSecond;
  flow.cold.source_identity = 100;
  flow.cold.destination_identity = 200;
  flow.cold.source_rule = 31;
  flow.cold.destination_rule = 32;
  flow.cold.service_port = 8080;
  flow.cold.verdict = BH_WOULD_DENY;
  return flow;
}

TEST(FlowReader, SeesAFlowFromItsOpener) {
  const FlowRecord record = DecodeFlow(Entry(Key4(), Flow()), Now());
  EXPECT_EQ(record.source.ToString(), "198.18.0.2");
  EXPECT_EQ(record.source_port, 40000);
  EXPECT_EQ(record.destination.ToString(), "198.18.0.1");
  EXPECT_EQ(record.destination_port, 80);
  EXPECT_EQ(record.packets[0], 3u);
  EXPECT_EQ(record.packets[1], 2 * (1ull << 23) + 5);
  EXPECT_EQ(record.bytes[0], 50u);
  EXPECT_EQ(record.bytes[1], 3 * (1ull << 39) + 1000);
  EXPECT_EQ(record.source_slot, 22);
  EXPECT_EQ(record.destination_slot, 11);
  EXPECT_EQ(record.source_identity, 100u);
  EXPECT_EQ(record.destination_identity, 200u);
  EXPECT_EQ(record.source_rule, 31u);
  EXPECT_EQ(record.destination_rule, 32u);
  EXPECT_EQ(record.service_port, 8080);
  EXPECT_EQ(record.verdict, Verdict::kWouldDeny);
  EXPECT_EQ(record.state, FlowState::kEstablished);
  EXPECT_EQ(record.zone, 7);
  EXPECT_EQ(record.protocol, kProtoTcp);
  EXPECT_EQ(record.stamp, 0x15u);
}

TEST(FlowReader, OpenerOnSideZero) {
  bh_flow flow = Flow();
  flow.hot.meta = BH_META(0, BH_FLOW_ESTABLISHED, 0);
  const FlowRecord record = DecodeFlow(Entry(Key4(), flow), Now());
  EXPECT_EQ(record.source.ToString(), "198.18.0.1");
  EXPECT_EQ(record.bytes[0], 3 * (1ull << 39) + 1000);
  EXPECT_EQ(record.source_slot, 11);
}

TEST(FlowReader, TimesAreBoottime) {
  const FlowRecord record = DecodeFlow(Entry(Key4(), Flow()), Now());
  EXPECT_EQ(record.first_seen, 600 * kSecond);
  EXPECT_EQ(record.last_seen, 699 * kSecond);
}

TEST(FlowReader, LastIsNeverBeforeFirst) {
  bh_flow flow = Flow();
  flow.cold.first_seen = 500 * kSecond - 1;  // a moment ago
  const FlowRecord record = DecodeFlow(Entry(Key4(), flow), Now());
  EXPECT_EQ(record.last_seen, record.first_seen);
}

TEST(FlowReader, V6) {
  bh_flow6_key key{};
  key.address[0][0] = key.address[1][0] = 0xfd;
  key.address[0][15] = 1;
  key.address[1][15] = 2;
  key.protocol = kProtoIcmp6;
  const FlowRecord record = DecodeFlow(Entry(key, Flow()), Now());
  EXPECT_EQ(record.source.ToString(), "fd00::2");
  EXPECT_EQ(record.destination.ToString(), "fd00::1");
}

TEST(FlowTime, CrossesTheWrapAndStaysAfterBoot) {
  FlowTime now = Now();
  now.tick = 2;
  EXPECT_EQ(now.FromTick(0xfffffffeu), 699 * kSecond);
  EXPECT_EQ(now.FromTick(3), 700 * kSecond) << "stamped after now was read";
  EXPECT_EQ(now.FromMonotonic(501 * kSecond), 700 * kSecond);
  now.boottime_ns = 100 * kSecond;
  EXPECT_EQ(now.FromMonotonic(0), 0u);
}

TEST(EdgeReader, DecodesPeers) {
  bh_edge_key key{};
  key.source_identity = 17;
  key.destination_identity = kIdentityWorld;
  key.port = 443;
  key.protocol = kProtoTcp;
  key.verdict = BH_DENY;
  key.family = BH_V4;
  key.address[0] = 203;
  key.address[3] = 9;
  const bh_edge edge{.flows = 4, .answered = 3, .denied = 2, .first_seen = 400 * kSecond, .last_seen = 450 * kSecond, .workloads = {5, 6}};
  EdgeRecord record = DecodeEdge(key, edge, Now());
  EXPECT_EQ(record.peer.ToString(), "203.0.0.9");
  EXPECT_EQ(record.source_identity, 17u);
  EXPECT_EQ(record.destination_identity, kIdentityWorld);
  EXPECT_EQ(record.port, 443);
  EXPECT_EQ(record.verdict, Verdict::kDeny);
  EXPECT_EQ(record.flows, 4u);
  EXPECT_EQ(record.answered, 3u);
  EXPECT_EQ(record.denied, 2u);
  EXPECT_EQ(record.source_workloads, 5u);
  EXPECT_EQ(record.destination_workloads, 6u);
  EXPECT_EQ(record.first_seen, 600 * kSecond);
  EXPECT_EQ(record.last_seen, 650 * kSecond);
  key.family = 0;
  EXPECT_TRUE(DecodeEdge(key, edge, Now()).peer.IsUnspecified());
  EXPECT_TRUE(DecodeEdge(key, edge, Now()).peer.IsV4());
}

TEST(EdgeReader, DecodesBothVerdictsOfAStagedEdge) {
  bh_staged_edge_key key{};
  key.edge.source_identity = 17;
  key.edge.verdict = BH_WOULD_DENY;
  key.verdict = BH_DENY;
  key.source_rule = 31;
  key.destination_rule = 32;
  const StagedEdgeRecord record =
      DecodeStagedEdge(key, {.flows = 4, .answered = 0, .denied = 2, .first_seen = 0, .last_seen = 0, .workloads = {}}, Now());
  EXPECT_EQ(record.edge.source_identity, 17u);
  EXPECT_EQ(record.edge.verdict, Verdict::kWouldDeny);
  EXPECT_EQ(record.edge.flows, 4u);
  EXPECT_EQ(record.edge.denied, 2u);
  EXPECT_EQ(record.staged, Verdict::kDeny);
  EXPECT_EQ(record.source_rule, 31u);
  EXPECT_EQ(record.destination_rule, 32u);
}

bh_control Control() {
  bh_control control{};
  for (uint32_t row = 0; row < 3; ++row) {
    for (uint32_t state = 0; state < 4; ++state) control.timeout[row][state] = 10 * (row + 1) + state;
  }
  return control;
}

TEST(Sweeper, ExpiresByProtocolAndState) {
  const bh_control control = Control();
  bh_flow_hot hot{};
  hot.last_seen = 100;
  hot.meta = BH_META(1, BH_FLOW_CLOSING, 0);
  EXPECT_FALSE(FlowExpired(hot, kProtoTcp, control, 112));
  EXPECT_TRUE(FlowExpired(hot, kProtoTcp, control, 113));
  EXPECT_FALSE(FlowExpired(hot, kProtoUdp, control, 122));
  EXPECT_TRUE(FlowExpired(hot, kProtoUdp, control, 123));
  EXPECT_FALSE(FlowExpired(hot, kProtoSctp, control, 132));
  EXPECT_TRUE(FlowExpired(hot, kProtoIcmp6, control, 133));
}

TEST(Sweeper, ZeroNeverExpiresAndTheFutureIsYoung) {
  bh_control control = Control();
  bh_flow_hot hot{};
  hot.last_seen = 100;
  EXPECT_FALSE(FlowExpired(hot, kProtoTcp, control, 99));
  control.timeout[BH_TIMEOUT_TCP][BH_FLOW_UNANSWERED] = 0;
  EXPECT_FALSE(FlowExpired(hot, kProtoTcp, control, 1000000));
}

class Tables : public testing::Test {
 protected:
  void Put(uint16_t port, const bh_flow& flow) {
    bh_flow4_key key = Key4();
    key.port[1] = htons(port);
    ASSERT_TRUE(memory_.Put(key, flow));
  }
  std::map<uint16_t, FlowRecord> Read() {
    std::map<uint16_t, FlowRecord> out;
    ReadFlowTables(memory_.tables(), Control(), Now(), [&](const FlowRecord& record) {
      EXPECT_TRUE(out.emplace(record.source_port, record).second) << "seen twice";
      return true;
    });
    return out;
  }

  MemoryTables memory_{1024, 64};
};

TEST_F(Tables, ReadAllButLinkedOnes) {
  for (uint16_t port = 1; port <= 3000; ++port) {
    bh_flow flow = Flow();
    if (port % 10 == 0) flow.hot.meta |= BH_META(0, 0, BH_FLOW_LINKED);
    Put(port, flow);
  }
  const auto records = Read();
  EXPECT_EQ(records.size(), 2700u);
  EXPECT_EQ(records.count(10), 0u);
  EXPECT_EQ(records.count(11), 1u);
  EXPECT_EQ(memory_.tables().CountUsed(), 3000u);
}

TEST_F(Tables, SayWhichAreExpired) {
  bh_flow old = Flow(), young = Flow();
  const uint32_t tick = Now().tick;
  old.hot.last_seen = tick - 40;
  young.hot.last_seen = tick;
  Put(1, old);
  Put(2, young);
  const auto records = Read();
  EXPECT_TRUE(records.at(1).expired);
  EXPECT_FALSE(records.at(2).expired);
  EXPECT_EQ(records.at(1).opened_ns, old.cold.first_seen);
}

TEST_F(Tables, ReadingStopsWhenToldToAndGoesOnBehind) {
  for (uint16_t port = 1; port <= 100; ++port) Put(port, Flow());
  int seen = 0;
  ReadFlowTables(memory_.tables(), Control(), Now(), [&](const FlowRecord&) { return ++seen < 7; });
  EXPECT_EQ(seen, 7);

  FlowCursor cursor;
  seen = 0;
  while (memory_.tables().ReadGroups(cursor, 10, [&](const FlowEntry&) { ++seen; })) {
  }
  EXPECT_EQ(seen, 100);
}

TEST_F(Tables, ReadBothFamilies) {
  bh_flow6_key key{};
  key.protocol = kProtoUdp;
  key.zone = 3;
  for (uint8_t i = 0; i < 50; ++i) {
    key.address[1][15] = i;
    ASSERT_TRUE(memory_.Put(key, Flow()));
  }
  Put(1, Flow());
  const auto& tables = memory_.tables();
  int v4 = 0, v6 = 0;
  FlowCursor cursor;
  EXPECT_TRUE(tables.Read(cursor, [&](const FlowEntry& entry) { return ++(entry.family == BH_V4 ? v4 : v6), true; }));
  EXPECT_EQ(v4, 1);
  EXPECT_EQ(v6, 50);
}

TEST_F(Tables, SweepTakesOutOnlyWhatIsExpired) {
  for (uint16_t port = 1; port <= 100; ++port) {
    bh_flow flow = Flow();
    flow.cold.owner = port % 2;
    flow.hot.last_seen = port <= 40 ? 980 : 995;
    Put(port, flow);
  }
  KernelWriter writer;
  const auto swept = memory_.tables().Sweep(writer, Control(), 1000);
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(*swept, 40u);
  const auto records = Read();
  EXPECT_EQ(records.size(), 60u);
  EXPECT_EQ(records.count(40), 0u);
  EXPECT_EQ(memory_.tables().memory().usage->flows[0][0], 30u);
  EXPECT_EQ(memory_.tables().memory().usage->flows[1][0], 30u);
}

TEST_F(Tables, AHeldEntryIsNotSwept) {
  bh_flow flow = Flow();
  flow.hot.last_seen = 1;
  flow.hot.meta |= BH_META(0, 0, BH_FLOW_HELD);
  Put(1, flow);
  KernelWriter writer;
  EXPECT_EQ(memory_.tables().Sweep(writer, Control(), 1000).value(), 0u);
  EXPECT_EQ(Read().size(), 1u);
}

// What was swept ends searches again, so that a miss stays short; what lies behind an entry is still found.
TEST_F(Tables, SweepTidiesUp) {
  for (uint16_t port = 1; port <= 3000; ++port) {
    bh_flow flow = Flow();
    flow.hot.last_seen = port % 3 == 0 ? 995 : 900;
    Put(port, flow);
  }
  KernelWriter writer;
  EXPECT_EQ(memory_.tables().Sweep(writer, Control(), 1000).value(), 2000u);
  for (uint16_t port = 1; port <= 3000; ++port) {
    bh_flow4_key key = Key4();
    key.port[1] = htons(port);
    EXPECT_EQ(memory_.Has(key), port % 3 == 0) << port;
  }
  EXPECT_EQ(memory_.tables().Sweep(writer, Control(), 100000).value(), 1000u);
  const auto& memory = memory_.tables().memory();
  for (uint32_t group = 0; group < memory.groups4; ++group) {
    for (const bh_flow4_slot& slot : memory.flows4[group].slot) EXPECT_TRUE(BH_META_ENDS_SEARCH(slot.hot.meta));
  }
}

// On a real map. Creating one needs root, or a kernel that lets anybody.
class CounterMap : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "BPF maps need root";
  }
  KernelWriter writer_;
};

TEST_F(CounterMap, CountersAreAddedUpOverCpus) {
  const auto map = writer_.CreateMap(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4, 8, BH_COUNTER_COUNT, 0);
  ASSERT_TRUE(map.ok()) << map.status();
  const int cpus = libbpf_num_possible_cpus();
  std::vector<uint64_t> values(static_cast<size_t>(cpus), 5);
  const uint32_t index = BH_COUNTER_MIDSTREAM;
  ASSERT_TRUE(writer_.UpdateElement(map->get(), &index, values.data()).ok());
  const auto counters = ReadCounterTable(map->get());
  ASSERT_TRUE(counters.ok()) << counters.status();
  ASSERT_EQ(counters->size(), static_cast<size_t>(BH_COUNTER_COUNT));
  EXPECT_EQ((*counters)[index], 5u * static_cast<uint64_t>(cpus));
  EXPECT_EQ((*counters)[0], 0u);
}

}  // namespace
}  // namespace bulkhead
