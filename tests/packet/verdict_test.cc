// SPDX-License-Identifier: Apache-2.0
// What policy says of new flows: both sides, every mode, every peer.
#include <gtest/gtest.h>

#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class VerdictTest : public testing::TestWithParam<Carrier> {
 protected:
  Frame WebToDb() const { return Between(kWeb, kDb, GetParam().family) / Ask(GetParam()); }
  Frame EvilToDb() const { return Between(kEvil, kDb, GetParam().family) / Ask(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(, VerdictTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(VerdictTest, AllowsWhatARuleAllows) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  const Outcome outcome = stage.Leaves(kWeb, WebToDb());
  EXPECT_THAT(outcome, Allowed());
  EXPECT_EQ(outcome.tag, kWeb.slot());
  EXPECT_EQ(outcome.source_identity, kWeb.endpoint.identity);
  EXPECT_EQ(outcome.destination_identity, kDb.endpoint.identity);
  EXPECT_EQ(stage.RuleKey(outcome.source_rule), "default");
  EXPECT_THAT(stage.RuleKey(outcome.destination_rule), testing::HasSubstr("ingress[0]"));
  EXPECT_THAT(stage.Arrives(kDb, WebToDb(), outcome.tag, kWeb.ifindex()), Established());
}

TEST_P(VerdictTest, DropsAtTheSenderWhatTheReceiverRefuses) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  const Outcome outcome = stage.Leaves(kEvil, EvilToDb());
  EXPECT_THAT(outcome, Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.RuleKey(outcome.destination_rule), testing::HasSubstr("isolated"));
  EXPECT_TRUE(stage.Flows().empty());
}

TEST_P(VerdictTest, DropsAtTheReceiverToo) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  EXPECT_THAT(stage.Arrives(kDb, EvilToDb(), kEvil.slot(), kEvil.ifindex()), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, DropsWhatTheSendersEgressRefuses) {
  Stage stage({.policies = IsolateEgress("web")});
  const Outcome outcome = stage.Leaves(kWeb, WebToDb());
  EXPECT_THAT(outcome, Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.RuleKey(outcome.source_rule), testing::HasSubstr("isolated"));
  EXPECT_THAT(stage.Leaves(kEvil, EvilToDb()), Allowed());
}

TEST_P(VerdictTest, NeedsBothSides) {
  const std::string out = AllowEgress("web", "db", GetParam().ports()), in = AllowIngress("db", "web", GetParam().ports());
  EXPECT_THAT(Stage({.policies = out + in}).Leaves(kWeb, WebToDb()), Allowed());
  EXPECT_THAT(Stage({.policies = out + IsolateIngress("db")}).Leaves(kWeb, WebToDb()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(Stage({.policies = IsolateEgress("web") + in}).Leaves(kWeb, WebToDb()), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, ADenialInAuditPassesAndIsReported) {
  Stage stage({.policies = {}, .audits = AllowIngress("db", "web", GetParam().ports())});
  EXPECT_THAT(stage.Leaves(kWeb, WebToDb()), Allowed());
  const Outcome outcome = stage.Leaves(kEvil, EvilToDb());
  EXPECT_THAT(outcome, WouldBeDenied(BH_REASON_POLICY)) << "db enforces, its policy does not";
  EXPECT_THAT(stage.RuleKey(outcome.destination_rule), testing::HasSubstr("isolated"));
  EXPECT_EQ(stage.RuleKey(outcome.source_rule), "default");
  ASSERT_EQ(stage.Flows().size(), 2u);
  EXPECT_THAT(stage.Arrives(kDb, EvilToDb(), outcome.tag, kEvil.ifindex()), Established());
}

TEST_P(VerdictTest, ADenialInAuditStopsNobodyElsesDenial) {
  for (const bool at_source : {true, false}) {
    const std::string audited = at_source ? IsolateEgress("web") : IsolateIngress("db");
    const std::string enforced = at_source ? IsolateIngress("db") : IsolateEgress("web");
    Stage stage({.policies = enforced, .audits = audited});
    const Outcome outcome = stage.Leaves(kWeb, WebToDb());
    EXPECT_THAT(outcome, Denied(BH_REASON_POLICY));
    EXPECT_THAT(stage.RuleKey(outcome.source_rule), testing::HasSubstr("egress isolated")) << "the rules of both sides are told";
    EXPECT_THAT(stage.RuleKey(outcome.destination_rule), testing::HasSubstr("ingress isolated"));
  }
}

TEST_P(VerdictTest, ReplicasShareTheirRights) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports())});
  EXPECT_THAT(stage.Travels(kWeb2, kDb, Between(kWeb2, kDb, GetParam().family) / Ask(GetParam())), Established());
}

TEST_P(VerdictTest, PassesAndReportsOutsideEnforce) {
  for (const Mode mode : {Mode::kLearn, Mode::kAudit}) {
    Stage stage({.policies = IsolateIngress("db"), .mode = mode});
    EXPECT_THAT(stage.Leaves(kEvil, EvilToDb()), WouldBeDenied(BH_REASON_POLICY));
    EXPECT_THAT(stage.Arrives(kDb, EvilToDb(), kEvil.slot(), kEvil.ifindex()), Established());
    ASSERT_EQ(stage.Flows().size(), 1u);
    EXPECT_EQ(stage.Flows().begin()->second.ruling.verdict, Verdict::kWouldDeny);
  }
}

