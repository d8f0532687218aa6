// SPDX-License-Identifier: Apache-2.0
// What must hold for every explanation: it tells what Evaluate does, and what it suggests flips the answer.
#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/explain.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead {
namespace {

constexpr int kAsked = 20;  // for each random policy

// RapidCheck's own default is 100. RC_PARAMS in the environment goes first.
const bool kManyCases = [] { return setenv("RC_PARAMS", "max_success=500", 0) == 0; }();

struct World {
  CompileInput input = RandomInput();
  const PolicyDocuments& documents = *input.documents;

  Question Ask() const {
    const TestParty source = RandomParty(input), destination = RandomParty(input);
    const auto [protocol, port] = RandomProtocolAndPort();
    return MakeQuestion(input, source, destination, protocol, port);
  }
};

bool CanBeWritten(const Policy& policy) {
  const PolicyFile file = ParsePolicies(PrintPolicy(policy), "f");
  RC_LOG() << absl::StrJoin(file.errors, "\n") << "\n";
  return file.errors.empty() && file.documents.policies.size() == 1 && SamePolicy(file.documents.policies[0], policy);
}

const SideAnswer& Of(const Answer& answer, Direction direction) {
  return direction == Direction::kEgress ? answer.egress : answer.ingress;
}

RC_GTEST_PROP(ExplainProperty, SuggestedChangesFlip, ()) {
  RC_ASSERT(kManyCases);
  const World world;
  for (int i = 0; i < kAsked; ++i) {
    const Question question = world.Ask();
    const Explanation explanation = Explain(question);
    for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
      RC_ASSERT(side->flip.changes.empty() == !side->flip.hint.empty());
      if (side->flip.changes.empty()) continue;
      PolicyDocuments changed = world.documents;
      for (const Change& change : side->flip.changes) Apply(change, &changed);
      for (const Policy& policy : changed.policies) {
        if (std::count(world.documents.policies.begin(), world.documents.policies.end(), policy) == 0)
          RC_ASSERT(CanBeWritten(policy));
      }
      Question again = question;
      again.documents = &changed;
      const SideAnswer after = Of(Evaluate(again), side->direction);
      RC_LOG() << Text({explanation.egress.answer, explanation.ingress.answer}) << "\n"
               << ChangesText(side->flip.changes) << "\n"
               << Text(Evaluate(again)) << "\n";
      if (side->answer.allow) RC_ASSERT(after.drops());
      if (side->answer.audit) RC_ASSERT(after.allow);
      RC_ASSERT(side->answer.drops() != after.drops() || side->answer.audit);
    }
  }
}

// Only where documents cannot say it does a suggestion fail: who is unknown or has no address, who has no policy, and the host.
RC_GTEST_PROP(ExplainProperty, SuggestsWheneverDocumentsCan, ()) {
  const World world;
  for (int i = 0; i < kAsked; ++i) {
    const Question question = world.Ask();
    const Explanation explanation = Explain(question);
    for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
      const bool ingress = side->direction == Direction::kIngress;
      const Party& own = ingress ? question.destination : question.source;
      const Party& peer = ingress ? question.source : question.destination;
      if (own.kind != Party::Kind::kWorkload || peer.kind != Party::Kind::kWorkload || !side->flip.changes.empty()) continue;
      // In audit neither a Deny of its own nor a NetworkPolicy's isolation takes back what the Admin tier accepts.
      RC_LOG() << Text({explanation.egress.answer, explanation.ingress.answer}) << "\n";
      RC_ASSERT(side->answer.allow && side->tier == Tier::kAdmin);
      bool audit = false;
      for (const Policy& policy : world.documents.policies)
        audit = audit || (PolicyRef(policy) == side->answer.policy && policy.audit);
      RC_ASSERT(audit);
    }
  }
}

RC_GTEST_PROP(ExplainProperty, TellsWhatEvaluateDoes, ()) {
  const World world;
  for (int i = 0; i < kAsked; ++i) {
    const Question question = world.Ask();
    const Explanation explanation = Explain(question);
    RC_ASSERT(Text(Evaluate(question)) == Text({explanation.egress.answer, explanation.ingress.answer}));
    for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
      RC_ASSERT(!RenderSide(*side).empty());
      Tier tier = Tier::kAdmin;
      for (const RuleTrial& trial : side->considered) {
        RC_ASSERT(trial.tier >= tier);
        RC_ASSERT(!trial.why.empty());
        RC_ASSERT(trial.matches == !trial.effect.empty());
        // Nothing is asked after what decides, and nothing more of a tier after what passes.
        RC_ASSERT(&trial == &side->considered.back() || trial.effect != "allows");
        RC_ASSERT(&trial == &side->considered.back() || trial.effect != "denies");
        tier = trial.effect == "passes to NetworkPolicy" ? Tier::kNetworkPolicy : trial.tier;
      }
      if (side->answer.rule == "default" || side->answer.rule == "from-host" || side->answer.rule == "isolated") continue;
      bool named = false;
      for (const RuleTrial& trial : side->considered)
        named = named || (trial.matches && trial.policy == side->answer.policy && trial.rule == side->answer.rule);
      RC_ASSERT(named);
    }
  }
}

}  // namespace
}  // namespace bulkhead
