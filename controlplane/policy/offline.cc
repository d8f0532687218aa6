// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/offline.h"

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

std::string NameOf(const InventoryWorkload& workload) { return absl::StrCat(workload.ns, "/", workload.name); }

Party PartyOfEnd(const End& end, const std::optional<IpAddress>& address) {
  Party party;
  party.address = address;
  if (!end.workload) return party;
  party.kind = Party::Kind::kWorkload;
  party.ns = end.workload->ns;
  party.labels = end.workload->labels;
  party.named_ports = end.workload->named_ports;
  party.id = NameOf(*end.workload);
  return party;
}

SubjectId SubjectOfEnd(const CompiledPolicy& policy, const End& end, const std::optional<IpAddress>& address) {
  if (!end.workload) return address ? policy.WorldSubject(*address) : kSubjectWorld;
  if (address) return policy.FindSubject(end.identity, *address).value_or(kSubjectUnknown);
  return policy.FindSubject(end.identity).value_or(kSubjectUnknown);
}

}  // namespace

std::optional<IpAddress> End::Find(uint8_t family) const {
  for (const IpAddress& address : addresses) {
    if (address.family == family) return address;
  }
  return std::nullopt;
}

OfflineWorld::OfflineWorld(const Inventory& inventory) : inventory_(inventory) {
  for (const KnownNode& node : inventory.nodes) nodes_[node.name] = &node;
  for (const InventoryWorkload& workload : inventory.workloads) {
    // Where two claim one address, the first has it.
    for (const IpAddress& address : workload.addresses) by_address_.try_emplace(address, ends_.size());
    by_name_.emplace(NameOf(workload), ends_.size());
    ends_.push_back(workload.host_network ? NodeOf(workload) : AddWorkload(workload));
  }
}

CompileInput OfflineWorld::Input(std::shared_ptr<const PolicyDocuments> documents, const PolicyOptions& options) const {
  CompileInput input;
  input.documents = std::move(documents);
  input.namespaces = inventory_.namespaces;
  input.nodes = inventory_.nodes;
  input.identities = identities_;
  input.options = options;
  input.global_mode = Mode::kEnforce;
  return input;
}

std::optional<End> OfflineWorld::Find(const std::string& text) const {
  if (const auto named = by_name_.find(text); named != by_name_.end()) return ends_[named->second];
  const auto address = IpAddress::Parse(text);
  if (!address) return std::nullopt;
  End end;
  if (const auto found = by_address_.find(*address); found != by_address_.end()) end = ends_[found->second];
  end.addresses = {*address};
  return end;
}

std::vector<End> OfflineWorld::FindAll(const std::string& text) const {
  if (const std::optional<End> one = Find(text)) return {*one};
  std::vector<End> out;
  for (size_t i = 0; i < ends_.size(); ++i) {
    const InventoryWorkload& workload = inventory_.workloads[i];
    const auto label = workload.labels.find("bulkhead.dev/service");
    const std::string ns = workload.ns + "/";
    if (text == ns + workload.owner || (label != workload.labels.end() && text == ns + label->second)) out.push_back(ends_[i]);
  }
  return out;
}

std::string OfflineWorld::Nearest(const std::string& text) const {
  std::vector<std::string> names;
  for (const auto& [name, end] : by_name_) names.push_back(name);
  return yaml::Nearest(text, names);
}

Connection OfflineWorld::Connect(const End& from, const End& to, uint8_t protocol, uint16_t port) {
  Connection connection{from, to, {}, {}, protocol, port};
  const auto first = [](const End& end) { return end.addresses.empty() ? std::nullopt : std::optional(end.addresses.front()); };
  if (from.addresses.empty() || to.addresses.empty()) {
    connection.source = first(from);
    connection.destination = first(to);
    return connection;
  }
  for (const IpAddress& address : to.addresses) {
    connection.source = from.Find(address.family);
    if (!connection.source) continue;
    connection.destination = address;
    break;
  }
  return connection;
}

Question OfflineWorld::Ask(const PolicyDocuments& documents, const PolicyOptions& options, const Connection& connection) const {
  Question question;
  question.documents = &documents;
  question.namespaces = &inventory_.namespaces;
  question.nodes = &inventory_.nodes;
  question.options = options;
  question.source = PartyOfEnd(connection.from, connection.source);
  question.destination = PartyOfEnd(connection.to, connection.destination);
  question.protocol = connection.protocol;
  question.port = connection.port;
  return question;
}

End OfflineWorld::AddWorkload(const InventoryWorkload& workload) {
  const auto [found, added] = known_.try_emplace({workload.ns, workload.labels, workload.named_ports}, identities_.size());
  if (added) {
    KnownIdentity fresh;
    fresh.identity.id = kFirstIdentity + static_cast<IdentityId>(identities_.size());
    fresh.identity.ns = workload.ns;
    fresh.identity.labels = workload.labels;
    fresh.mode = Mode::kEnforce;
    fresh.named_ports = workload.named_ports;
    identities_.push_back(std::move(fresh));
  }
  KnownIdentity& identity = identities_[found->second];
  identity.addresses.insert(identity.addresses.end(), workload.addresses.begin(), workload.addresses.end());
  return {&workload, identity.identity.id, workload.addresses};
}

// A host-network workload has its node's addresses, which its own status repeats when the Node is not in the inventory.
End OfflineWorld::NodeOf(const InventoryWorkload& workload) const {
  End end;
  if (const auto node = nodes_.find(workload.node); node != nodes_.end()) end.addresses = node->second->addresses;
  if (end.addresses.empty()) end.addresses = workload.addresses;
  return end;
}

Answer AskCompiled(const CompiledPolicy& policy, const Connection& connection) {
  const bool self = connection.from.workload != nullptr && connection.from.workload == connection.to.workload;
  Judgement judgement{{true, kRuleSelf}, {true, kRuleSelf}};
  if (!self) {
    judgement = Judge(policy, SubjectOfEnd(policy, connection.from, connection.source),
                      SubjectOfEnd(policy, connection.to, connection.destination), connection.protocol, connection.port);
  }
  return {DescribeSide(policy, judgement.source), DescribeSide(policy, judgement.destination)};
}

}  // namespace bulkhead
