// SPDX-License-Identifier: Apache-2.0
// What the dataplane says that it would do with a packet, it does; and asking changes nothing.
#include <gtest/gtest.h>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class SimulateTest : public testing::TestWithParam<Carrier> {
 protected:
  void SetUp() override {
    if (SharedWorld() == nullptr) GTEST_SKIP() << "no kernel to ask";
  }
  int family() const { return GetParam().family; }
  Packet Leaving(const Actor& from, const Frame& frame) {
    return {BH_HOOK_INGRESS, from.zone(), from.ifindex(), from.ifindex(), 0, false, frame.Build()};
  }
  Packet Arriving(const Actor& to, const Frame& frame, uint16_t tag, uint32_t came_in) {
    return {BH_HOOK_EGRESS, to.zone(), to.ifindex(), came_in, tag, false, frame.Build()};
  }
  static SimulatedPacket Of(const Packet& packet) {
    SimulatedPacket out;
    out.zone = packet.zone;
    out.egress = packet.hook == BH_HOOK_EGRESS;
    out.ifindex = packet.ifindex;
    out.ingress_ifindex = packet.ingress_ifindex;
    out.tag = packet.tag;
    out.bytes = packet.bytes;
    return out;
  }

  // Everything that packets leave behind, as text.
  static std::string Left() {
    EbpfBackend& backend = SharedWorld()->backend();
    std::string out;
    const auto add = [&out](auto... numbers) { ((out += std::to_string(numbers) + " "), ...); };
    const auto counters = backend.ReadCounters();
    for (const uint64_t counter : counters.value()) add(counter);
    const auto rules = backend.ReadRules();
    for (const auto& [rule, counts] : rules.value()) add(rule, counts.flows, counts.denied, counts.would_deny);
    EXPECT_TRUE(backend.ReadFlows([&](const FlowRecord& flow) {
      add(flow.source_port, flow.packets[0], flow.packets[1], flow.bytes[0], flow.stamp, static_cast<int>(flow.state));
      return true;
    }).ok());
    EXPECT_TRUE(backend.ReadEdges([&](const EdgeRecord& edge) {
      add(edge.flows, edge.answered, edge.denied);
      return true;
    }).ok());
    return out;
  }

  // Asks, compares with what then happens, and gives back what was said.
  SimulatedRun Meets(Stage& stage, const Packet& packet) {
    const std::string before = Left();
    const auto runs = SharedWorld()->backend().Simulate({Of(packet)});
    EXPECT_TRUE(runs.ok()) << runs.status();
    EXPECT_EQ(Left(), before) << "asking left something behind";
    if (!runs.ok() || runs->size() != 1) return {};
    const SimulatedRun run = runs->front();
    const Outcome outcome = stage.Run(packet);
    EXPECT_EQ(run.passed, outcome.pass) << outcome;
    EXPECT_EQ(run.path == SimulatedPath::kEstablished, outcome.established) << outcome;
    if (outcome.established) return run;
    EXPECT_EQ(run.verdict, outcome.verdict) << outcome;
    EXPECT_EQ(run.reason, outcome.reason) << outcome;
    if (run.path == SimulatedPath::kJudged) {
      EXPECT_EQ(run.source_identity, outcome.source_identity) << outcome;
      EXPECT_EQ(run.destination_identity, outcome.destination_identity) << outcome;
      EXPECT_EQ(run.source_rule, outcome.source_rule) << outcome;
      EXPECT_EQ(run.destination_rule, outcome.destination_rule) << outcome;
    }
    return run;
  }
};
INSTANTIATE_TEST_SUITE_P(, SimulateTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(SimulateTest, TheLifeOfAFlow) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame ask = Between(kWeb, kDb, family()) / Ask(GetParam()), answer = Between(kDb, kWeb, family()) / Answer(GetParam());
  const SimulatedRun opening = Meets(stage, Leaving(kWeb, ask));
  EXPECT_EQ(opening.path, SimulatedPath::kJudged);
  EXPECT_TRUE(opening.opens);
  EXPECT_EQ(Meets(stage, Arriving(kDb, ask, kWeb.slot(), kWeb.ifindex())).path, SimulatedPath::kEstablished);
  EXPECT_EQ(Meets(stage, Leaving(kDb, answer)).path, SimulatedPath::kEstablished);
  Meets(stage, Arriving(kWeb, answer, kDb.slot(), kDb.ifindex()));
  const Frame more = Between(kWeb, kDb, family()) / Ask(GetParam(), kAck);
  const SimulatedRun going = Meets(stage, Leaving(kWeb, more));
  EXPECT_EQ(going.path, SimulatedPath::kEstablished);
  EXPECT_EQ(going.quick, !GetParam().echo());
  stage.Apply({.policies = AllowIngress("db", "web", "") + AllowIngress("api", "web", "")});
  const SimulatedRun again = Meets(stage, Leaving(kWeb, more));
  EXPECT_EQ(again.path, SimulatedPath::kJudged);
  EXPECT_TRUE(again.refreshes);
  EXPECT_FALSE(again.opens);
}

