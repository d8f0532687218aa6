// SPDX-License-Identifier: Apache-2.0
// New generations: cached flows are judged again, in both directions, and nothing else changes.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class GenerationTest : public testing::TestWithParam<Carrier> {
 protected:
  Frame Asks(uint8_t flags = kAck) const { return Between(kWeb, kDb, GetParam().family) / Ask(GetParam(), flags); }
  Frame Answers(uint8_t flags = kAck) const { return Between(kDb, kWeb, GetParam().family) / Answer(GetParam(), flags); }
  void Establish(Stage& stage) const {
    EXPECT_THAT(stage.Travels(kWeb, kDb, Asks(kSyn)), Established());
    EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kSyn | kAck)), Established());
    EXPECT_THAT(stage.Travels(kWeb, kDb, Asks()), Established());
    if (GetParam().tcp()) {
      EXPECT_THAT(stage.Travels(kDb, kWeb, Answers(kAck)), Established());
    }
  }
  Setting Open() const {
    return {.policies = AllowIngress("db", "web", GetParam().ports()) + IsolateEgress("db") + IsolateIngress("web")};
  }
  static Flow Only(Stage& stage) {
    const auto flows = stage.Flows();
    EXPECT_EQ(flows.size(), 1u);
    return flows.empty() ? Flow() : flows.begin()->second;
  }
};
INSTANTIATE_TEST_SUITE_P(, GenerationTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(GenerationTest, WhatIsStillAllowedGoesOn) {
  Stage stage(Open());
  Establish(stage);
  const Flow before = Only(stage);
  stage.Apply({.policies = Open().policies + AllowIngress("db", "api", "")});
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Allowed()) << "judged again";
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Established());
  const Flow after = Only(stage);
  EXPECT_EQ(after.packets[after.opener], before.packets[before.opener] + 1);
  EXPECT_EQ(after.state, BH_FLOW_ESTABLISHED);
  EXPECT_NE(after.stamp, before.stamp);
  ASSERT_EQ(stage.Edges().size(), 1u);
  EXPECT_EQ(stage.Edges()[0].flows, 1u);
  EXPECT_EQ(stage.Edges()[0].answered, 1u);
}

TEST_P(GenerationTest, AnswersAreJudgedInTheFlowsDirection) {
  for (const bool at_ingress : {true, false}) {
    Stage stage(Open());
    Establish(stage);
    stage.Apply(Open());
    if (at_ingress) {
      EXPECT_THAT(stage.Leaves(kDb, Answers()), Allowed());
    }
    EXPECT_THAT(stage.Arrives(kWeb, Answers(), kDb.slot(), kDb.ifindex()),
                at_ingress ? testing::Matcher<Outcome>(Established()) : testing::Matcher<Outcome>(Allowed()));
    EXPECT_EQ(Only(stage).ruling.source, kWeb.endpoint.identity);
  }
}

// Isolated is only who answers: the other way round everything is allowed, so the entry must remember who opened the flow.
TEST_P(GenerationTest, WhatIsRevokedDiesAtOnce) {
  for (const bool by_answer : {false, true}) {
    Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
    Establish(stage);
    const Flow before = Only(stage);
    stage.Apply({.policies = AllowIngress("db", "api", "")});
    EXPECT_THAT(by_answer ? stage.Leaves(kDb, Answers()) : stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY));
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY));
      EXPECT_THAT(stage.Leaves(kDb, Answers()), Denied(BH_REASON_POLICY));
      EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_POLICY));
      EXPECT_THAT(stage.Arrives(kWeb, Answers(), kDb.slot(), kDb.ifindex()), Denied(BH_REASON_POLICY));
    }
    const Flow after = Only(stage);
    EXPECT_EQ(after.ruling.verdict, Verdict::kDeny);
    EXPECT_EQ(after.packets[0] + after.packets[1], before.packets[0] + before.packets[1]) << "they carry nothing";
  }
}

TEST_P(GenerationTest, RevokedAtTheReceiver) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  Establish(stage);
  stage.Apply({.policies = AllowIngress("db", "api", "")});
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_POLICY));
}

TEST_P(GenerationTest, WhatIsAllowedAgainGoesOn) {
  Stage stage(Open());
  Establish(stage);
  stage.Apply({.policies = AllowIngress("db", "api", "")});
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY));
  stage.Apply(Open());
  EXPECT_THAT(stage.Leaves(kDb, Answers()), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Established());
  EXPECT_EQ(Only(stage).ruling.verdict, Verdict::kAllow);
}

TEST_P(GenerationTest, ARevokedFlowEndsInItsTime) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  Establish(stage);
  stage.Apply({.policies = AllowIngress("db", "api", "")});
  for (int i = 0; i < 11; ++i) {  // no time-out is a multiple of it: the kernel's clock goes on by itself
    EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY));
    stage.Advance(3500);
  }
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY)) << "and is judged as it stands";
}

