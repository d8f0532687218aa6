// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/coverage.h"

#include <memory>
#include <set>
#include <utility>

#include "controlplane/policy/compile.h"

namespace bulkhead::learn {
namespace {

IdentityId IdOf(const Evidence& evidence, size_t party) {
  switch (evidence.parties[party].kind) {
    case PartyKind::kUnknown:
      return kIdentityUnknown;
    case PartyKind::kHost:
      return kIdentityHost;
    case PartyKind::kWorld:
      return kIdentityWorld;
    case PartyKind::kService:
      break;
  }
  return kFirstIdentity + static_cast<IdentityId>(party);
}

// Edges do not say which of its addresses the host used: any of them stands for all, since proposals name all.
SubjectId SubjectOf(const CompiledPolicy& policy, const Evidence& evidence, size_t party, const IpAddress& peer,
                    const std::vector<IpAddress>& host) {
  const IdentityId id = IdOf(evidence, party);
  if (id == kIdentityUnknown) return kSubjectUnknown;
  if (id == kIdentityWorld) return policy.WorldSubject(peer);
  if (id == kIdentityHost) return host.empty() ? kSubjectHost : policy.FindSubject(id, host.front()).value_or(kSubjectHost);
  return policy.FindSubject(id).value_or(kSubjectUnknown);
}

}  // namespace

absl::StatusOr<std::map<ServiceName, Coverage>> Cover(const Evidence& evidence, const std::vector<Policy>& policies,
                                                      const std::map<std::string, Labels>& namespaces,
                                                      const std::vector<IpAddress>& host) {
  CompileInput input;
  auto documents = std::make_shared<PolicyDocuments>();
  documents->policies = policies;
  input.documents = documents;
  input.namespaces = namespaces;
  input.host_addresses = host;
  input.global_mode = Mode::kEnforce;
  for (size_t i = 0; i < evidence.parties.size(); ++i) {
    const Party& party = evidence.parties[i];
    if (!party.IsService()) continue;
    KnownIdentity known;
    known.identity = {IdOf(evidence, i), party.ns, party.service, party.labels, party.image_digest};
    known.mode = Mode::kEnforce;
    input.identities.push_back(std::move(known));
  }
  const auto policy = Compile(input);
  if (!policy.ok()) return policy.status();

  std::map<ServiceName, Coverage> out;
  for (const Edge& edge : evidence.edges) {
    if (edge.answered == 0 || edge.verdict == Verdict::kDeny) continue;
    const SubjectId source = SubjectOf(*policy, evidence, edge.source, edge.peer, host);
    const SubjectId destination = SubjectOf(*policy, evidence, edge.destination, edge.peer, host);
    const bool permitted = Judge(*policy, source, destination, edge.protocol, edge.port).allow();
    std::set<ServiceName> services;
    for (const size_t side : {edge.source, edge.destination}) {
      if (evidence.parties[side].IsService()) services.insert(evidence.parties[side].Name());
    }
    for (const ServiceName& service : services) {
      out[service].answered += edge.answered;
      if (permitted) out[service].covered += edge.answered;
    }
  }
  return out;
}

}  // namespace bulkhead::learn
