// SPDX-License-Identifier: Apache-2.0
// Verbs that deal with packets: capture and simulate.
#include <chrono>
#include <thread>

#include "bulkhead/api/simulate.h"
#include "controlplane/cli/pcap_reader.h"
#include "controlplane/cli/pcapng.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using ::bulkhead::testing::kApi;
using ::bulkhead::testing::kDb;
using ::bulkhead::testing::kDbIngress0;
using ::bulkhead::testing::kDbIsolated;
using ::bulkhead::testing::kDefaultRule;
using ::bulkhead::testing::kWeb;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PacketsTest : public ProgramTest {
 protected:
  PacketsTest() {
    for (const uint8_t verdict : {BH_DENY, BH_ALLOW}) {
      bh_capture_packet packet{};
      packet.event = bulkhead::testing::MakeShopEvent(kWeb, verdict, verdict == BH_DENY ? BH_REASON_POLICY : BH_REASON_NONE);
      if (verdict == BH_ALLOW) packet.event.source_rule = packet.event.destination_rule = packet.event.source_slot = 0;
      packet.captured = 60;
      std::fill_n(packet.data, 60, verdict == BH_DENY ? 'd' : 'a');
      service_.captured.push_back(packet);
    }
    auto view = bulkhead::testing::MakeShopView();
    for (auto& [key, workload] : view->workloads) workload.endpoints[0].mac = {{2, 0, 0, 0, 0, 9}};
    service_.SetView(view);
  }

  // A capture ends when the server sees that its reader is gone; one runs at a time.
  void WaitForCalls(size_t count) {
    for (int i = 0; i < 100 && service_.calls().size() < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
};

TEST_F(PacketsTest, CapturePrintsPackets) {
  Start();
  const Outcome outcome = Run("capture -n shop --service db --count 2");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::MatchesRegex(
                               "[0-9:.]+ < deny shop/web 198.18.0.16:40001 -> shop/db 198.18.0.17:5432 tcp 74B policy, db ingress isolated\n"
                               "[0-9:.]+ < allow shop/web 198.18.0.16:40001 -> shop/db 198.18.0.17:5432 tcp 74B\n"));
  WaitForCalls(2);
  const Outcome json = Run("capture --service shop/db --verdict deny --rate 7 --count 1 -o json");
  EXPECT_EQ(nlohmann::json::parse(json.out, nullptr, false)["packet"]["reason"], "policy") << json.out;
  WaitForCalls(4);
  EXPECT_THAT(service_.calls(), ElementsAre("capture slot 17 slot 27 slot 28 identity 17 allow deny would-deny rate 1000", "capture off",
                                            "capture slot 17 slot 27 slot 28 identity 17 deny rate 7", "capture off"));
  EXPECT_EQ(Run("capture --service shop/nosuch").exit_code, 2);
  EXPECT_EQ(Run("capture --service db").exit_code, 2);
  EXPECT_EQ(Run("capture --service shop/db -w /nowhere/x").exit_code, 2);
}

TEST_F(PacketsTest, CaptureWritesAFile) {
  Start();
  const Outcome outcome = Run("capture --service shop/db --count 2 -w db.pcapng");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  const std::string file = Read("db.pcapng");
  const auto packets = ReadPackets(file, {});
  ASSERT_TRUE(packets.ok()) << packets.status();
  EXPECT_THAT(*packets, ElementsAre(std::string(60, 'd'), std::string(60, 'a')));
  EXPECT_THAT(file, HasSubstr("deny: policy, db ingress isolated; shop/web -> shop/db; ingress"));
  EXPECT_THAT(file, HasSubstr("veth16"));
}

SimulatedRun Judged(bool passed, uint32_t rule) {
  SimulatedRun run;
  run.path = SimulatedPath::kJudged;
  run.passed = passed;
  run.opens = passed;
  run.verdict = passed ? Verdict::kAllow : Verdict::kDeny;
  run.reason = passed ? BH_REASON_NONE : BH_REASON_POLICY;
  run.source_identity = kApi;
  run.destination_identity = kDb;
  run.source_rule = kDefaultRule;
  run.destination_rule = rule;
  return run;
}

TEST_F(PacketsTest, SimulateAConnection) {
  SimulatedRun arrives;
  arrives.path = SimulatedPath::kEstablished;
  arrives.passed = arrives.quick = true;
  service_.runs = {Judged(true, kDbIngress0), arrives};
  Start();
  const Outcome outcome = Run("simulate --from shop/api --to shop/db-1 5432/tcp");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "TCP SYN 198.18.0.18:49152 -> 198.18.0.17:5432   generation 41\n"
            "HOOK     WORKLOAD           OUTCOME  PATH\n"
            "ingress  shop/api-1 veth18  passes   judged: allow by db ingress[0] (egress: default; ingress: shop/db ingress[0]), shop/api -> shop/db; opens a flow\n"
            "egress   shop/db-1 veth17   passes   established: by its flow's entry, the shortest way\n");
  ASSERT_EQ(service_.simulated.size(), 2u);
  EXPECT_FALSE(service_.simulated[0].egress);
  EXPECT_EQ(service_.simulated[0].ifindex, 18u);
  EXPECT_TRUE(service_.simulated[1].egress);
  EXPECT_TRUE(service_.simulated[1].follows);
  EXPECT_EQ(service_.simulated[1].tag, 18);
  EXPECT_EQ(service_.simulated[1].ingress_ifindex, 18u);
  EXPECT_EQ(service_.simulated[1].bytes.size(), 54u);
}

