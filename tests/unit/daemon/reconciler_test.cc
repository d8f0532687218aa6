// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/policy/parse.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReconcilerTest : public testing::Test {
 protected:
  ReconcilerTest() : store_(*Store::Open(":memory:")) { Make(); }
  void Make(std::vector<EndpointState> adopted = {}, uint64_t generation = 0) {
    reconciler_ = std::make_unique<Reconciler>(&backend_, store_.get(), &interner_, &rules_, PolicyOptions(), adopted,
                                               !adopted.empty(), generation);
  }
  void Sync() {
    backend_.log.clear();
    reconciler_->Sync(input_, state_, [this](uint32_t ifindex) {
      released_.push_back(ifindex);
      return may_release_;
    });
  }
  EndpointState& Endpoint(uint16_t slot, const std::string& service, const std::string& address) {
    EndpointState& endpoint = state_.endpoints[slot];
    endpoint.slot = slot;
    endpoint.ifindex = slot + 100u;
    endpoint.zone = 1;
    endpoint.bound = !service.empty();
    if (!endpoint.bound) return endpoint;
    endpoint.workload = slot;
    endpoint.identity = interner_.Intern("shop", service, {{"app", service}}, "");
    endpoint.addresses = {*IpAddress::Parse(address)};
    state_.identities[endpoint.identity].insert(endpoint.addresses[0]);
    return endpoint;
  }
  void SetDocuments(const std::string& text) {
    input_.documents = std::make_shared<PolicyDocuments>(ParsePolicies(text, "p.yaml").documents);
  }

  // A policy about db, which enforces, and which the dataplane has no room for.
  void RefuseDocuments() {
    SetDocuments(PolicyYaml("shop", "db", "db", "web"));
    input_.modes.services[{"shop", "db"}] = Mode::kEnforce;
    backend_.most_rules = kRuleFromHost + 1;
  }
  // Of what the dataplane has.
  bool Passes(IdentityId from, IdentityId to) const {
    const CompiledPolicy& policy = *backend_.policies.back();
    return Judge(policy, *policy.FindSubject(from), *policy.FindSubject(to), kProtoTcp, 80).allow();
  }
  Mode ModeOf(IdentityId identity) const {
    const CompiledPolicy& policy = *backend_.policies.back();
    return policy.subjects[*policy.FindSubject(identity)].mode;
  }

  FakeBackend backend_;
  std::unique_ptr<Store> store_;
  IdentityInterner interner_;
  RuleBook rules_;
  std::unique_ptr<Reconciler> reconciler_;
  PolicyInput input_;
  InventoryState state_;
  std::vector<uint32_t> released_;
  bool may_release_ = true;
};

TEST_F(ReconcilerTest, AllAreKnownBeforeTheFirstPolicyJudgesAnybody) {
  Endpoint(1, "web", "198.18.0.2");
  Endpoint(2, "db", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 1", "unbound 2", "bound 1", "bound 2", "policy"));
  EXPECT_EQ(reconciler_->generation(), 1u);
}

TEST_F(ReconcilerTest, NewKindIsCompiledBeforeItIsBoundAndIsUnboundUntilThen) {
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  Endpoint(2, "db", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "grow", "bound 2"));
}

TEST_F(ReconcilerTest, ReplicaNeedsNoCompile) {
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  Endpoint(2, "web", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("bound 2"));
  EXPECT_EQ(reconciler_->generation(), 1u);
  Sync();
  EXPECT_THAT(backend_.log, IsEmpty());
}

// What a port is called decides whom a rule with a name lets in, so it is part of a kind.
TEST_F(ReconcilerTest, PortNamesOfAWorkloadReachThePolicy) {
  std::string yaml = PolicyYaml("shop", "db", "db", "web");
  yaml.replace(yaml.rfind("}]}]"), 4, "}], ports: [{port: sql}]}]");
  SetDocuments(yaml);
  ASSERT_EQ(input_.documents->policies.size(), 1u);
  const IdentityId web = Endpoint(1, "web", "198.18.0.2").identity;
  EndpointState& db = Endpoint(2, "db", "198.18.0.3");
  const auto opens = [&](uint16_t port) {
    const CompiledPolicy& policy = *reconciler_->policy();
    const SubjectId from = *policy.FindSubject(web, *IpAddress::Parse("198.18.0.2"));
    return Judge(policy, from, *policy.FindSubject(db.identity, db.addresses[0]), kProtoTcp, port).allow();
  };
  Sync();
  EXPECT_FALSE(opens(5432));
  db.identity = interner_.Intern("shop", "db", {{"app", "db"}}, "", {{"sql", kProtoTcp, 5432}});
  state_.identities[db.identity] = {db.addresses[0]};
  Sync();
  EXPECT_EQ(reconciler_->generation(), 1u);  // it has grown
  EXPECT_TRUE(opens(5432));
  EXPECT_FALSE(opens(5433));
}

