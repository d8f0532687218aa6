// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/world.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/policy/parse.h"
#include "gtest/gtest.h"

namespace bulkhead {

size_t AddIdentity(CompileInput* input, const std::string& ns, const std::string& labels,
                   const std::vector<std::string>& addresses) {
  KnownIdentity known;
  known.identity.id = kFirstIdentity + static_cast<IdentityId>(input->identities.size());
  known.identity.ns = ns;
  for (const auto& label : absl::StrSplit(labels, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(label, absl::MaxSplits('=', 1));
    known.identity.labels.insert(pair);
  }
  for (const std::string& address : addresses) known.addresses.push_back(IpAddress::Parse(address).value());
  input->identities.push_back(known);
  return input->identities.size() - 1;
}

std::shared_ptr<const PolicyDocuments> Documents(const std::string& yaml) {
  PolicyFile file = ParsePolicies(yaml, "test.yaml");
  EXPECT_TRUE(file.errors.empty()) << absl::StrJoin(file.errors, "\n");
  return std::make_shared<PolicyDocuments>(std::move(file.documents));
}

SubjectId SubjectOf(const CompiledPolicy& policy, const CompileInput& input, const TestParty& party) {
  const auto find = [&](IdentityId identity) {
    return party.address ? policy.FindSubject(identity, *party.address).value() : policy.FindSubject(identity).value();
  };
  switch (party.kind) {
    case Party::Kind::kUnknown:
      return kSubjectUnknown;
    case Party::Kind::kHost:
      return find(kIdentityHost);
    case Party::Kind::kWorld:
      return party.address ? policy.WorldSubject(*party.address) : kSubjectWorld;
    case Party::Kind::kWorkload:
      return find(input.identities[party.identity].identity.id);
  }
  return kSubjectUnknown;
}

Party PartyOf(const CompileInput& input, const TestParty& party) {
  Party out;
  out.kind = party.kind;
  out.address = party.address;
  if (party.kind != Party::Kind::kWorkload) return out;
  const KnownIdentity& known = input.identities[party.identity];
  out.ns = known.identity.ns;
  out.labels = known.identity.labels;
  out.named_ports = known.named_ports;
  return out;
}

Question MakeQuestion(const CompileInput& input, const TestParty& source, const TestParty& destination, uint8_t protocol,
                      uint16_t port) {
  Question question;
  question.documents = input.documents.get();
  question.namespaces = &input.namespaces;
  question.nodes = &input.nodes;
  question.options = input.options;
  question.source = PartyOf(input, source);
  question.destination = PartyOf(input, destination);
  question.protocol = protocol;
  question.port = port;
  return question;
}

Answer AskCompiled(const CompiledPolicy& policy, const CompileInput& input, const TestParty& source, const TestParty& destination,
                   uint8_t protocol, uint16_t port) {
  const Judgement judgement =
      Judge(policy, SubjectOf(policy, input, source), SubjectOf(policy, input, destination), protocol, port);
  return {DescribeSide(policy, judgement.source), DescribeSide(policy, judgement.destination)};
}

std::string Text(const SideAnswer& side) {
  const char* verdict = side.allow ? "allow " : side.audit ? "would-deny " : "deny ";
  return absl::StrCat(verdict, side.policy, side.policy.empty() ? "" : " ", side.rule);
}

std::string Text(const Answer& answer) { return Text(answer.egress) + " / " + Text(answer.ingress); }

}  // namespace bulkhead
