// SPDX-License-Identifier: Apache-2.0
// What the compiler gives for policies whose answer is plain, and the shape of its tables.
#include "controlplane/policy/compile.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

using Kind = Party::Kind;

constexpr char kHead[] = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";

std::string PolicyYaml(const std::string& name, const std::string& spec) {
  return std::string("---\n") + kHead + "metadata: {namespace: shop, name: " + name + "}\nspec: " + spec + "\n";
}

class CompileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    web_ = {Kind::kWorkload, AddIdentity(&input_, "shop", "app=web", {"198.18.1.1", "fd00::1"}), {}};
    db_ = {Kind::kWorkload, AddIdentity(&input_, "shop", "app=db", {"198.18.1.2"}), {}};
    other_ = {Kind::kWorkload, AddIdentity(&input_, "other", "app=web"), {}};
    input_.host_addresses = {IpAddress::V4(198, 18, 0, 1)};
  }

  void Use(const std::string& yaml) {
    input_.documents = Documents(yaml);
    auto policy = Compile(input_);
    ASSERT_TRUE(policy.ok()) << policy.status();
    policy_ = *std::move(policy);
  }
  std::string Ask(const TestParty& source, const TestParty& destination, uint8_t protocol, uint16_t port) {
    return Text(AskCompiled(policy_, input_, source, destination, protocol, port));
  }
  static TestParty World(const char* address) { return {Kind::kWorld, 0, IpAddress::Parse(address)}; }

  CompileInput input_;
  CompiledPolicy policy_;
  TestParty web_, db_, other_;
  const TestParty host_{Kind::kHost, 0, {}};
  const TestParty unknown_{Kind::kUnknown, 0, {}};
};

TEST_F(CompileTest, WithoutPolicyEverythingIsAllowed) {
  Use("");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 5432), "allow default / allow default");
  EXPECT_EQ(policy_.classes, 3u);  // workloads and unknown, host, world
  EXPECT_EQ(policy_.rows, 1u);
  EXPECT_EQ(policy_.rulesets.size(), 1u);
}

TEST_F(CompileTest, DefaultDenyDeniesWorkloadsOnly) {
  input_.options.default_allow = false;
  Use("");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 1), "deny default / deny default");
  EXPECT_EQ(Ask(World("1.1.1.1"), db_, kProtoTcp, 1), "allow default / deny default");
  EXPECT_EQ(Ask(db_, host_, kProtoTcp, 1), "deny default / allow default");
  EXPECT_EQ(Ask(unknown_, World("1.1.1.1"), kProtoTcp, 1), "deny default / allow default");
  EXPECT_EQ(Ask(host_, db_, kProtoTcp, 1), "allow default / allow from-host");
}

TEST_F(CompileTest, IsolationNamesThePolicyAndRulesTheirIndex) {
  Use(PolicyYaml("db",
             "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}, "
             "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}"));
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 5432), "allow default / allow shop/db ingress[1]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 5433), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(web_, db_, kProtoUdp, 5432), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(web_, db_, kProtoIcmp, 0), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(other_, db_, kProtoTcp, 5432), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(unknown_, db_, kProtoTcp, 5432), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(db_, web_, kProtoTcp, 5432), "allow default / allow default");
  const auto rule =
      std::find_if(policy_.rules.begin(), policy_.rules.end(), [](const RuleInfo& r) { return r.key == "shop/db ingress[1]"; });
  ASSERT_NE(rule, policy_.rules.end());
  EXPECT_EQ(rule->pos.ToString(), "test.yaml:5:109");
  EXPECT_EQ(rule->tier, Tier::kNetworkPolicy);
}

TEST_F(CompileTest, PeerlessRulesAdmitEverybody) {
  Use(PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}"));
  for (const TestParty& peer : {web_, other_, unknown_, World("1.1.1.1")}) {
    EXPECT_EQ(Ask(peer, db_, kProtoTcp, 80), "allow default / allow shop/db ingress[0]");
    EXPECT_EQ(Ask(peer, db_, kProtoTcp, 81), "allow default / deny shop/db isolated");
  }
}

TEST_F(CompileTest, RuleWithoutPortsAllowsEveryProtocol) {
  Use(PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}"));
  for (const uint8_t protocol : {kProtoTcp, kProtoUdp, kProtoSctp, kProtoIcmp, kProtoIcmp6, uint8_t{47}}) {
    EXPECT_EQ(Ask(web_, db_, protocol, 0), "allow default / allow shop/db ingress[0]");
    EXPECT_EQ(Ask(other_, db_, protocol, 0), "allow default / deny shop/db isolated");
  }
}

TEST_F(CompileTest, FirstPolicyByNameThatAllowsIsNamed) {
  Use(PolicyYaml("b", "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}") +
      PolicyYaml("a", "{podSelector: {}, ingress: [{ports: [{port: 85}]}]}"));
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 84), "allow default / allow shop/b ingress[0]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 85), "allow default / allow shop/a ingress[0]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 86), "allow default / allow shop/b ingress[0]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 91), "allow default / deny shop/a isolated");
}