TEST_P(VerdictTest, OnlyTheRefusingSidesModeCounts) {
  EXPECT_THAT(
      Stage({.policies = IsolateIngress("db"), .mode = Mode::kAudit, .modes = {{"db", Mode::kEnforce}}}).Leaves(kEvil, EvilToDb()),
      Denied(BH_REASON_POLICY));
  EXPECT_THAT(Stage({.policies = IsolateIngress("db"), .modes = {{"db", Mode::kAudit}}}).Leaves(kEvil, EvilToDb()),
              WouldBeDenied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, AnyDropWins) {
  const std::string both = IsolateIngress("db") + IsolateEgress("evil");
  EXPECT_THAT(Stage({.policies = both, .modes = {{"evil", Mode::kLearn}}}).Leaves(kEvil, EvilToDb()), Denied(BH_REASON_POLICY));
  EXPECT_THAT(Stage({.policies = both, .modes = {{"db", Mode::kLearn}}}).Leaves(kEvil, EvilToDb()), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, DefaultDenyRefusesWhatNoPolicyDecides) {
  Stage stage({.policies = AllowIngress("db", "web", GetParam().ports()) + AllowEgress("web", "db", GetParam().ports()),
               .options = {.default_allow = false}});
  EXPECT_THAT(stage.Travels(kWeb, kDb, WebToDb()), Established());
  const Outcome outcome = stage.Leaves(kApi, Between(kApi, kEvil, GetParam().family) / Ask(GetParam()));
  EXPECT_THAT(outcome, Denied(BH_REASON_POLICY));
  EXPECT_EQ(stage.RuleKey(outcome.source_rule), "default");
}

TEST_P(VerdictTest, AWorkloadReachesItself) {
  Stage stage({.policies = IsolateIngress("db") + IsolateEgress("db")});
  const Outcome outcome = stage.Leaves(kDb, Between(kDb, kDb, GetParam().family) / Ask(GetParam()));
  EXPECT_THAT(outcome, Allowed());
  EXPECT_EQ(stage.RuleKey(outcome.source_rule), "self");
  EXPECT_EQ(outcome.destination_rule, outcome.source_rule);
}

TEST_P(VerdictTest, ACidrHoldsForTheOutsideAndForWorkloads) {
  const int family = GetParam().family;
  const std::string cidr = family == 4 ? "198.19.1.0/24" : "fd00:9:1::/48";
  Stage stage({.policies = AllowIngress("db", cidr, GetParam().ports()) + AllowEgress("web", cidr, "")});
  const auto from = [&](const IpAddress& source) { return FromGateway(source, kDb) / Ask(GetParam()); };
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, from(Outside(family))), Allowed());
  EXPECT_THAT(stage.ArrivesFromOutside(kDb, from(Ip(family == 4 ? "198.19.2.7" : "fd00:9:2::7"))), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kWeb, ToGateway(kWeb, Outside(family)) / Ask(GetParam())), Allowed());
  EXPECT_THAT(stage.Leaves(kWeb, WebToDb()), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, TheHostMayUnlessItMayNot) {
  const int family = GetParam().family;
  const Frame frame = FromGateway(Gateway(1, family), kDb) / Ask(GetParam());
  {
    Stage friendly({.policies = IsolateIngress("db")});
    const Outcome outcome = friendly.ArrivesFromHost(kDb, frame);
    EXPECT_THAT(outcome, Allowed());
    EXPECT_EQ(outcome.source_identity, kIdentityHost);
    EXPECT_EQ(friendly.RuleKey(outcome.destination_rule), "from-host");
  }
  Stage strict({.policies = IsolateIngress("db"), .options = {.allow_from_host = false}});
  EXPECT_THAT(strict.ArrivesFromHost(kDb, frame), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, EgressToTheHostFollowsPolicy) {
  const Frame frame = ToGateway(kWeb, Gateway(1, GetParam().family)) / Ask(GetParam());
  EXPECT_THAT(Stage({}).Leaves(kWeb, frame), Allowed());
  EXPECT_THAT(Stage({.policies = IsolateEgress("web")}).Leaves(kWeb, frame), Denied(BH_REASON_POLICY));
}

TEST_P(VerdictTest, NobodyKnownIsJudgedAsUnknown) {
  const int family = GetParam().family;
  const Frame frame = Between(kStranger, kDb, family) / Ask(GetParam());
  Stage stage({.policies = AllowIngress("db", "web", "")});
  EXPECT_THAT(stage.Leaves(kStranger, frame), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(kStranger, Between(kStranger, kApi, family) / Ask(GetParam())), Allowed());
  EXPECT_THAT(stage.Arrives(kApi, Between(kStranger, kApi, family) / Ask(GetParam()), kStranger.slot(), kStranger.ifindex()),
              Passes());
}

TEST_P(VerdictTest, TowardsTheUnknown) {
  const int family = GetParam().family;
  const Frame frame = Between(kWeb, kStranger, family) / Ask(GetParam());
  EXPECT_THAT(Stage({.policies = AllowEgress("web", "db", "")}).Leaves(kWeb, frame), Denied(BH_REASON_POLICY));
  Stage free({});
  EXPECT_THAT(free.Leaves(kWeb, frame), Allowed());
  EXPECT_THAT(free.Arrives(kStranger, frame, kWeb.slot(), kWeb.ifindex()), Allowed());
  EXPECT_THAT(free.Travels(kWeb, kStranger, frame), Established()) << "the second packet of the flow";
}

}  // namespace
}  // namespace bulkhead::packet_test
