// SPDX-License-Identifier: Apache-2.0
// A compiler that remembers gives what one from scratch gives: after any change of the documents or of who lives here, and when a
// policy grows.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead {
namespace {

// (protocol, port) at every border of an interval of either policy, and what lies beside them.
std::set<std::pair<uint8_t, uint16_t>> Places(const CompiledPolicy& a, const CompiledPolicy& b) {
  std::set<std::pair<uint8_t, uint16_t>> places = {{kProtoIcmp, 0}, {kProtoTcp, 1}, {kProtoUdp, 65535}};
  for (const CompiledPolicy* policy : {&a, &b}) {
    for (const Ruleset& ruleset : policy->rulesets) {
      for (const PortInterval& interval : ruleset.intervals) {
        places.emplace(interval.protocol, interval.first);
        places.emplace(interval.protocol, interval.last);
        if (interval.last < 65535) places.emplace(interval.protocol, static_cast<uint16_t>(interval.last + 1));
      }
    }
  }
  return places;
}

std::string Say(const CompiledPolicy& policy, const SideVerdict& verdict) {
  return absl::StrCat(verdict.allow, verdict.audit, " ", policy.rules[verdict.rule].key, " ",
                      policy.rules[verdict.rule].pos.ToString());
}

// Both have the same subjects, and say the same of every pair of them; numbers may differ. Others' workloads have a row if they share a
// class with one of this host's, which depends on what the classes are.
void CheckEqual(const CompileInput& input, const CompiledPolicy& a, const CompiledPolicy& b) {
  RC_ASSERT(a.subjects.size() == b.subjects.size());
  RC_ASSERT(a.cidrs.prefixes() == b.cidrs.prefixes());
  std::vector<std::pair<SubjectId, SubjectId>> subjects;
  for (SubjectId i = 0; i < a.subjects.size(); ++i) {
    const auto other = b.FindSubject(SubjectKey{a.subjects[i].identity, a.subjects[i].cidrs});
    RC_ASSERT(other.has_value());
    RC_ASSERT(a.subjects[i].mode == b.subjects[*other].mode);
    const auto known = std::find_if(input.identities.begin(), input.identities.end(), [&](const KnownIdentity& identity) {
      return identity.identity.id == a.subjects[i].identity;
    });
    if (i == kSubjectUnknown || (known != input.identities.end() && known->local)) {
      RC_ASSERT(a.subjects[i].row != kNoRow);
      RC_ASSERT(b.subjects[*other].row != kNoRow);
    }
    subjects.emplace_back(i, *other);
  }
  for (size_t i = 0; i < a.world_prefixes.size(); ++i) {
    const CompiledSubject& mine = a.subjects[a.world_prefixes[i].second];
    RC_ASSERT(mine.cidrs == b.subjects[b.world_prefixes[i].second].cidrs);
  }
  const auto places = Places(a, b);
  for (const auto& [a_source, b_source] : subjects) {
    for (const auto& [a_destination, b_destination] : subjects) {
      for (const auto& [protocol, port] : places) {
        const Judgement mine = Judge(a, a_source, a_destination, protocol, port);
        const Judgement other = Judge(b, b_source, b_destination, protocol, port);
        const auto both = [&](SubjectId in_a, SubjectId in_b) { return a.subjects[in_a].row != kNoRow && b.subjects[in_b].row != kNoRow; };
        if (both(a_source, b_source)) RC_ASSERT(Say(a, mine.source) == Say(b, other.source));
        if (both(a_destination, b_destination)) RC_ASSERT(Say(a, mine.destination) == Say(b, other.destination));
      }
    }
  }
}

// Changes the documents, who lives here, or both.
CompileInput Changed(const CompileInput& before) {
  CompileInput input = before;
  if (Draw(3) != 0) {
    auto documents = std::make_shared<PolicyDocuments>(*before.documents);
    if (Draw(2) == 0 && !documents->policies.empty()) {
      documents->policies.erase(documents->policies.begin() + Draw(static_cast<int>(documents->policies.size())));
    } else {
      documents->policies.push_back(RandomPolicy(absl::StrCat("new", documents->policies.size())));
    }
    input.documents = documents;
  }
  if (Draw(3) == 0 && !input.identities.empty()) input.identities.erase(input.identities.begin());
  if (Draw(3) == 0 && !input.identities.empty()) input.identities.back().addresses.push_back(RandomAddress());
  if (Draw(3) == 0 && !input.identities.empty()) input.identities.front().newcomer = static_cast<Newcomer>(Draw(3));
  if (Draw(4) == 0) input.namespaces["shop"] = RandomLabels();
  if (Draw(4) == 0) input.options.default_allow = !input.options.default_allow;
  return input;
}

RC_GTEST_PROP(CompilerProperty, IncrementalEqualsFull, ()) {
  CompileInput input = RandomInput();
  Compiler compiler;
  const int rounds = 1 + Draw(4);
  for (int i = 0; i < rounds; ++i) {
    const auto incremental = compiler.Compile(input);
    const auto full = Compile(input);
    RC_ASSERT(incremental.ok() && full.ok());
    CheckEqual(input, **incremental, *full);
    input = Changed(input);
  }
}

RC_GTEST_PROP(CompilerProperty, GrownEqualsFull, ()) {
  CompileInput input = RandomInput();
  for (KnownIdentity& known : input.identities) {
    if (Draw(4) == 0) known.newcomer = static_cast<Newcomer>(Draw(3));
  }
  const std::vector<KnownIdentity> all = input.identities;
  const size_t first = all.empty() ? 0 : static_cast<size_t>(Draw(static_cast<int>(all.size())));
  input.identities.resize(first);
  Compiler compiler;
  auto grown = compiler.Compile(input);
  RC_ASSERT(grown.ok());
  if (Draw(2) == 0) {
    auto documents = std::make_shared<PolicyDocuments>(*input.documents);
    documents->policies.push_back(RandomPolicy("more"));
    input.documents = documents;
    grown = compiler.Compile(input);
    RC_ASSERT(grown.ok());
  }
  for (size_t i = first; i < all.size(); ++i) {
    KnownIdentity without = all[i];
    without.addresses.clear();
    const CompiledPolicy before = **grown;
    // With its addresses at once, or one after the other.
    const auto growth = compiler.Extend(Draw(2) == 0 ? without : all[i]);
    if (absl::IsFailedPrecondition(growth.status())) return;  // a class that had only others' workloads lives here now
    RC_ASSERT(growth.ok());
    RC_ASSERT(growth->first_subject == before.subjects.size());
    RC_ASSERT(growth->first_class == before.classes);
    RC_ASSERT(growth->first_row == before.rows);
    RC_ASSERT(growth->first_ruleset == before.rulesets.size());
    const auto rest = compiler.Extend(all[i]);
    if (absl::IsFailedPrecondition(rest.status())) return;
    RC_ASSERT(rest.ok());
    for (size_t j = 0; j < before.rulesets.size(); ++j) RC_ASSERT((*grown)->rulesets[j] == before.rulesets[j]);
  }
  input.identities = all;
  const auto full = Compile(input);
  RC_ASSERT(full.ok());
  CheckEqual(input, **grown, *full);
}

Policy Isolating(const std::string& app) {
  Policy policy;
  policy.ns = "shop";
  policy.name = app;
  policy.pod_selector.match_labels = {{"app", app}};
  policy.isolates_ingress = true;
  return policy;
}

PolicyPeer From(const std::string& app) {
  PolicyPeer peer;
  peer.pod_selector = LabelSelector{{{"app", app}}, {}};
  return peer;
}

// A change is worked out for the rows that it is about, also when it brings a selector that was not there; a workload of a known
// kind is known afterwards as well.
TEST(CompilerTest, OnePolicyTouchesItsOwnRows) {
  CompileInput input;
  for (const char* app : {"web", "db", "mail", "jobs"}) AddIdentity(&input, "shop", absl::StrCat("app=", app));
  auto documents = std::make_shared<PolicyDocuments>();
  for (const char* app : {"web", "db", "mail"}) documents->policies.push_back(Isolating(app));
  input.documents = documents;
  Compiler compiler;
  ASSERT_TRUE(compiler.Compile(input).ok());
  EXPECT_TRUE(compiler.work().from_scratch);

  auto changed = std::make_shared<PolicyDocuments>(*documents);
  changed->policies[1].ingress.emplace_back();
  changed->policies[1].ingress[0].peers.push_back(From("web"));
  input.documents = changed;
  ASSERT_TRUE(compiler.Compile(input).ok());
  EXPECT_FALSE(compiler.work().from_scratch);
  EXPECT_EQ(compiler.work().rows, 1u);

  changed = std::make_shared<PolicyDocuments>(*changed);
  PolicyPeer two;  // a new selector, which tells nobody of a class apart
  two.pod_selector.emplace();
  two.pod_selector->match_expressions = {{"app", LabelRequirement::Op::kIn, {"web", "mail"}}};
  changed->policies[1].ingress[0].peers.push_back(two);
  input.documents = changed;
  const auto compiled = compiler.Compile(input);
  ASSERT_TRUE(compiled.ok());
  EXPECT_FALSE(compiler.work().from_scratch);
  EXPECT_EQ(compiler.work().rows, 1u);
  const uint32_t classes = (*compiled)->classes;
  AddIdentity(&input, "shop", "app=mail,build=2");
  ASSERT_TRUE(compiler.Extend(input.identities.back()).ok());
  EXPECT_EQ((*compiled)->classes, classes);
}

TEST(CompilerTest, KnownClassesGrowNothingButASubject) {
  CompileInput input;
  AddIdentity(&input, "shop", "app=web,build=1");
  AddIdentity(&input, "shop", "app=db,build=1");
  input.documents = std::make_shared<PolicyDocuments>(PolicyDocuments{{Isolating("db")}});
  Compiler compiler;
  const auto compiled = compiler.Compile(input);
  ASSERT_TRUE(compiled.ok());
  AddIdentity(&input, "shop", "app=db,build=2");
  const auto growth = compiler.Extend(input.identities.back());
  ASSERT_TRUE(growth.ok()) << growth.status();
  EXPECT_EQ((*compiled)->subjects.size(), growth->first_subject + 1);
  EXPECT_EQ((*compiled)->classes, growth->first_class);
  EXPECT_EQ((*compiled)->rows, growth->first_row);
  EXPECT_EQ((*compiled)->rulesets.size(), growth->first_ruleset);
  const SubjectId db = (*compiled)->FindSubject(input.identities[2].identity.id).value();
  EXPECT_FALSE(Judge(**compiled, kSubjectUnknown, db, kProtoTcp, 1).allow());
}

TEST(CompilerTest, WhatWasRefusedCannotGrow) {
  Compiler compiler;
  EXPECT_TRUE(absl::IsFailedPrecondition(compiler.Extend({}).status()));
  CompileInput input;
  Policy policy;
  policy.kind = PolicyKind::kClusterNetworkPolicy;
  policy.tier = Tier::kAdmin;
  policy.name = "names";
  PolicyRule rule;
  rule.peers.emplace_back();
  rule.peers.back().domain_names = {"example.com"};
  rule.peers.back().pos = {"cnp.yaml", 7, 9};
  policy.egress.push_back(rule);
  input.documents = std::make_shared<PolicyDocuments>(PolicyDocuments{{policy}});
  const auto refused = compiler.Compile(input);
  EXPECT_EQ(refused.status().message(),
            "cnp.yaml:7:9: domainNames: found example.com: not supported yet, expected namespaces, pods, nodes or networks");
  EXPECT_TRUE(absl::IsFailedPrecondition(compiler.Extend({}).status()));
}

}  // namespace
}  // namespace bulkhead