TEST_F(PacketsTest, SimulateSaysWhatDrops) {
  service_.runs = {Judged(false, kDbIsolated)};
  Start();
  const Outcome outcome = Run("simulate -n shop --from api --to db 5432");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("ingress  shop/api-1 veth18  dropped  judged: deny (policy) by db ingress isolated ("));
  EXPECT_THAT(outcome.out, HasSubstr("  -        not reached\n"));
  const nlohmann::json json = nlohmann::json::parse(Run("simulate -n shop --from api --to db 5432 -o json").out, nullptr, false);
  EXPECT_EQ(json["passed"], false);
  EXPECT_EQ(json["steps"][0]["reason"], "policy");
  EXPECT_EQ(json["steps"][1]["path"], "not reached");
}

TEST_F(PacketsTest, SimulateAPacketOfALiveFlow) {
  FlowRecord flow = bulkhead::testing::MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 1000, 1000);
  service_.AddFlow(flow);
  Start();
  EXPECT_THAT(Run("simulate --from shop/api --to 198.18.0.17 5432 --source-port 40000").out, HasSubstr("TCP ACK 198.18.0.18:40000 -> 198.18.0.17:5432"));
  EXPECT_THAT(Run("simulate --from shop/api --to 198.18.0.17 5432 --source-port 40001").out, HasSubstr("TCP SYN 198.18.0.18:40001"));
  EXPECT_THAT(Run("simulate --from 203.0.113.7 --to shop/web icmp").out, HasSubstr("ICMP echo request 203.0.113.7 -> 198.18.0.16"));
  ASSERT_EQ(service_.simulated.size(), 1u) << "only the hook of who is here";
  EXPECT_EQ(service_.simulated[0].tag, 0);
  EXPECT_NE(service_.simulated[0].ingress_ifindex, 0u);
  Run("simulate --from host --to shop/web 80/udp");
  EXPECT_EQ(service_.simulated[0].ingress_ifindex, 0u);
}

TEST_F(PacketsTest, SimulateAFile) {
  SimulatedRun refused;
  refused.path = SimulatedPath::kRefused;
  refused.verdict = Verdict::kDeny;
  refused.reason = BH_REASON_VLAN;
  SimulatedRun unjudged;
  unjudged.path = SimulatedPath::kUnjudged;
  unjudged.passed = true;
  service_.runs = {unjudged, refused};
  Start();
  PcapngWriter writer;
  std::string file = writer.Begin("");
  file += writer.Add({"x", 0, std::string(60, '\1'), 60, true, ""});  // one after the other: the first describes the interface
  file += writer.Add({"x", 0, std::string(3000, '\2'), 3000, true, ""});
  Write("two.pcapng", file);
  const Outcome outcome = Run("simulate --pcap two.pcapng --endpoint shop/db-1");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(outcome.out,
            "PACKET  HOOK     WORKLOAD          OUTCOME  PATH\n"
            "1       ingress  shop/db-1 veth17  passes   unjudged: passes without policy\n"
            "2       ingress  shop/db-1 veth17  dropped  refused: deny (vlan)\n"
            "1 of 2 packets dropped\n");
  EXPECT_EQ(service_.simulated[1].bytes.size(), api::kMaxSimulatedBytes);
  Write("bad.pcap", "no packets in here");
  const Outcome bad = Run("simulate --pcap bad.pcap --endpoint shop/db-1");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("bad.pcap: byte 0: found 0x"));
  for (const char* wrong : {"--pcap two.pcapng", "--pcap missing --endpoint shop/db", "--pcap two.pcapng --endpoint host", "--from shop/web --to shop/db",
                            "--from shop/web --to 1.2.3.4.5 80", "--from host --to world 80", "--hook egress --from a --to b 80"}) {
    EXPECT_EQ(Run(std::string("simulate ") + wrong).exit_code, 2) << wrong;
  }
}

}  // namespace
}  // namespace bulkhead::cli
