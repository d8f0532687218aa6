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
#include "dataplane/flow/sweeper.h"

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
  flow.hot.state = BH_FLOW_ESTABLISHED;
  flow.hot.flags = BH_FLOW_OPENER;
  flow.hot.stamp = 0x15;
  flow.hot.last_seen = 996;
  flow.hot.slot[0] = 11;
  flow.hot.slot[1] = 22;
  flow.hot.bytes[0] = 1000;
  flow.hot.bytes[1] = 50;
  flow.hot.packets[0] = 5;
  flow.hot.packets[1] = 3;
  flow.cold.packets_high[0] = 1;
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
  const FlowRecord record = DecodeFlow(Key4(), Flow(), Now());
  EXPECT_EQ(record.source.ToString(), "198.18.0.2");
  EXPECT_EQ(record.source_port, 40000);
  EXPECT_EQ(record.destination.ToString(), "198.18.0.1");
  EXPECT_EQ(record.destination_port, 80);
  EXPECT_EQ(record.packets[0], 3u);
  EXPECT_EQ(record.packets[1], (1ull << 32) + 5);
  EXPECT_EQ(record.bytes[0], 50u);
  EXPECT_EQ(record.bytes[1], 1000u);
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
  flow.hot.flags = 0;
  const FlowRecord record = DecodeFlow(Key4(), flow, Now());
  EXPECT_EQ(record.source.ToString(), "198.18.0.1");
  EXPECT_EQ(record.bytes[0], 1000u);
  EXPECT_EQ(record.source_slot, 11);
}

TEST(FlowReader, TimesAreBoottime) {
  const FlowRecord record = DecodeFlow(Key4(), Flow(), Now());
  EXPECT_EQ(record.first_seen, 600 * kSecond);
  EXPECT_EQ(record.last_seen, 699 * kSecond);
}

TEST(FlowReader, LastIsNeverBeforeFirst) {
  bh_flow flow = Flow();
  flow.cold.first_seen = 500 * kSecond - 1;  // a moment ago
  const FlowRecord record = DecodeFlow(Key4(), flow, Now());
  EXPECT_EQ(record.last_seen, record.first_seen);
}

TEST(FlowReader, V6) {
  bh_flow6_key key{};
  key.address[0][0] = key.address[1][0] = 0xfd;
  key.address[0][15] = 1;
  key.address[1][15] = 2;
  key.protocol = kProtoIcmp6;
  const FlowRecord record = DecodeFlow(key, Flow(), Now());
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
  const bh_edge edge{.flows = 4, .answered = 3, .denied = 2, .first_seen = 400 * kSecond, .last_seen = 450 * kSecond};
  EdgeRecord record = DecodeEdge(key, edge, Now());
  EXPECT_EQ(record.peer.ToString(), "203.0.0.9");
  EXPECT_EQ(record.source_identity, 17u);
  EXPECT_EQ(record.destination_identity, kIdentityWorld);
  EXPECT_EQ(record.port, 443);
  EXPECT_EQ(record.verdict, Verdict::kDeny);
  EXPECT_EQ(record.flows, 4u);
  EXPECT_EQ(record.answered, 3u);
  EXPECT_EQ(record.denied, 2u);
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
      DecodeStagedEdge(key, {.flows = 4, .answered = 0, .denied = 2, .first_seen = 0, .last_seen = 0}, Now());
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
  hot.state = BH_FLOW_CLOSING;
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

// On real maps. Creating one needs root, or a kernel that lets anybody.
class FlowMaps : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "BPF maps need root";
    auto flows4 = writer_.CreateMap(BPF_MAP_TYPE_LRU_HASH, "flows4", sizeof(bh_flow4_key), sizeof(bh_flow), 4096, 0);
    auto flows6 = writer_.CreateMap(BPF_MAP_TYPE_LRU_HASH, "flows6", sizeof(bh_flow6_key), sizeof(bh_flow), 64, 0);
    ASSERT_TRUE(flows4.ok()) << flows4.status();
    ASSERT_TRUE(flows6.ok()) << flows6.status();
    flows4_ = *std::move(flows4);
    flows6_ = *std::move(flows6);
  }

  void Put(uint16_t port, const bh_flow& flow) {
    bh_flow4_key key = Key4();
    key.port[1] = htons(port);
    ASSERT_TRUE(writer_.UpdateElement(flows4_.get(), &key, &flow).ok());
  }
  std::map<uint16_t, FlowRecord> Read() {
    std::map<uint16_t, FlowRecord> out;
    EXPECT_TRUE(ReadFlowTables(flows4_.get(), flows6_.get(), Control(), Now(), [&](const FlowRecord& record) {
                  EXPECT_TRUE(out.emplace(record.source_port, record).second) << "seen twice";
                  return true;
                }).ok());
    return out;
  }

  KernelWriter writer_;
  UniqueFd flows4_, flows6_;
};

TEST_F(FlowMaps, ReadsAllButLinkedOnes) {
  for (uint16_t port = 1; port <= 3000; ++port) {
    bh_flow flow = Flow();
    if (port % 10 == 0) flow.hot.flags |= BH_FLOW_LINKED;
    Put(port, flow);
  }
  const auto records = Read();
  EXPECT_EQ(records.size(), 2700u);
  EXPECT_EQ(records.count(10), 0u);
  EXPECT_EQ(records.count(11), 1u);
}

TEST_F(FlowMaps, SaysWhichAreExpired) {
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

TEST_F(FlowMaps, ReadingStopsWhenToldTo) {
  for (uint16_t port = 1; port <= 100; ++port) Put(port, Flow());
  int seen = 0;
  EXPECT_TRUE(ReadFlowTables(flows4_.get(), flows6_.get(), Control(), Now(), [&](const FlowRecord&) { return ++seen < 7; }).ok());
  EXPECT_EQ(seen, 7);
}

TEST_F(FlowMaps, SweepDeletesOnlyWhatIsExpired) {
  for (uint16_t port = 1; port <= 100; ++port) {
    bh_flow flow = Flow();
    flow.hot.last_seen = port <= 40 ? 980 : 995;
    Put(port, flow);
  }
  const auto swept = SweepFlowTables(writer_, flows4_.get(), flows6_.get(), Control(), 1000);
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(*swept, 40u);
  const auto records = Read();
  EXPECT_EQ(records.size(), 60u);
  EXPECT_EQ(records.count(40), 0u);
}

// A packet refreshes a flow between the scan and its deletion: it must stay.
TEST_F(FlowMaps, SweepLooksAgainBeforeItDeletes) {
  for (uint16_t port = 1; port <= 2; ++port) {
    bh_flow flow = Flow();
    flow.hot.last_seen = 900;
    Put(port, flow);
  }
  bool refreshed = false;
  KernelWriter writer([&](const char*, uint64_t) {
    if (refreshed) return absl::OkStatus();
    refreshed = true;  // the first deletion is on its way; the other entry comes to life
    for (uint16_t port = 1; port <= 2; ++port) Put(port, Flow());
    return absl::OkStatus();
  });
  const auto swept = SweepFlowTables(writer, flows4_.get(), flows6_.get(), Control(), 1000);
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(*swept, 1u);
  EXPECT_EQ(Read().size(), 1u);
}

TEST_F(FlowMaps, CountersAreAddedUpOverCpus) {
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
