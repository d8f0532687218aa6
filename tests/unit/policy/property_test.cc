// SPDX-License-Identifier: Apache-2.0
// What must hold for every policy: the compiler and the plain reading of the documents agree, and printing loses nothing.
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/probes.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead {
namespace {

constexpr int kQuestions = 40;  // for each random policy

// RapidCheck's own default is 100. RC_PARAMS in the environment goes first.
const bool kMoreCases = [] { return setenv("RC_PARAMS", "max_success=500", 0) == 0; }();

RC_GTEST_PROP(PolicyProperty, CompiledEqualsEvaluated, ()) {
  RC_ASSERT(kMoreCases);
  const CompileInput input = RandomInput();
  const auto policy = Compile(input);
  RC_ASSERT(policy.ok());
  for (int i = 0; i < kQuestions; ++i) {
    const TestParty source = RandomParty(input), destination = RandomParty(input);
    const auto [protocol, port] = RandomProtocolAndPort();
    const SubjectId from = SubjectOf(*policy, input, source), to = SubjectOf(*policy, input, destination);
    const Answer compiled = AskCompiled(*policy, input, source, destination, protocol, port);
    const Answer evaluated = Evaluate(MakeQuestion(input, source, destination, protocol, port));
    RC_LOG() << PrintPolicies(*input.documents) << int{protocol} << " " << port << "\n";
    // A side without a row is judged where it lives.
    if (policy->subjects[from].row != kNoRow) RC_ASSERT(Text(compiled.egress) == Text(evaluated.egress));
    if (policy->subjects[to].row != kNoRow) RC_ASSERT(Text(compiled.ingress) == Text(evaluated.ingress));
  }
}

void CheckTables(const CompiledPolicy& policy) {
  for (const auto& matrix : policy.matrix) {
    RC_ASSERT(matrix.size() == policy.rows);
    for (const std::vector<uint32_t>& cells : matrix) {
      RC_ASSERT(cells.size() == policy.classes);
      for (const uint32_t ruleset : cells) RC_ASSERT(ruleset < policy.rulesets.size());
    }
  }
  for (const CompiledSubject& subject : policy.subjects) {
    RC_ASSERT(subject.class_id < policy.classes);
    RC_ASSERT(subject.row == kNoRow || subject.row < policy.rows);
  }
  for (const Ruleset& ruleset : policy.rulesets) {
    for (size_t i = 0; i < ruleset.intervals.size(); ++i) {
      const PortInterval& interval = ruleset.intervals[i];
      RC_ASSERT(interval.first <= interval.last);
      if (i == 0) continue;
      const PortInterval& before = ruleset.intervals[i - 1];
      RC_ASSERT(before.protocol < interval.protocol || (before.protocol == interval.protocol && before.last < interval.first));
    }
  }
}

RC_GTEST_PROP(PolicyProperty, TablesAreWellFormed, ()) {
  const auto policy = Compile(RandomInput());
  RC_ASSERT(policy.ok());
  CheckTables(*policy);
  for (size_t i = 0; i < policy->rulesets.size(); ++i) {
    for (size_t j = 0; j < i; ++j) RC_ASSERT(!(policy->rulesets[i] == policy->rulesets[j]));
  }
}

RC_GTEST_PROP(PolicyProperty, ProbesAgree, ()) {
  const Inventory inventory = RandomInventory();
  const PolicyDocuments documents = RandomDocuments();
  std::vector<Probe> probes;
  const auto party = [&]() -> std::string {
    if (Draw(4) == 3) return RandomAddress().ToString();
    const InventoryWorkload& workload =
        inventory.workloads[static_cast<size_t>(Draw(static_cast<int>(inventory.workloads.size())))];
    return workload.ns + "/" + workload.name;
  };
  for (int i = 0; i < kQuestions; ++i) {
    Probe probe;
    probe.from = party();
    probe.to = party();
    std::tie(probe.protocol, probe.port) = RandomProtocolAndPort();
    probes.push_back(probe);
  }
  const auto results = RunProbes(inventory, documents, probes);
  RC_ASSERT(results.ok());
  RC_ASSERT(results->size() == probes.size());
  for (size_t i = 0; i < probes.size(); ++i) {
    RC_LOG() << PrintPolicies(documents) << probes[i].from << " " << probes[i].to << "\n";
    RC_ASSERT(Text((*results)[i].compiled) == Text((*results)[i].evaluated));
  }
}

Policy RandomOfAnyKind() {
  const int kind = Draw(3);
  if (kind != 0) {
    Policy policy = RandomTierPolicy(kind == 1 ? "p" : "default");
    for (PolicyRule& rule : policy.egress) {
      if (policy.kind == PolicyKind::kBaselineAdminNetworkPolicy || rule.action != RuleAction::kAccept || !rule.ports.empty())
        continue;
      rule.peers.emplace_back().domain_names = {"www.example.com", "*.example.org."};
    }
    return policy;
  }
  Policy policy = RandomPolicy("p");
  if (Draw(4) == 3) SetAudit(&policy);
  return policy;
}

RC_GTEST_PROP(PolicyProperty, ParsingWhatWasPrintedGivesTheSame, ()) {
  PolicyDocuments documents;
  documents.policies = {RandomOfAnyKind(), RandomOfAnyKind()};
  PolicyComments comments;
  comments.policy = {"first\nnot a line of its own: [", "", "nor this\xc2\x85 one: ["};
  comments.rules[{Direction::kIngress, 0}] = {"answered 12 flows"};
  const std::string text = PrintPolicy(documents.policies[0], comments) + "---\n" + PrintPolicy(documents.policies[1]);
  RC_LOG() << text;
  const PolicyFile file = ParsePolicies(text, "f");
  RC_LOG() << absl::StrJoin(file.errors, "\n");
  RC_ASSERT(file.errors.empty());
  RC_ASSERT(file.documents.policies.size() == 2u);
  for (size_t i = 0; i < 2; ++i) RC_ASSERT(SamePolicy(file.documents.policies[i], documents.policies[i]));
  RC_ASSERT(PrintPolicies(file.documents) == PrintPolicies(documents));
}

}  // namespace
}  // namespace bulkhead