// An address in another set of the policy's CIDRs is another subject, which is added to the policy that is there.
TEST_F(ReconcilerTest, AddressInAnotherCidrIsANewKind) {
  std::string yaml = PolicyYaml("shop", "db", "db", "web") + "  egress: [{to: [{ipBlock: {cidr: 198.18.1.0/24}}]}]\n";
  yaml.replace(yaml.find("[Ingress]"), 9, "[Ingress, Egress]");
  SetDocuments(yaml);
  ASSERT_EQ(input_.documents->policies.size(), 1u);
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  const std::shared_ptr<const CompiledPolicy> policy = reconciler_->policy();
  const size_t subjects = policy->subjects.size();
  EXPECT_FALSE(policy->FindSubject(state_.endpoints[1].identity, *IpAddress::Parse("198.18.1.2")));
  const EndpointState& moved = Endpoint(2, "web", "198.18.1.2");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "grow", "bound 2"));
  EXPECT_EQ(reconciler_->generation(), 1u);
  ASSERT_EQ(backend_.growths.size(), 1u);
  EXPECT_EQ(backend_.growths[0].first_subject, subjects);
  EXPECT_TRUE(policy->FindSubject(moved.identity, moved.addresses[0]));
}

// However many come together.
TEST_F(ReconcilerTest, NewKindsAreOneGrowth) {
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  const uint32_t classes = reconciler_->policy()->classes;
  const size_t subjects = reconciler_->policy()->subjects.size();
  Endpoint(2, "db", "198.18.0.3");
  Endpoint(3, "cache", "198.18.0.4");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "unbound 3", "grow", "bound 2", "bound 3"));
  ASSERT_EQ(backend_.growths.size(), 1u);
  EXPECT_EQ(backend_.growths[0].first_subject, subjects);
  EXPECT_EQ(backend_.growths[0].first_class, classes);
  const CompiledPolicy& policy = *reconciler_->policy();
  const auto db = policy.FindSubject(state_.endpoints[2].identity), cache = policy.FindSubject(state_.endpoints[3].identity);
  ASSERT_TRUE(db && cache);
  EXPECT_FALSE(Judge(policy, *cache, *db, kProtoTcp, 80).allow()) << "what grew is judged";
  EXPECT_EQ(backend_.policies.size(), 1u);
}

TEST_F(ReconcilerTest, WhatCannotGrowIsCompiledAnew) {
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  backend_.grow_status = absl::ResourceExhaustedError("no column is left");
  Endpoint(2, "db", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "grow", "policy", "bound 2"));
  EXPECT_EQ(reconciler_->generation(), 2u);
  EXPECT_THAT(reconciler_->problems(), IsEmpty());
  backend_.grow_status = absl::OkStatus();
  Endpoint(3, "cache", "198.18.0.4");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 3", "grow", "bound 3"));
}

// A new address of the host that a CIDR tells apart is no identity's: compiled anew.
TEST_F(ReconcilerTest, HostAddressInAnotherCidrMakesAGeneration) {
  std::string yaml = PolicyYaml("shop", "db", "db", "web") + "  egress: [{to: [{ipBlock: {cidr: 198.18.1.0/24}}]}]\n";
  yaml.replace(yaml.find("[Ingress]"), 9, "[Ingress, Egress]");
  SetDocuments(yaml);
  input_.host_addresses = {*IpAddress::Parse("198.18.0.1")};
  Sync();
  input_.host_addresses.push_back(*IpAddress::Parse("198.18.1.1"));
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("policy"));
  EXPECT_EQ(reconciler_->generation(), 2u);
}

TEST_F(ReconcilerTest, ModesAndDocumentsMakeGenerations) {
  Sync();
  input_.modes.global = Mode::kEnforce;
  Sync();
  EXPECT_EQ(backend_.policies.back()->global_mode, Mode::kEnforce);
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  Sync();
  EXPECT_EQ(reconciler_->generation(), 3u);
  for (const RuleInfo& rule : backend_.policies.back()->rules) EXPECT_NE(rule.id, 0u) << rule.key;
  EXPECT_EQ(*store_->Get("generation"), "3");
  EXPECT_EQ(store_->LoadRules()->size(), rules_.all().size());
}