TEST_P(GenerationTest, AModeChangesWhatADenialDoes) {
  Stage stage({.policies = IsolateIngress("db"), .mode = Mode::kAudit});
  Establish(stage);
  EXPECT_EQ(Only(stage).ruling.verdict, Verdict::kWouldDeny);
  stage.Apply({.policies = Open().policies, .mode = Mode::kAudit});
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Allowed());
  EXPECT_EQ(Only(stage).ruling.verdict, Verdict::kAllow);
  stage.Apply({.policies = IsolateIngress("db"), .mode = Mode::kAudit});
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), WouldBeDenied(BH_REASON_POLICY));
  stage.Apply({.policies = IsolateIngress("db"), .modes = {{"db", Mode::kEnforce}}});
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY));
}

TEST_P(GenerationTest, AnAddressThatIsSomebodyElsesNow) {
  Stage stage(Open());
  Establish(stage);
  stage.Remove(kWeb.slot());
  EndpointState heir = kEvil.endpoint;  // another service, on web's port, with web's addresses and MAC
  heir.slot = 21;
  heir.workload = 2100;
  heir.ifindex = kWeb.ifindex();
  heir.mac = kWeb.mac();
  heir.addresses = kWeb.endpoint.addresses;
  stage.Put(heir);
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_POLICY)) << "evil may not";
  EXPECT_EQ(Only(stage).ruling.verdict, Verdict::kDeny);
  stage.Remove(heir.slot);
}

TEST_P(GenerationTest, ANewReplicaWithTheOldOnesAddress) {
  Stage stage(Open());
  Establish(stage);
  stage.Remove(kWeb.slot());
  EndpointState heir = kWeb.endpoint;
  heir.slot = 22;
  heir.workload = 2200;
  stage.Put(heir);
  EXPECT_THAT(stage.Leaves(kDb, Answers()), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Passes());
  EXPECT_EQ(Only(stage).slot[Only(stage).opener], heir.slot);
  stage.Remove(heir.slot);
}

TEST_P(GenerationTest, ARemovedEndpointSendsNothing) {
  Stage stage(Open());
  Establish(stage);
  stage.Remove(kWeb.slot());
  EXPECT_THAT(stage.Leaves(kWeb, Asks()), Denied(BH_REASON_NO_ENDPOINT));
  EXPECT_THAT(stage.Arrives(kDb, Asks(), kWeb.slot(), kWeb.ifindex()), Denied(BH_REASON_POLICY)) << "whoever it was";
}

TEST_P(GenerationTest, WhoBecomesKnownIsJudgedAsThat) {
  Stage stage({.policies = IsolateIngress("api")});
  const Frame frame = Between(kStranger, kDb, GetParam().family) / Ask(GetParam());
  EXPECT_THAT(stage.Travels(kStranger, kDb, frame), Established());
  EndpointState bound = kStranger.endpoint;
  bound.bound = true;
  bound.workload = 1006;
  bound.identity = kEvil.endpoint.identity;
  bound.addresses = {kStranger.v4, kStranger.v6};
  stage.Put(bound);
  const Outcome outcome = stage.Leaves(kStranger, frame);
  EXPECT_THAT(outcome, Allowed());
  EXPECT_EQ(outcome.source_identity, kEvil.endpoint.identity);
}

TEST_P(GenerationTest, AnOutsiderWhoBecomesAWorkload) {
  const int family = GetParam().family;
  Stage stage({});
  const Frame frame = FromGateway(Outside(family), kDb) / Ask(GetParam());
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, frame), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, frame), Established());
  EndpointState moved = kWeb.endpoint;
  moved.addresses.push_back(Outside(family));
  stage.Put(moved);
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, frame), Established()) << "a container's start disturbs no flow";
  EXPECT_THAT(stage.ArrivesFromOutside(kApi, FromGateway(Outside(family), kApi) / Ask(GetParam())), Denied(BH_REASON_SPOOFED_IP));
}

TEST_P(GenerationTest, ExceptTakesAHoleOutOfABlock) {
  const int family = GetParam().family;
  const std::string block = family == 4 ? "198.19.1.0/24" : "fd00:9:1::/64",
                    hole = family == 4 ? "198.19.1.8/30" : "fd00:9:1::8/126";
  const std::string policy = AllowIngress("db", block, "");
  const size_t at = policy.find("\"}}");
  const std::string with_hole = policy.substr(0, at) + "\", except: [\"" + hole + policy.substr(at);
  const size_t end = with_hole.find("\"}}");
  Stage stage({.policies = policy});
  const auto from = [&](uint8_t n) {
    return stage.ArrivesFromOutside(kDb, FromGateway(Outside(family, n), kDb) / Ask(GetParam()));
  };
  for (const uint8_t n : {7, 8, 11, 12}) EXPECT_THAT(from(n), Allowed());
  stage.Apply({.policies = with_hole.substr(0, end) + "\"]}}" + with_hole.substr(end + 3)});
  EXPECT_THAT(from(7), Allowed());
  EXPECT_THAT(from(8), Denied(BH_REASON_POLICY));
  EXPECT_THAT(from(11), Denied(BH_REASON_POLICY));
  EXPECT_THAT(from(12), Allowed());
}

}  // namespace
}  // namespace bulkhead::packet_test