TEST_P(SimulateTest, WhatIsDenied) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame evil = Between(kEvil, kDb, family()) / Ask(GetParam());
  const SimulatedRun denied = Meets(stage, Leaving(kEvil, evil));
  EXPECT_EQ(denied.path, SimulatedPath::kJudged);
  EXPECT_FALSE(denied.passed);
  const Frame forged = Between(kWeb, kDb, family()) / Ask(GetParam());
  EXPECT_EQ(Meets(stage, Leaving(kEvil, forged)).path, SimulatedPath::kRefused);
  EXPECT_EQ(Meets(stage, Arriving(kDb, forged, kEvil.slot(), kEvil.ifindex())).path, SimulatedPath::kRefused);
  EXPECT_EQ(Meets(stage, Arriving(kDb, forged, 0, kUplink)).reason, BH_REASON_SPOOFED_IP);
  EXPECT_EQ(Meets(stage, Arriving(kEvil, forged, kWeb.slot(), kWeb.ifindex())).reason, BH_REASON_WRONG_PORT);
  Packet nobodys = Leaving(kWeb, forged);
  nobodys.ifindex = kNoEndpoint;
  EXPECT_EQ(Meets(stage, nobodys).reason, BH_REASON_NO_ENDPOINT);
  stage.Apply({.policies = AllowIngress("db", "web", ""), .mode = Mode::kAudit});
  EXPECT_EQ(Meets(stage, Leaving(kEvil, evil)).verdict, Verdict::kWouldDeny);
}

TEST_P(SimulateTest, OnePacketSeesWhatThoseBeforeItHaveLeft) {
  Stage stage({.policies = AllowIngress("db", "web", "")});
  const Frame ask = Between(kWeb, kDb, family()) / Ask(GetParam()), evil = Between(kEvil, kDb, family()) / Ask(GetParam());
  SimulatedPacket leaves = Of(Leaving(kWeb, ask)), arrives = Of(Arriving(kDb, ask, kWeb.slot(), kWeb.ifindex()));
  SimulatedPacket cut_off = Of(Leaving(kEvil, evil)), never = Of(Arriving(kDb, evil, kEvil.slot(), kEvil.ifindex()));
  arrives.follows = never.follows = true;
  const std::string before = Left();
  const auto runs = SharedWorld()->backend().Simulate({leaves, arrives, cut_off, never});
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->size(), 4u);
  EXPECT_EQ((*runs)[0].path, SimulatedPath::kJudged);
  EXPECT_EQ((*runs)[1].path, SimulatedPath::kEstablished) << "by the entry that the first has made";
  EXPECT_FALSE((*runs)[2].passed);
  EXPECT_EQ((*runs)[3].path, SimulatedPath::kNotRun);
  EXPECT_EQ(Left(), before);
  const auto anew = SharedWorld()->backend().Simulate({leaves});
  ASSERT_TRUE(anew.ok()) << anew.status();
  EXPECT_TRUE(anew->front().opens) << "the run before is forgotten";
  leaves.bytes.resize(13);
  EXPECT_EQ(SharedWorld()->backend().Simulate({leaves}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bulkhead::packet_test