TEST_F(ReconcilerTest, RefusedPolicyLeavesTheOldOneAndIsNotTriedAgainInVain) {
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  backend_.policy_status = absl::ResourceExhaustedError("70000 classes");
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  Sync();
  EXPECT_EQ(reconciler_->generation(), 1u);
  EXPECT_THAT(reconciler_->problems(), ElementsAre("policy: 70000 classes; generation 1 stays"));
  Sync();
  EXPECT_THAT(backend_.log, IsEmpty());
  EXPECT_THAT(reconciler_->problems(), ElementsAre(HasSubstr("70000 classes")));
  Endpoint(2, "db", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "policy", "policy", "bound 2")) << "somebody new is a reason to try again";
}

// New maps let everything pass, so whoever is to be enforced is closed until the policy fits.
TEST_F(ReconcilerTest, FirstPolicyThatIsRefusedLeavesServicesInEnforceClosed) {
  const IdentityId web = Endpoint(1, "web", "198.18.0.2").identity, db = Endpoint(2, "db", "198.18.0.3").identity;
  Make({}, 57);  // the store remembers what was before the host started anew
  RefuseDocuments();
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 1", "unbound 2", "bound 1", "bound 2", "policy", "policy"));
  EXPECT_THAT(reconciler_->problems(),
              ElementsAre("policy: too many rules; nothing of it is in force; services in enforce are closed"));
  EXPECT_EQ(reconciler_->generation(), 58u);
  EXPECT_FALSE(Passes(web, db));
  EXPECT_EQ(ModeOf(db), Mode::kEnforce);
  EXPECT_EQ(ModeOf(web), Mode::kLearn) << "others are not cut";
  EXPECT_FALSE(reconciler_->policy_options().default_allow);
  EXPECT_THAT(reconciler_->documents()->policies, IsEmpty());
  Sync();
  EXPECT_THAT(backend_.log, IsEmpty()) << "nothing has changed";
  backend_.most_rules = SIZE_MAX;
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  input_.documents = std::make_shared<PolicyDocuments>(*input_.documents);
  input_.modes.global = Mode::kAudit;
  Sync();
  EXPECT_TRUE(Passes(web, db));
  EXPECT_TRUE(reconciler_->policy_options().default_allow);
  EXPECT_THAT(reconciler_->problems(), IsEmpty());
}

TEST_F(ReconcilerTest, WhatIsClosedKeepsUpWithModesAndNewcomers) {
  const IdentityId web = Endpoint(1, "web", "198.18.0.2").identity;
  RefuseDocuments();
  Sync();
  input_.modes.services[{"shop", "web"}] = Mode::kEnforce;
  Sync();
  EXPECT_EQ(ModeOf(web), Mode::kEnforce);
  const IdentityId db = Endpoint(2, "db", "198.18.0.3").identity;
  Sync();
  EXPECT_FALSE(Passes(web, db));
  EXPECT_EQ(ModeOf(db), Mode::kEnforce);
  EXPECT_THAT(reconciler_->problems(), ElementsAre(HasSubstr("services in enforce are closed")));
}

// The first policy of a start is made before any engine has told who is here: having that one in force protects nobody.
TEST_F(ReconcilerTest, PolicyThatKnowsNobodyDoesNotStay) {
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  input_.modes.services[{"shop", "db"}] = Mode::kEnforce;
  Sync();
  EXPECT_EQ(reconciler_->generation(), 1u);
  const IdentityId web = Endpoint(1, "web", "198.18.0.2").identity, db = Endpoint(2, "db", "198.18.0.3").identity;
  backend_.grow_status = absl::ResourceExhaustedError("no column is left");
  RefuseDocuments();
  Sync();
  EXPECT_EQ(reconciler_->generation(), 2u);
  EXPECT_FALSE(Passes(web, db));
  EXPECT_EQ(ModeOf(db), Mode::kEnforce);
}

TEST_F(ReconcilerTest, WhatAnEarlierProcessLeftStays) {
  const EndpointState kept = Endpoint(1, "web", "198.18.0.2");
  Make({kept}, 41);
  RefuseDocuments();
  Sync();
  EXPECT_THAT(backend_.policies, IsEmpty());
  EXPECT_THAT(reconciler_->problems(), ElementsAre("policy: too many rules; generation 41 stays"));
}

TEST_F(ReconcilerTest, WhatCannotEvenBeClosedIsToldAndTriedAgain) {
  Endpoint(1, "web", "198.18.0.2");
  backend_.policy_status = absl::InternalError("no memory");
  Sync();
  EXPECT_THAT(reconciler_->problems(), ElementsAre(HasSubstr("nothing is in force; every service is open")));
  backend_.policy_status = absl::OkStatus();
  Sync();
  EXPECT_THAT(reconciler_->problems(), IsEmpty());
}

