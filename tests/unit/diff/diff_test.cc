// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "shop/web -> shop/db 5432/tcp: allowed -> denied, enforced by shop/db isolated (test.yaml:1)"
std::string Text(const DiffRow& row) {
  const auto rule = [](const DiffRule& rule) {
    return rule.pos.line == 0 ? RuleText(rule) : absl::StrCat(RuleText(rule), " (", rule.pos.file, ":", rule.pos.line, ")");
  };
  return absl::StrCat(row.from, " -> ", row.to, " ", PortSetText(row.ports), ": ", OutcomeText(row.before), " by ",
                      rule(row.before_rule), " -> ", OutcomeText(row.after), " by ", rule(row.after_rule));
}

class DiffTest : public testing::Test {
 protected:
  // A service; further identities of it by further calls.
  void Add(const std::string& service, const std::string& labels = "", const std::vector<std::string>& addresses = {}) {
    const size_t at = AddIdentity(&world_, "shop", absl::StrCat("app=", service, labels.empty() ? "" : ",", labels), addresses);
    world_.identities[at].identity.service = service;
    world_.identities[at].mode = Mode::kEnforce;
    headcounts_.push_back({2, false});
  }
  std::vector<std::string> Rows(const std::string& before, const std::string& after) {
    CompileInput old_input = world_, new_input = after_world_.value_or(world_);
    old_input.documents = Documents(before);
    new_input.documents = Documents(after);
    const absl::StatusOr<PolicyPair> pair = CompilePair(old_input, new_input);
    EXPECT_TRUE(pair.ok()) << pair.status();
    const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, world_, headcounts_, options_);
    EXPECT_TRUE(diff.ok()) << diff.status();
    if (!diff.ok()) return {};
    diff_ = *diff;
    std::vector<std::string> out;
    for (const DiffRow& row : diff_.rows) out.push_back(Text(row));
    return out;
  }
  static std::string Db(const std::string& spec) {
    return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n"
           "spec:\n  podSelector: {matchLabels: {app: db}}\n" +
           spec;
  }

  CompileInput world_;
  std::optional<CompileInput> after_world_;
  std::vector<Headcount> headcounts_;
  DiffOptions options_{.with_host = false};
  PolicyDiff diff_;
};

TEST_F(DiffTest, NamesTheRulesOfBothWithTheirPlaces) {
  Add("db");
  Add("web");
  headcounts_[0].workloads = 1;
  EXPECT_THAT(
      Rows("", Db("  ingress:\n  - from: [{podSelector: {matchLabels: {app: web}}}]\n    ports: [{port: 5432}]\n")),
      ElementsAre("shop/web -> shop/db all but 5432/tcp: allowed by default -> denied, enforced by shop/db isolated (test.yaml:1)",
                  "world -> shop/db all: allowed by default -> denied, enforced by shop/db isolated (test.yaml:1)"));
  EXPECT_EQ(diff_.denied, 2u);
  EXPECT_EQ(diff_.allowed + diff_.others, 0u);
  EXPECT_EQ(diff_.rule_changes, 1u) << "web's 5432 is allowed by a rule now, not by default";
}

TEST_F(DiffTest, PortsNextToEachOtherAreOneRange) {
  Add("db");
  headcounts_[0].workloads = 1;
  const std::string old_ports =
      "  ingress: [{ports: [{port: 80}, {port: 81}, {port: 82, endPort: 90}, {protocol: UDP, port: 53}]}]\n";
  EXPECT_THAT(Rows(Db(old_ports), Db("  ingress: [{ports: [{port: 85}]}]\n")),
              ElementsAre("world -> shop/db 80-84/tcp, 86-90/tcp, 53/udp: allowed by shop/db ingress[0] (test.yaml:6) -> denied, "
                          "enforced by shop/db isolated (test.yaml:1)"));
  EXPECT_THAT(
      Rows(Db("  ingress: []\n"), Db("  ingress: [{ports: [{protocol: UDP}, {port: 1, endPort: 9}]}]\n")),
      ElementsAre("world -> shop/db 1-9/tcp, all udp: denied, enforced by shop/db isolated (test.yaml:1) -> allowed by shop/db "
                  "ingress[0] (test.yaml:6)"));
}

TEST_F(DiffTest, OneOfSeveralIdentitiesIsToldByWhatIsDifferent) {
  Add("db");
  Add("web", "version=v1");
  Add("web", "version=v2");
  const std::string some =
      "  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: db}}}]}]\n";
  const std::string fewer =
      "  ingress: [{from: [{podSelector: {matchLabels: {version: v1}}}, {podSelector: {matchLabels: {app: db}}}]}]\n";
  EXPECT_THAT(Rows(Db(some), Db(fewer)), ElementsAre(HasSubstr("shop/web version=v2 -> shop/db all: allowed")));
  Add("web", "version=v3");
  Add("web", "version=v4");
  EXPECT_THAT(Rows(Db(some), Db(fewer)), ElementsAre(HasSubstr("shop/web (3 of 4 identities) -> shop/db all: allowed")));
}

