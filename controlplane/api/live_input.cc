// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/live_input.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace bulkhead::api {
namespace {

KnownIdentity KnownOf(const Identity& identity, const std::set<IpAddress>& addresses, const Modes& modes) {
  KnownIdentity known;
  known.identity = identity;
  known.addresses.assign(addresses.begin(), addresses.end());
  known.mode = modes.Of(identity.ns, identity.service);
  known.named_ports = identity.named_ports;
  return known;
}

}  // namespace

CompileInput LiveInput(const View& view) {
  CompileInput out;
  out.documents = view.documents;
  out.namespaces = view.namespaces;
  out.nodes = view.nodes;
  out.options = view.policy_options;
  out.global_mode = view.modes.global;
  out.generation = view.generation;
  for (const std::string& text : view.host_addresses) {
    if (const std::optional<IpAddress> address = IpAddress::Parse(text)) out.host_addresses.push_back(*address);
  }
  for (const auto& [id, addresses] : view.addresses) {
    const auto identity = view.identities.find(id);
    if (identity != view.identities.end()) out.identities.push_back(KnownOf(identity->second, addresses, view.modes));
  }
  return out;
}

CompileInput WithPolicy(CompileInput input, std::shared_ptr<const PolicyDocuments> documents, const Modes& modes) {
  input.documents = std::move(documents);
  input.global_mode = modes.global;
  for (KnownIdentity& known : input.identities) known.mode = modes.Of(known.identity.ns, known.identity.service);
  return input;
}

std::vector<Headcount> CountHeads(const View& view, const CompileInput& input) {
  std::map<IdentityId, Headcount> counts;
  for (const auto& [key, workload] : view.workloads) {
    if (workload.host_network || !workload.via.empty()) continue;
    Headcount& heads = counts.try_emplace(workload.identity, Headcount{0, false}).first->second;
    ++heads.workloads;
    heads.some_addressless |= std::none_of(workload.endpoints.begin(), workload.endpoints.end(),
                                           [](const Endpoint& endpoint) { return !endpoint.addresses.empty(); });
  }
  std::vector<Headcount> out;
  for (const KnownIdentity& known : input.identities) {
    const auto at = counts.find(known.identity.id);
    out.push_back(at == counts.end() ? Headcount{} : at->second);
  }
  return out;
}

void AddFormer(const View& view, const std::set<IdentityId>& identities, CompileInput* input) {
  for (const IdentityId id : identities) {
    const auto identity = view.identities.find(id);
    if (identity != view.identities.end() && !view.addresses.contains(id)) {
      input->identities.push_back(KnownOf(identity->second, {}, view.modes));
    }
  }
}

SubjectFinder::SubjectFinder(const CompiledPolicy& policy, const CompileInput& input) : policy_(policy) {
  addresses_[kIdentityHost] = &input.host_addresses;
  for (const KnownIdentity& known : input.identities) addresses_[known.identity.id] = &known.addresses;
}

bool SubjectFinder::Knows(IdentityId identity) const { return identity < kFirstIdentity || addresses_.contains(identity); }

SubjectId SubjectFinder::Of(IdentityId identity, const IpAddress& address) const {
  if (identity == kIdentityUnknown) return kSubjectUnknown;
  if (identity == kIdentityWorld) return address.IsUnspecified() ? kSubjectWorld : policy_.WorldSubject(address);
  const auto own = addresses_.find(identity);
  if (own == addresses_.end()) return kSubjectUnknown;
  const std::vector<IpAddress>& all = *own->second;
  if (std::find(all.begin(), all.end(), address) != all.end()) return policy_.FindSubject(identity, address).value_or(kSubjectUnknown);
  const auto alike = std::find_if(all.begin(), all.end(), [&](const IpAddress& one) { return one.family == address.family; });
  if (alike != all.end()) return policy_.FindSubject(identity, *alike).value_or(kSubjectUnknown);
  return policy_.FindSubject(identity).value_or(identity == kIdentityHost ? kSubjectHost : kSubjectUnknown);
}

}  // namespace bulkhead::api