// A policy that is refused must not cost those who come meanwhile their place in the one that stays.
TEST_F(ReconcilerTest, NewcomersJoinThePolicyThatStays) {
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  const auto stays = input_.documents;
  std::string refused = PolicyYaml("shop", "cache", "cache", "web") + "  egress: [{to: [{podSelector: {}}]}]\n";
  SetDocuments(refused);
  auto documents = std::make_shared<PolicyDocuments>(*input_.documents);
  documents->policies[0].egress[0].peers[0].domain_names = {"example.org"};  // which no compiler takes yet
  input_.documents = documents;
  Sync();
  EXPECT_THAT(backend_.log, IsEmpty());
  EXPECT_EQ(reconciler_->generation(), 1u);
  Endpoint(2, "db", "198.18.0.3");
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 2", "policy", "bound 2"));
  EXPECT_EQ(reconciler_->documents(), stays);
  EXPECT_TRUE(reconciler_->policy()->FindSubject(state_.endpoints[2].identity));
  EXPECT_THAT(reconciler_->problems(), ElementsAre(HasSubstr("not supported yet")));
}

TEST_F(ReconcilerTest, FailedWritesAreRepeated) {
  Sync();
  Endpoint(1, "", "");
  backend_.put_status = absl::InternalError("no");
  Sync();
  EXPECT_THAT(reconciler_->problems(), ElementsAre(HasSubstr("interface 101: no")));
  backend_.put_status = absl::OkStatus();
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("unbound 1"));
  EXPECT_THAT(reconciler_->problems(), IsEmpty());
  backend_.policy_status = absl::InternalError("later");
  input_.modes.global = Mode::kAudit;
  Sync();
  backend_.policy_status = absl::OkStatus();
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("policy"));
}

TEST_F(ReconcilerTest, EndpointGoesOnlyAfterItsPrograms) {
  Endpoint(1, "web", "198.18.0.2");
  Sync();
  state_.endpoints.clear();
  may_release_ = false;
  Sync();
  EXPECT_THAT(released_, ElementsAre(101));
  EXPECT_TRUE(backend_.endpoints.contains(1));
  may_release_ = true;
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("remove 1"));
}

TEST_F(ReconcilerTest, WhoWasForgottenHasItsNewNumberBeforeThePolicyThatKnowsIt) {
  EndpointState adopted = Endpoint(1, "web", "198.18.0.2");
  const EndpointState known = Endpoint(2, "db", "198.18.0.3");
  adopted.identity = 9999;
  Make({adopted, known});
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("bound 1", "policy"));
  EXPECT_EQ(backend_.endpoints.at(1), state_.endpoints.at(1));
}

TEST_F(ReconcilerTest, AdoptedEndpointsAreNotWrittenAgain) {
  const EndpointState kept = Endpoint(1, "web", "198.18.0.2");
  EndpointState gone = kept;
  gone.slot = 9;
  gone.ifindex = 109;
  Make({kept, gone}, 41);
  Sync();
  EXPECT_THAT(backend_.log, ElementsAre("policy", "remove 9"));
  EXPECT_EQ(reconciler_->generation(), 42u);
}

TEST_F(ReconcilerTest, HostAddressesAndPublishedPortsOnChangeOnly) {
  input_.host_addresses = {*IpAddress::Parse("198.18.0.1")};
  state_.published = {{*IpAddress::Parse("0.0.0.0"), 80, kProtoTcp, *IpAddress::Parse("198.18.0.2"), 8080, 1}};
  Sync();
  EXPECT_EQ(backend_.host_addresses, input_.host_addresses);
  EXPECT_EQ(backend_.published, state_.published);
  const uint64_t before = reconciler_->generation();
  input_.host_addresses.push_back(*IpAddress::Parse("198.18.0.9"));
  Sync();
  EXPECT_EQ(backend_.host_addresses.size(), 2u);
  EXPECT_EQ(reconciler_->generation(), before) << "no CIDR tells the new address apart";
}