TEST_F(DiffTest, SomeAddressesOfAServiceAreToldByTheirCidr) {
  Add("db");
  Add("web", "", {"10.0.0.1", "10.1.0.1"});
  headcounts_[0].workloads = 1;
  const std::string wide = "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]\n";
  const std::string narrow = "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16}}]}]\n";
  EXPECT_THAT(Rows(Db(wide), Db(narrow)), ElementsAre(HasSubstr("shop/web in 10.0.0.0/8 -> shop/db all: allowed"),
                                                      HasSubstr("world 10.0.0.0/8 except 10.0.0.0/16 -> shop/db all: allowed")));
}

TEST_F(DiffTest, TheWorldIsToldByPrefixes) {
  Add("db");
  headcounts_[0].workloads = 1;
  const auto block = [](const std::string& cidr, const std::string& except) {
    return Db("  ingress: [{from: [{ipBlock: {cidr: " + cidr + ", except: [" + except + "]}}]}]\n");
  };
  const std::string none = Db("  ingress: []\n");
  EXPECT_THAT(Rows(none, block("203.0.113.0/24", "")), ElementsAre(HasSubstr("world 203.0.113.0/24 -> shop/db all: denied")));
  EXPECT_THAT(Rows(none, block("203.0.113.0/24", "203.0.113.7/32, 203.0.113.128/25")),
              ElementsAre(HasSubstr("world 203.0.113.0/24 except 203.0.113.7/32, 203.0.113.128/25 -> shop/db all: denied")));
  EXPECT_THAT(Rows(block("203.0.113.0/24", ""), ""), ElementsAre(HasSubstr("world (elsewhere) -> shop/db all: denied")));
  EXPECT_THAT(Rows(block("203.0.113.0/24", "203.0.113.7/32"), block("203.0.113.0/24", "")),
              ElementsAre(HasSubstr("world 203.0.113.7/32 -> shop/db all: denied")));
  EXPECT_THAT(Rows(block("203.0.113.0/24", "203.0.113.7/32"), ""),
              ElementsAre(HasSubstr("world except 203.0.113.0/24, 203.0.113.7/32 -> shop/db")))
      << "what is left of the prefix stays as it is";
  EXPECT_THAT(Rows(none, ""), ElementsAre(HasSubstr("world -> shop/db all: denied")));
}

TEST_F(DiffTest, HostAndUnknownOnRequest) {
  Add("db");
  headcounts_[0].workloads = 1;
  options_.with_host = true;
  world_.host_addresses = {*IpAddress::Parse("198.18.0.1")};
  EXPECT_THAT(Rows("", Db("  ingress: []\n")), ElementsAre(HasSubstr("unknown -> shop/db"), HasSubstr("world -> shop/db")));
  world_.options.allow_from_host = false;
  EXPECT_THAT(Rows("", Db("  ingress: []\n")),
              ElementsAre(HasSubstr("unknown -> shop/db"), HasSubstr("host -> shop/db"), HasSubstr("world")));
}

TEST_F(DiffTest, OneWorkloadNeverTalksToItself) {
  Add("db");
  EXPECT_THAT(Rows("", Db("  ingress: []\n")), ElementsAre(HasSubstr("shop/db -> shop/db"), HasSubstr("world -> shop/db")));
  headcounts_[0].workloads = 1;
  EXPECT_THAT(Rows("", Db("  ingress: []\n")), ElementsAre(HasSubstr("world -> shop/db")));
  EXPECT_EQ(diff_.denied, 1u);
  Add("db", "version=v2");
  headcounts_[1].workloads = 1;
  EXPECT_THAT(Rows("", Db("  ingress: []\n")), ElementsAre(HasSubstr("shop/db -> shop/db all"), HasSubstr("world -> shop/db")));
  const std::string v1 = "  ingress: [{from: [{podSelector: {matchExpressions: [{key: version, operator: DoesNotExist}]}}]}]\n";
  EXPECT_THAT(Rows(Db(v1), Db("  ingress: []\n")), ElementsAre(HasSubstr("shop/db no version -> shop/db version=v2 all: allowed")));
}

TEST_F(DiffTest, ModesDecideWhatADenialDoes) {
  Add("db");
  headcounts_[0].workloads = 1;
  const std::string closed = Db("  ingress: []\n");
  world_.identities[0].mode = Mode::kAudit;
  EXPECT_THAT(Rows("", closed), ElementsAre(HasSubstr("all: allowed by default -> would be denied, audit by shop/db isolated")));
  EXPECT_EQ(diff_.denied, 1u);
  after_world_ = world_;
  after_world_->identities[0].mode = Mode::kEnforce;
  EXPECT_THAT(Rows(closed, closed),
              ElementsAre(HasSubstr("would be denied, audit by shop/db isolated (test.yaml:1) -> denied, enforced")));
  EXPECT_EQ(diff_.others, 1u);
  world_.identities[0].mode = Mode::kLearn;
  after_world_.reset();
  EXPECT_THAT(Rows("", closed), ElementsAre(HasSubstr("-> would be denied, learn")));
}

