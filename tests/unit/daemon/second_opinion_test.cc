// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/second_opinion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/daemon/self_check.h"
#include "controlplane/policy/parse.h"
#include "dataplane/reference/verdict.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::HasSubstr;

constexpr IdentityId kOpinionWeb = 16, kOpinionDb = 17;
constexpr uint32_t kOpinionStamp = 0x15;

// web and db of shop; db isolates its ingress and admits web, on every port, and 203.0.113.0/24.
class SecondOpinionTest : public testing::Test {
 protected:
  SecondOpinionTest() {
    std::string yaml = PolicyYaml("shop", "db", "db", "web");
    yaml.insert(yaml.rfind("]}]"), "]}, {from: [{ipBlock: {cidr: 203.0.113.0/24}}");
    documents_ = std::make_shared<PolicyDocuments>(ParsePolicies(yaml, "p.yaml").documents);
    CompileInput input;
    input.documents = documents_;
    input.identities = {Known(kOpinionWeb, "web", "198.18.0.2"), Known(kOpinionDb, "db", "198.18.0.3")};
    input.host_addresses = host_;
    input.generation = 7;
    compiled_ = *Compile(input);
    for (RuleInfo& rule : compiled_.rules) {
      rule.id = 100 + static_cast<uint32_t>(&rule - compiled_.rules.data());
      view_.rules[rule.id] = rule;
    }
    view_.generation = 7;
    view_.documents = documents_;
    for (const KnownIdentity& known : input.identities) view_.identities[known.identity.id] = known.identity;
    Put(1, kOpinionWeb, "198.18.0.2");
    Put(2, kOpinionDb, "198.18.0.3");
  }
  static KnownIdentity Known(IdentityId id, const std::string& app, const std::string& address) {
    KnownIdentity known;
    known.identity = {id, "shop", app, {{"app", app}}, "", {}};
    known.addresses = {*IpAddress::Parse(address)};
    known.mode = Mode::kEnforce;
    return known;
  }
  void Put(uint16_t slot, IdentityId identity, const std::string& address) {
    EndpointState& endpoint = endpoints_[slot];
    endpoint.slot = slot;
    endpoint.bound = true;
    endpoint.workload = slot;
    endpoint.identity = identity;
    endpoint.addresses = {*IpAddress::Parse(address)};
  }
  // What a dataplane without a mistake says of web -> db.
  GivenVerdict Right(const std::string& source, IdentityId identity, uint16_t slot) {
    GivenVerdict given;
    given.source = {*IpAddress::Parse(source), identity, 0, slot};
    given.destination = {*IpAddress::Parse("198.18.0.3"), kOpinionDb, 0, 2};
    given.protocol = kProtoTcp;
    given.port = 5432;
    given.stamp = kOpinionStamp;
    const SubjectId from = identity == kIdentityWorld ? compiled_.WorldSubject(given.source.address)
                                                      : *compiled_.FindSubject(identity, given.source.address);
    const auto ruling = reference::Rule(compiled_, from, *compiled_.FindSubject(kOpinionDb, given.destination.address), kProtoTcp, 5432);
    given.verdict = ruling.verdict;
    given.source.rule = ruling.source_rule;
    given.destination.rule = ruling.destination_rule;
    return given;
  }
  GivenVerdict Right() { return Right("198.18.0.2", kOpinionWeb, 1); }
  Judged Ask(const GivenVerdict& given) { return AskReference({given}, {&compiled_, kOpinionStamp, &endpoints_, &host_}).at(0); }
  std::string Skipped(const GivenVerdict& given) {
    const Judged judged = Ask(given);
    return judged.opinion.kind == Opinion::Kind::kSkipped ? judged.opinion.text : "not skipped: " + judged.opinion.text;
  }

  std::shared_ptr<const PolicyDocuments> documents_;
  CompiledPolicy compiled_;
  std::map<uint16_t, EndpointState> endpoints_;
  std::vector<IpAddress> host_ = {*IpAddress::Parse("198.18.0.1")};
  View view_;
};

TEST_F(SecondOpinionTest, AgreesWithWhatIsRight) {
  for (const GivenVerdict& given : {Right(), Right("203.0.113.9", kIdentityWorld, 0), Right("203.0.114.9", kIdentityWorld, 0),
                                    Right("198.18.0.1", kIdentityHost, 0)}) {
    const Judged judged = Ask(given);
    EXPECT_EQ(judged.opinion.kind, Opinion::Kind::kAgrees) << judged.opinion.text;
    const Opinion documents = AskDocuments(judged, view_);
    EXPECT_EQ(documents.kind, Opinion::Kind::kAgrees) << documents.text;
  }
  EXPECT_EQ(Right("203.0.114.9", kIdentityWorld, 0).verdict, Verdict::kDeny);
  EXPECT_EQ(Right().verdict, Verdict::kAllow);
}

TEST_F(SecondOpinionTest, AVerdictThatPolicyDoesNotGiveIsFound) {
  GivenVerdict given = Right("203.0.114.9", kIdentityWorld, 0);
  given.verdict = Verdict::kAllow;
  EXPECT_THAT(Ask(given).opinion.text, HasSubstr("203.0.114.9 -> 198.18.0.3 5432/tcp: the dataplane said allow by default and shop/db "
                                                 "ingress isolated; the compiled policy says deny"));
  given = Right();
  given.destination.rule = given.source.rule;
  EXPECT_EQ(Ask(given).opinion.kind, Opinion::Kind::kDisagrees) << "right for the wrong reason";
}

TEST_F(SecondOpinionTest, AWrongIdentityIsFound) {
  GivenVerdict given = Right();
  given.source.identity = kOpinionDb;
  EXPECT_THAT(Ask(given).opinion.text, HasSubstr("taken for identity 17 -> identity 17; it is identity 16 -> identity 17"));
}

