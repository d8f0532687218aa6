// SPDX-License-Identifier: Apache-2.0
// AskDocuments: the half of the second opinion that compiles nothing.
#include "absl/strings/str_cat.h"
#include "controlplane/daemon/second_opinion.h"
#include "controlplane/policy/evaluate.h"

namespace bulkhead {
namespace {

Opinion Skipped(const char* why) { return {Opinion::Kind::kSkipped, why}; }

// nullopt: the view does not know the identity.
std::optional<Party> PartyOf(const GivenEnd& end, const View& view) {
  Party party;
  party.address = end.address;
  if (end.identity < kFirstIdentity) {
    party.kind = end.identity == kIdentityHost ? Party::Kind::kHost : Party::Kind::kWorld;
    return party;
  }
  const auto identity = view.identities.find(end.identity);
  if (identity == view.identities.end()) return std::nullopt;
  party.kind = Party::Kind::kWorkload;
  party.ns = identity->second.ns;
  party.labels = identity->second.labels;
  party.named_ports = identity->second.named_ports;
  return party;
}

bool Drops(const SideAnswer& answer, const GivenEnd& end, Mode mode) {
  return end.identity >= kFirstIdentity && answer.drops() && mode == Mode::kEnforce;
}

std::string AnswerText(const SideAnswer& answer) {
  return absl::StrCat(answer.allow ? "allow" : "deny", " by ", answer.policy, answer.policy.empty() ? "" : " ", answer.rule);
}

// Whether the side of the flow names this very rule.
bool Names(const View& view, uint32_t rule, const SideAnswer& answer) {
  const auto known = view.rules.find(rule);
  return known != view.rules.end() && DescribeRule(known->second, answer.allow, answer.audit) == answer;
}

}  // namespace

Opinion AskDocuments(const Judged& judged, const View& view) {
  const GivenVerdict& given = judged.given;
  if (view.documents == nullptr || view.generation != judged.generation) return Skipped("from before a change");
  if (view.newcomers.contains(given.source.identity) || view.newcomers.contains(given.destination.identity)) {
    return Skipped("an image that is new");
  }
  std::optional<Party> source = PartyOf(given.source, view), destination = PartyOf(given.destination, view);
  if (!source || !destination) return Skipped("a workload that is new");
  if (judged.self) source->id = destination->id = "self";
  Question question;
  question.documents = view.documents.get();
  question.namespaces = &view.namespaces;
  question.nodes = &view.nodes;
  question.options = view.policy_options;
  question.source = *std::move(source);
  question.destination = *std::move(destination);
  question.protocol = given.protocol == kProtoIcmp6 ? kProtoIcmp : given.protocol;
  question.port = given.port;
  const Answer answer = Evaluate(question);
  const bool drops = Drops(answer.egress, given.source, judged.source_mode) ||
                     Drops(answer.ingress, given.destination, judged.destination_mode);
  const Verdict verdict = drops ? Verdict::kDeny : answer.allow() ? Verdict::kAllow : Verdict::kWouldDeny;
  if (verdict == given.verdict && Names(view, given.source.rule, answer.egress) && Names(view, given.destination.rule, answer.ingress)) {
    return {};
  }
  return {Opinion::Kind::kDisagrees,
          absl::StrCat(given.source.address.ToString(), " -> ", given.destination.address.ToString(), " ", given.port, "/",
                       ProtocolName(given.protocol), ": the dataplane said ", VerdictName(given.verdict), "; the documents say ",
                       VerdictName(verdict), ": egress ", AnswerText(answer.egress), ", ingress ", AnswerText(answer.ingress))};
}

}  // namespace bulkhead