TEST_F(DiffTest, APolicyInAuditOnlyReports) {
  Add("db");
  headcounts_[0].workloads = 1;
  CompileInput after = world_;
  PolicyDocuments documents = *Documents(Db("  ingress: []\n"));
  documents.policies[0].audit = true;
  world_.documents = Documents("");
  after.documents = std::make_shared<PolicyDocuments>(documents);
  const absl::StatusOr<PolicyPair> pair = CompilePair(world_, after);
  ASSERT_TRUE(pair.ok());
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, world_, headcounts_, options_);
  ASSERT_TRUE(diff.ok());
  ASSERT_EQ(diff->rows.size(), 1u);
  EXPECT_THAT(Text(diff->rows[0]), HasSubstr("allowed by default -> would be denied, policy in audit by shop/db isolated"));
  EXPECT_EQ(diff->others, 1u) << "nothing is denied";
}

TEST_F(DiffTest, AnotherRuleIsNoOtherVerdict) {
  Add("db");
  headcounts_[0].workloads = 1;
  const std::string one = Db("  ingress: [{ports: [{port: 80}]}]\n");
  const std::string two = Db("  ingress: [{ports: [{port: 443}]}, {ports: [{port: 80}]}]\n");
  options_.rule_rows = true;
  EXPECT_THAT(Rows(one, two), ElementsAre(HasSubstr("443/tcp: denied")));
  ASSERT_EQ(diff_.rule_rows.size(), 1u);
  EXPECT_EQ(Text(diff_.rule_rows[0]),
            "world -> shop/db 80/tcp: allowed by shop/db ingress[0] (test.yaml:6) -> allowed by shop/db "
            "ingress[1] (test.yaml:6)");
  EXPECT_EQ(diff_.rule_changes, 1u);
}

// The side that decides is told: the worse of two that deny, the one with policy of two that allow.
TEST_F(DiffTest, TellsTheSideThatDecides) {
  Add("web");
  Add("db");
  headcounts_[0].workloads = headcounts_[1].workloads = 1;
  world_.identities[1].mode = Mode::kAudit;
  const std::string web =
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\n"
      "spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}\n---\n";
  const std::vector<std::string> rows = Rows("", web + Db("  ingress: []\n"));
  EXPECT_THAT(rows,
              testing::Contains(HasSubstr("shop/web -> shop/db all: allowed by default -> denied, enforced by shop/web isolated")));
  ASSERT_FALSE(diff_.rows.empty());
  for (const DiffRow& row : diff_.rows) {
    EXPECT_EQ(row.after_rule.side, row.from == "shop/web" ? Direction::kEgress : Direction::kIngress) << Text(row);
  }
}

TEST_F(DiffTest, ShowsNoMoreRowsThanAskedAndCountsAll) {
  Add("db");
  for (int i = 0; i < 50; ++i) Add(absl::StrCat("web", i));
  options_.max_rows = 10;
  EXPECT_EQ(Rows("", Db("  ingress: []\n")).size(), 10u);
  EXPECT_EQ(diff_.denied, 52u) << "itself, fifty and the world";
}

TEST_F(DiffTest, RefusesWhatTakesTooLong) {
  for (int i = 0; i < 20; ++i) Add(absl::StrCat("web", i));
  world_.documents = Documents(Db("  ingress: []\n"));
  const absl::StatusOr<PolicyPair> pair = CompilePair(world_, world_);
  ASSERT_TRUE(pair.ok());
  options_.max_steps = 1;
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, world_, headcounts_, options_);
  EXPECT_TRUE(absl::IsResourceExhausted(diff.status()));
  EXPECT_THAT(std::string(diff.status().message()), HasSubstr("21 services"));
}

TEST_F(DiffTest, WhatDoesNotCompileIsNotCompared) {
  CompileInput broken = world_;
  PolicyDocuments documents = *Documents(Db("  egress: [{to: [{podSelector: {}}]}]\n"));
  documents.policies[0].egress[0].peers[0].domain_names = {"example.org"};
  broken.documents = std::make_shared<PolicyDocuments>(documents);
  EXPECT_TRUE(absl::IsInvalidArgument(CompilePair(world_, broken).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CompilePair(broken, world_).status()));
}

TEST(PortSetTest, TextIsShort) {
  EXPECT_EQ(PortSetText({true, {}}), "all");
  EXPECT_EQ(PortSetText({true, {{kProtoTcp, 80, 80}}}), "all but 80/tcp");
  EXPECT_EQ(PortSetText({false, {{kProtoTcp, 0, 79}, {kProtoUdp, 0, 65535}}}), "1-79/tcp, all udp");
  EXPECT_EQ(PortSetText({false, {{6, 1, 1}, {6, 3, 3}, {6, 5, 5}}}, 2), "1/tcp, 3/tcp and 1 more");
}

}  // namespace
}  // namespace bulkhead
