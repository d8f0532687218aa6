// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/evidence_judge.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace bulkhead::learn {
namespace {

constexpr size_t kMaxHostAddresses = 16;

// A number of its own, since those of the daemon do not outlive its database.
IdentityId IdOf(size_t party) { return kFirstIdentity + static_cast<IdentityId>(party); }

std::map<IdentityId, std::set<IpAddress>> LiveAddresses(const View& view) {
  std::map<IdentityId, std::set<IpAddress>> out;
  for (const auto& [key, workload] : view.workloads) {
    if (workload.host_network || !workload.via.empty()) continue;
    for (const Endpoint& endpoint : workload.endpoints) {
      out[workload.identity].insert(endpoint.addresses.begin(), endpoint.addresses.end());
    }
  }
  return out;
}

// nullptr: the number means somebody else by now, or nobody.
const Identity* Latest(const Party& party, const View& view) {
  const auto at = view.identities.find(party.latest);
  if (at == view.identities.end()) return nullptr;
  const Identity& identity = at->second;
  const bool same = identity.ns == party.ns && identity.service == party.service && identity.labels == party.labels &&
                    identity.image_digest == party.image_digest;
  return same ? &identity : nullptr;
}

CompileInput InputOf(const Evidence& evidence, std::shared_ptr<const PolicyDocuments> documents, const View& view,
                     const PolicyOptions& options) {
  CompileInput input;
  input.documents = std::move(documents);
  input.namespaces = view.namespaces;
  input.nodes = view.nodes;
  input.host_addresses = HostAddresses(view);
  input.options = options;
  input.global_mode = Mode::kEnforce;
  const auto addresses = LiveAddresses(view);
  for (size_t i = 0; i < evidence.parties.size(); ++i) {
    const Party& party = evidence.parties[i];
    if (!party.IsService()) continue;
    KnownIdentity& known = input.identities.emplace_back();
    known.identity = {IdOf(i), party.ns, party.service, party.labels, party.image_digest};
    known.mode = Mode::kEnforce;
    const Identity* latest = Latest(party, view);
    if (latest == nullptr) continue;
    known.named_ports = latest->named_ports;
    if (const auto at = addresses.find(latest->id); at != addresses.end()) {
      known.addresses.assign(at->second.begin(), at->second.end());
    }
  }
  return input;
}

std::vector<SubjectId> SubjectsOf(const CompiledPolicy& policy, IdentityId id, const std::vector<IpAddress>& addresses,
                                  SubjectId otherwise) {
  std::set<SubjectId> out;
  for (const IpAddress& address : addresses) {
    if (const auto subject = policy.FindSubject(id, address)) out.insert(*subject);
  }
  if (out.empty()) out.insert(policy.FindSubject(id).value_or(otherwise));
  return {out.begin(), out.end()};
}

}  // namespace

std::vector<IpAddress> HostAddresses(const View& view) {
  std::vector<IpAddress> out;
  for (const std::string& text : view.host_addresses) {
    const auto address = IpAddress::Parse(text);
    if (!address || out.size() == kMaxHostAddresses) continue;
    const bool local4 = address->IsV4() && (address->bytes[0] == 127 || (address->bytes[0] == 169 && address->bytes[1] == 254));
    const bool local6 = !address->IsV4() && (*Prefix::Parse("::1/128")).Contains(*address);
    const bool link6 = !address->IsV4() && (*Prefix::Parse("fe80::/10")).Contains(*address);
    if (!local4 && !local6 && !link6) out.push_back(*address);
  }
  return out;
}

absl::StatusOr<EvidenceJudge> EvidenceJudge::Make(const Evidence& evidence, std::shared_ptr<const PolicyDocuments> documents,
                                                  const View& view, const PolicyOptions& options) {
  const CompileInput input = InputOf(evidence, std::move(documents), view, options);
  absl::StatusOr<CompiledPolicy> policy = Compile(input);
  if (!policy.ok()) return policy.status();
  EvidenceJudge out;
  out.policy_ = *std::move(policy);
  size_t service = 0;
  for (size_t i = 0; i < evidence.parties.size(); ++i) {
    const PartyKind kind = evidence.parties[i].kind;
    out.world_.push_back(kind == PartyKind::kWorld);
    if (kind == PartyKind::kService) {
      out.subjects_.push_back(SubjectsOf(out.policy_, IdOf(i), input.identities[service++].addresses, kSubjectUnknown));
    } else if (kind == PartyKind::kHost) {
      // Edges do not say which of its addresses was used.
      out.subjects_.push_back(SubjectsOf(out.policy_, kIdentityHost, input.host_addresses, kSubjectHost));
    } else {
      out.subjects_.push_back({kind == PartyKind::kWorld ? kSubjectWorld : kSubjectUnknown});
    }
  }
  return out;
}

EvidenceJudge::Answer EvidenceJudge::Ask(size_t source, size_t destination, uint8_t protocol, uint16_t port,
                                         const IpAddress& peer) const {
  const auto subjects = [&](size_t party) {
    return world_[party] ? std::vector<SubjectId>{policy_.WorldSubject(peer)} : subjects_[party];
  };
  for (const SubjectId from : subjects(source)) {
    for (const SubjectId to : subjects(destination)) {
      const Judgement judged = Judge(policy_, from, to, protocol, port);
      if (!judged.source.allow && !judged.source.audit) return {false, judged.source, Direction::kEgress};
      if (!judged.destination.allow && !judged.destination.audit) return {false, judged.destination, Direction::kIngress};
    }
  }
  return {};
}

}  // namespace bulkhead::learn