TEST_F(SecondOpinionTest, AMistakeOfTheCompilerIsFound) {
  // The policy was compiled wrongly, and the dataplane does what it was told.
  for (Ruleset& ruleset : compiled_.rulesets) {
    for (PortInterval& interval : ruleset.intervals) interval.verdict.allow = !interval.verdict.allow;
    ruleset.otherwise.allow = !ruleset.otherwise.allow;
  }
  const Judged judged = Ask(Right());
  ASSERT_EQ(judged.opinion.kind, Opinion::Kind::kAgrees) << judged.opinion.text;
  const Opinion documents = AskDocuments(judged, view_);
  ASSERT_EQ(documents.kind, Opinion::Kind::kDisagrees);
  EXPECT_THAT(documents.text, HasSubstr("the dataplane said deny; the documents say allow: egress allow by default, ingress allow by shop/db ingress[0]"));
}

TEST_F(SecondOpinionTest, WhatCannotBeComparedIsLeftOut) {
  GivenVerdict given = Right();
  given.stamp ^= 2;
  EXPECT_EQ(Skipped(given), "from before a change");
  given = Right();
  given.source.address = *IpAddress::Parse("198.18.0.9");
  EXPECT_EQ(Skipped(given), "an address that is not the workload's own");
  given = Right();
  given.source.slot = 2;
  EXPECT_EQ(Skipped(given), "an address that is not the workload's own");
  given = Right();
  given.source.identity = kIdentityUnknown;
  EXPECT_EQ(Skipped(given), "not known who it was");
  given = Right();
  given.source.identity = kIdentityWorld;
  EXPECT_EQ(Skipped(given), "not known who it was") << "the workload came later";
  given = Right("198.18.0.1", kIdentityHost, 0);
  given.source.identity = kIdentityWorld;
  EXPECT_EQ(Skipped(given), "the host for the world");
  endpoints_[1].addresses.push_back(*IpAddress::Parse("198.18.0.7"));
  EXPECT_EQ(Skipped(Right()), "several addresses");
  endpoints_[1].addresses.pop_back();
  Put(3, kOpinionDb, "198.18.0.2");
  EXPECT_EQ(Skipped(Right()), "an address that is not the workload's own") << "two have it";
}

TEST_F(SecondOpinionTest, DocumentsOfAnotherGenerationAndNewImagesAreLeftOut) {
  const Judged judged = Ask(Right());
  view_.newcomers[kOpinionWeb] = {};
  EXPECT_EQ(AskDocuments(judged, view_).text, "an image that is new");
  view_.newcomers.clear();
  view_.identities.erase(kOpinionWeb);
  EXPECT_EQ(AskDocuments(judged, view_).text, "a workload that is new");
  view_.generation = 8;
  EXPECT_EQ(AskDocuments(judged, view_).text, "from before a change");
}

TEST_F(SecondOpinionTest, AnEventOfPolicyIsAVerdict) {
  bh_event event{};
  event.reason = BH_REASON_SPOOFED_IP;
  event.family = BH_V4;
  EXPECT_FALSE(VerdictOf(event).has_value());
  event.reason = BH_REASON_POLICY;
  event.verdict = BH_WOULD_DENY;
  event.protocol = kProtoUdp;
  event.destination_port = 53;
  event.stamp = 9;
  const std::optional<GivenVerdict> verdict = VerdictOf(event);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->verdict, Verdict::kWouldDeny);
  EXPECT_EQ(verdict->port, 53);
  EXPECT_EQ(verdict->stamp, 9u);
}

TEST_F(SecondOpinionTest, TheSelfCheckCountsAndRemembers) {
  EventRing events(100);
  std::vector<FlowRecord> flows(3);
  const auto fill = [this](FlowRecord* flow, Verdict verdict) {
    const GivenVerdict given = Right();
    flow->source = given.source.address, flow->destination = given.destination.address;
    flow->source_identity = given.source.identity, flow->destination_identity = given.destination.identity;
    flow->source_rule = given.source.rule, flow->destination_rule = given.destination.rule;
    flow->source_slot = 1, flow->destination_slot = 2;
    flow->protocol = kProtoTcp, flow->service_port = 5432, flow->stamp = kOpinionStamp;
    flow->verdict = verdict;
  };
  fill(&flows[0], Verdict::kAllow);
  fill(&flows[1], Verdict::kWouldDeny);
  SelfCheckParts parts;
  parts.most = 10;
  parts.sample_flows = [&flows](size_t most) { return most >= 3 ? flows : std::vector<FlowRecord>(); };
  parts.events = &events;
  bool known = true;
  parts.in_force = [&]() -> std::optional<InForce> {
    if (!known) return std::nullopt;
    return InForce{&compiled_, kOpinionStamp, &endpoints_, &host_};
  };
  parts.view = [this] { return std::make_shared<const View>(view_); };
  parts.unix_now = [] { return 1234; };
  parts.run = parts.back = [](const std::function<void()>& job) { job(); };
  SelfCheck check(parts);
  check.Tick();
  EXPECT_EQ(check.view().checked, 2u);
  EXPECT_EQ(check.view().disagreements, 1u);
  EXPECT_EQ(check.view().skipped.at("from before a change"), 1u) << "the third says nothing";
  EXPECT_THAT(check.view().last, HasSubstr("the dataplane said would-deny"));
  EXPECT_EQ(check.view().last_at, 1234u);
  known = false;
  check.Tick();
  EXPECT_EQ(check.view().skipped.at("no policy to compare with"), 3u);
  known = true;
  check.Tick();
  EXPECT_EQ(check.view().disagreements, 2u) << "it goes on";
}

}  // namespace
}  // namespace bulkhead