TEST_F(ReconcilerTest, RulesAboutNodesAreAboutThisHost) {
  const IpAddress host = *IpAddress::Parse("198.18.0.1");
  const IdentityId web = Endpoint(1, "web", "198.18.0.2").identity;
  PolicyDocuments documents;
  Policy& policy = documents.policies.emplace_back();
  policy.kind = PolicyKind::kClusterNetworkPolicy;
  policy.tier = Tier::kAdmin;
  policy.name = "guard";
  PolicyRule& rule = policy.egress.emplace_back();
  rule.action = RuleAction::kDeny;
  rule.peers.emplace_back().node_selector = LabelSelector{{{"rack", "a1"}}, {}};
  input_.documents = std::make_shared<PolicyDocuments>(documents);
  input_.host_addresses = {host};
  input_.node.addresses = {host};
  const auto reaches_host = [&] {
    Sync();
    const CompiledPolicy& compiled = *reconciler_->policy();
    const SubjectId from = *compiled.FindSubject(web, *IpAddress::Parse("198.18.0.2"));
    return Judge(compiled, from, *compiled.FindSubject(kIdentityHost, host), kProtoTcp, 22).allow();
  };
  EXPECT_TRUE(reaches_host());
  input_.node.labels["rack"] = "a1";
  EXPECT_FALSE(reaches_host());
}

// Nobody is compiled anew for a label or an address of the host that no rule asks for.
TEST_F(ReconcilerTest, AnotherNodeMakesAGenerationIfARuleSelectsNodes) {
  Sync();
  input_.node.labels["rack"] = "a1";
  Sync();
  EXPECT_EQ(reconciler_->generation(), 1u);
  PolicyDocuments documents;
  Policy& policy = documents.policies.emplace_back();
  policy.kind = PolicyKind::kClusterNetworkPolicy;
  policy.tier = Tier::kAdmin;
  policy.name = "guard";
  policy.egress.emplace_back().peers.emplace_back().node_selector = LabelSelector{{{"rack", "a1"}}, {}};
  input_.documents = std::make_shared<PolicyDocuments>(documents);
  Sync();
  EXPECT_EQ(reconciler_->generation(), 2u);
  input_.node.addresses = {*IpAddress::Parse("198.18.0.1")};
  Sync();
  EXPECT_EQ(reconciler_->generation(), 3u);
  Sync();
  EXPECT_EQ(reconciler_->generation(), 3u);
}

TEST(RuleBookTest, ReservedNumbersAreNoRules) {
  RuleBook book;
  book.Reserve(40);
  CompiledPolicy policy;
  policy.rules.resize(1);
  policy.rules[0].key = "a";
  book.Number(&policy);
  EXPECT_EQ(policy.rules[0].id, 41u);
}

// As when the disk is full for a while.
TEST_F(ReconcilerTest, RulesThatCouldNotBeStoredAreStoredLater) {
  const TestFolder folder;
  const std::string path = folder.path() + "/state.db";
  store_ = *Store::Open(path);
  Make();
  const auto other = *Database::Open(path);
  ASSERT_TRUE(other->Exec("ALTER TABLE rules RENAME TO away").ok());
  SetDocuments(PolicyYaml("shop", "db", "db", "web"));
  Endpoint(1, "db", "198.18.0.2");
  Sync();
  EXPECT_THAT(backend_.log, Contains("policy"));
  EXPECT_THAT(reconciler_->problems(), Contains(HasSubstr("state, rules")));
  Sync();
  EXPECT_THAT(reconciler_->problems(), Contains(HasSubstr("state, rules"))) << "it is still so";
  ASSERT_TRUE(other->Exec("ALTER TABLE away RENAME TO rules").ok());
  Sync();
  EXPECT_THAT(reconciler_->problems(), IsEmpty());
  EXPECT_EQ(store_->LoadRules()->size(), rules_.all().size());
  EXPECT_EQ(*store_->Get("generation"), std::to_string(reconciler_->generation()));
}

TEST(RuleBookTest, NumbersLastAndAreNeverGivenTwice) {
  RuleBook book;
  CompiledPolicy policy;
  policy.rules.resize(2);
  policy.rules[0].key = "default";
  policy.rules[1].key = "shop/db ingress[0]";
  EXPECT_EQ(book.Number(&policy).size(), 2u);
  const uint32_t id = policy.rules[1].id;
  CompiledPolicy next;
  next.rules.resize(2);
  next.rules[0].key = "shop/db ingress[0]";
  next.rules[1].key = "shop/web ingress[0]";
  EXPECT_EQ(book.Number(&next).size(), 1u);
  EXPECT_EQ(next.rules[0].id, id);
  next.rules[0].pos.line = 7;
  EXPECT_EQ(book.Number(&next).size(), 1u) << "it moved";

  std::vector<RuleInfo> stored;
  for (const auto& [number, rule] : book.all()) stored.push_back(rule);
  RuleBook again(stored);
  CompiledPolicy third;
  third.rules.resize(1);
  third.rules[0].key = "new";
  again.Number(&third);
  EXPECT_FALSE(book.all().contains(third.rules[0].id));
  EXPECT_NE(third.rules[0].id, 0u);
}

}  // namespace
}  // namespace bulkhead
