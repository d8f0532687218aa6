// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/evaluate.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/match.h"

namespace bulkhead {
namespace {

constexpr int kIsolation = -1;

std::string RuleText(Direction direction, int rule) {
  return rule == kIsolation ? "isolated" : absl::StrCat(DirectionName(direction), "[", rule, "]");
}

// An answer, and the policy and rule that gave it: null for the default and the like.
struct Decision {
  SideAnswer answer;
  const Policy* policy = nullptr;
  int rule = kIsolation;
};

class SideJudge {
 public:
  SideJudge(const Question& question, Direction direction, Trace* trace)
      : question_(question),
        direction_(direction),
        own_(direction == Direction::kIngress ? question.destination : question.source),
        peer_(direction == Direction::kIngress ? question.source : question.destination),
        from_host_(direction == Direction::kIngress && peer_.kind == Party::Kind::kHost && question.options.allow_from_host),
        trace_(trace) {
    for (const Policy* policy : InOrder(*question.documents)) {
      if (Judges(*policy, direction, own_, *question.namespaces)) policies_.push_back(policy);
    }
  }

  SideAnswer Run() {
    std::optional<Decision> decision = AskTier(Tier::kAdmin);
    if (!decision) decision = AskNetworkPolicies();
    if (!decision) decision = AskTier(Tier::kBaseline);
    if (!decision) decision = Decision{Default()};
    if (decision->answer.allow && in_audit_) decision = in_audit_;
    trace_->decided = decision->policy;
    trace_->rule = decision->rule;
    return decision->answer;
  }

 private:
  Decision Decide(bool allow, const Policy& policy, int rule) const {
    return {{allow, PolicyRef(policy), RuleText(direction_, rule), !allow && policy.audit}, &policy, rule};
  }

  // nullopt: the denial is one in audit, so what comes next is asked.
  std::optional<Decision> Deny(const Policy& policy, int rule) {
    const Decision decision = Decide(false, policy, rule);
    if (!policy.audit) return decision;
    if (!in_audit_) in_audit_ = decision;
    return std::nullopt;
  }

  bool Matches(const Policy& policy, size_t index) {
    const PolicyRule& rule = policy.rules(direction_)[index];
    const bool matches = RuleMatchesPeer(rule, policy, peer_, question_) && RuleMatchesPort(rule, question_);
    trace_->steps.push_back({&policy, index, matches});
    return matches;
  }

  // nullopt: nothing of the tier decides, or a rule passes.
  std::optional<Decision> AskTier(Tier tier) {
    for (const Policy* policy : policies_) {
      if (policy->tier != tier) continue;
      const std::vector<PolicyRule>& rules = policy->rules(direction_);
      for (size_t i = 0; i < rules.size(); ++i) {
        if (!Matches(*policy, i)) continue;
        if (rules[i].action == RuleAction::kPass) return std::nullopt;
        if (rules[i].action == RuleAction::kAccept) return Decide(true, *policy, static_cast<int>(i));
        if (auto denial = Deny(*policy, static_cast<int>(i))) return denial;
      }
    }
    return std::nullopt;
  }

  // nullopt: no policy isolates, or only ones in audit do and none allows.
  std::optional<Decision> AskNetworkPolicies() {
    const Policy* isolates = nullptr;           // the first that is in force
    const Policy* isolates_in_audit = nullptr;  // the first that is in audit
    for (const Policy* policy : policies_) {
      if (policy->tier != Tier::kNetworkPolicy) continue;
      trace_->isolating.push_back(policy);
      const Policy*& first = policy->audit ? isolates_in_audit : isolates;
      if (!first) first = policy;
    }
    for (const Policy* policy : trace_->isolating) {
      for (size_t i = 0; i < policy->rules(direction_).size(); ++i) {
        if (Matches(*policy, i)) return Decide(true, *policy, static_cast<int>(i));
      }
    }
    if (isolates && from_host_) return Decision{{true, "", "from-host"}};
    if (isolates) return Decide(false, *isolates, kIsolation);
    if (isolates_in_audit && !from_host_) return Deny(*isolates_in_audit, kIsolation);
    return std::nullopt;
  }

  // Only workloads deny: the host and the world have no policy of their own.
  SideAnswer Default() const {
    const bool can_deny = own_.kind == Party::Kind::kWorkload || own_.kind == Party::Kind::kUnknown;
    if (!can_deny || question_.options.default_allow) return {true, "", "default"};
    if (from_host_) return {true, "", "from-host"};
    return {false, "", "default"};
  }

  const Question& question_;
  const Direction direction_;
  const Party& own_;
  const Party& peer_;
  const bool from_host_;
  Trace* const trace_;
  std::vector<const Policy*> policies_;  // that judge this side, in order
  std::optional<Decision> in_audit_;     // the first denial of a policy in audit
};

}  // namespace

SideAnswer EvaluateSide(const Question& question, Direction direction, Trace* trace) {
  Trace unread;
  return SideJudge(question, direction, trace ? trace : &unread).Run();
}

Answer Evaluate(const Question& question) {
  if (!question.source.id.empty() && question.source.id == question.destination.id) {
    const SideAnswer self{true, "", "self"};
    return {self, self};
  }
  return {EvaluateSide(question, Direction::kEgress, nullptr), EvaluateSide(question, Direction::kIngress, nullptr)};
}

SideAnswer DescribeRule(const RuleInfo& rule, bool allow, bool audit) {
  if (rule.tier == Tier::kDefault) return {allow, "", rule.key, audit};
  return {allow, PolicyRef(rule.kind, rule.policy_ns, rule.policy), RuleText(rule.direction, rule.index), audit};
}

SideAnswer DescribeSide(const CompiledPolicy& policy, const SideVerdict& verdict) {
  return DescribeRule(policy.rules[verdict.rule], verdict.allow, verdict.audit);
}

}  // namespace bulkhead
