// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/explained.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead::api {
namespace {

std::string Position(const SourcePos& pos) { return pos.line > 0 ? pos.ToString() : ""; }

const char* VerdictOf(bool allow, bool drops) {
  return VerdictName(drops ? Verdict::kDeny : allow ? Verdict::kAllow : Verdict::kWouldDeny);
}

ExplainedRule Describe(const RuleTrial& trial) {
  ExplainedRule out;
  out.tier = TierName(trial.tier);
  out.priority = trial.priority;
  out.policy = trial.policy;
  out.rule = trial.rule;
  out.rule_name = trial.name;
  out.action = trial.action;
  out.audit = trial.audit;
  out.peers = trial.peers;
  out.matches = trial.matches;
  out.why = trial.why;
  out.effect = trial.effect;
  out.position = Position(trial.pos);
  return out;
}

ExplainedSide Describe(const SideExplanation& side) {
  ExplainedSide out;
  out.verdict = VerdictOf(side.answer.allow, side.answer.drops());
  out.tier = TierName(side.tier);
  out.priority = side.priority;
  out.policy = side.answer.policy;
  out.rule = side.answer.rule;
  out.rule_name = side.rule_name;
  out.audit = side.answer.audit;
  out.position = Position(side.pos);
  for (const Isolation& isolation : side.isolates) out.isolates.push_back(isolation.policy);
  for (const RuleTrial& trial : side.considered) out.considered.push_back(Describe(trial));
  out.change = ChangesText(side.flip.changes);
  out.hint = side.flip.hint;
  return out;
}

std::string ShownName(const ExplainedParty& party) {
  return party.name == "world" && !party.address.empty() ? "world " + party.address : party.name;
}

}  // namespace

void AddPolicy(const bulkhead::Explanation& policy, Explanation* out) {
  out->egress = Describe(policy.egress);
  out->ingress = Describe(policy.ingress);
  out->to_allow = RenderToAllow(policy);
  out->to_deny = RenderToDeny(policy);
  out->notes = RenderNotes(policy);
  out->verdict = VerdictOf(policy.allow, policy.egress.answer.drops() || policy.ingress.answer.drops());
}

void RenderText(const bulkhead::Explanation& policy, bool live, Explanation* out) {
  const std::string port = out->port == 0 ? out->protocol : absl::StrCat(out->port, "/", out->protocol);
  out->text.push_back(absl::StrCat(out->verdict, "  ", ShownName(out->from), " -> ", ShownName(out->to), " ", port,
                                   live ? absl::StrCat("   generation ", out->generation) : ""));
  for (const SideExplanation* side : {&policy.egress, &policy.ingress}) {
    for (std::string& line : RenderSide(*side)) out->text.push_back(std::move(line));
  }
  for (const std::string& mode : out->modes) out->text.push_back("  mode     " + mode);
  for (const std::string& change : out->to_allow) out->text.push_back("  to allow: " + change);
  for (const std::string& change : out->to_deny) out->text.push_back("  to deny: " + change);
  if (live) out->text.push_back(absl::StrCat("  seen: ", out->answered_1h, " answered, ", out->denied_1h, " denied in 1h"));
  for (const std::string& note : out->notes) out->text.push_back("  note: " + note);
}

}  // namespace bulkhead::api