TEST_F(CompileTest, BlocksMatchByLongestPrefixAndNotTheirExceptions) {
  Use(PolicyYaml(
      "db",
      "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 198.18.0.0/15, except: [198.18.1.0/24]}}]}, "
      "{from: [{ipBlock: {cidr: 198.18.1.0/30}}], ports: [{port: 1}]}]}"));
  EXPECT_EQ(Ask(World("198.19.0.1"), db_, kProtoTcp, 1), "allow default / allow shop/db ingress[0]");
  EXPECT_EQ(Ask(World("198.18.1.9"), db_, kProtoTcp, 1), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(World("198.18.1.3"), db_, kProtoTcp, 1), "allow default / allow shop/db ingress[1]");
  EXPECT_EQ(Ask(World("198.17.255.255"), db_, kProtoTcp, 1), "allow default / deny shop/db isolated");
  EXPECT_EQ(Ask(World("::1"), db_, kProtoTcp, 1), "allow default / deny shop/db isolated");
  const TestParty web_there{Kind::kWorkload, web_.identity, IpAddress::V4(198, 18, 1, 1)};
  EXPECT_EQ(Ask(web_there, db_, kProtoTcp, 1), "allow default / allow shop/db ingress[1]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 1), "allow default / deny shop/db isolated");  // no address: in no CIDR
  const TestParty host_there{Kind::kHost, 0, input_.host_addresses[0]};
  EXPECT_EQ(Ask(host_there, db_, kProtoTcp, 1), "allow default / allow shop/db ingress[0]");
}

TEST_F(CompileTest, FromHostPassesIsolationUnlessSwitchedOff) {
  const std::string isolated = PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}}");
  Use(isolated);
  EXPECT_EQ(Ask(host_, db_, kProtoTcp, 1), "allow default / allow from-host");
  EXPECT_EQ(Ask(host_, web_, kProtoTcp, 1), "allow default / allow default");
  EXPECT_EQ(Ask(World("198.18.0.1"), db_, kProtoTcp, 1), "allow default / deny shop/db isolated");
  input_.options.allow_from_host = false;
  Use(isolated);
  EXPECT_EQ(Ask(host_, db_, kProtoTcp, 1), "allow default / deny shop/db isolated");
}

TEST_F(CompileTest, EgressToTheHostFollowsPolicy) {
  Use(PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"));
  EXPECT_EQ(Ask(db_, host_, kProtoTcp, 1), "deny shop/db isolated / allow default");
}

TEST_F(CompileTest, NamedPortsAreTheDestinations) {
  input_.identities[db_.identity].named_ports = {{"sql", kProtoTcp, 5432}};
  input_.identities[other_.identity].named_ports = {{"sql", kProtoUdp, 5432}, {"sql", kProtoTcp, 3306}};
  Use(PolicyYaml("web", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}") +
      PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: sql}]}]}"));
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 5432), "allow shop/web egress[0] / allow shop/db ingress[0]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 3306), "deny shop/web isolated / deny shop/db isolated");
  EXPECT_EQ(Ask(web_, other_, kProtoTcp, 3306), "allow shop/web egress[0] / allow default");
  EXPECT_EQ(Ask(web_, other_, kProtoUdp, 5432), "deny shop/web isolated / allow default");  // the rule is for TCP
  EXPECT_EQ(Ask(web_, World("1.1.1.1"), kProtoTcp, 5432), "deny shop/web isolated / allow default");
}

TEST_F(CompileTest, NamespaceSelectorsSeeDeclaredAndImplicitLabels) {
  input_.namespaces["other"] = {{"team", "x"}};
  Use(PolicyYaml("a",
             "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}], ports: [{port: 1}]}, "
             "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: "
             "web}}}]}]}"));
  EXPECT_EQ(Ask(other_, db_, kProtoTcp, 1), "allow default / allow shop/a ingress[0]");
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 2), "allow default / allow shop/a ingress[1]");
  EXPECT_EQ(Ask(other_, db_, kProtoTcp, 2), "allow default / deny shop/a isolated");
}

TEST_F(CompileTest, ModesStandInSubjects) {
  input_.global_mode = Mode::kAudit;
  input_.identities[db_.identity].mode = Mode::kEnforce;
  Use("");
  EXPECT_EQ(policy_.subjects[kSubjectUnknown].mode, Mode::kAudit);
  EXPECT_EQ(policy_.subjects[SubjectOf(policy_, input_, db_)].mode, Mode::kEnforce);
}

TEST_F(CompileTest, ReplicasAndLikenessesShareAClass) {
  for (int i = 0; i < 100; ++i) AddIdentity(&input_, "shop", "app=web,build=" + std::to_string(i));
  Use(PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"));
  EXPECT_EQ(policy_.classes, 5u);  // unknown and other, host, world, web, db
}

TEST_F(CompileTest, OnlyLocalClassesHaveRows) {
  input_.identities[web_.identity].local = false;
  Use(PolicyYaml("db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"));
  EXPECT_EQ(policy_.subjects[SubjectOf(policy_, input_, web_)].row, kNoRow);
  EXPECT_NE(policy_.subjects[SubjectOf(policy_, input_, db_)].row, kNoRow);
  EXPECT_NE(policy_.subjects[kSubjectUnknown].row, kNoRow);
  EXPECT_EQ(policy_.subjects[kSubjectWorld].row, kNoRow);
  EXPECT_EQ(policy_.rows, 2u);
  EXPECT_EQ(Ask(web_, db_, kProtoTcp, 1), "allow default / allow shop/db ingress[0]");
}

}  // namespace
}  // namespace bulkhead
