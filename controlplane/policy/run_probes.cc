// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/probes.h"

namespace bulkhead {
namespace {

// One end of a probe: a workload, a node, or an address that is nobody's.
struct End {
  const InventoryWorkload* workload = nullptr;  // null: node traffic or the world
  IdentityId identity = kIdentityWorld;
  std::vector<IpAddress> addresses;

  bool HasFamily(uint8_t family) const { return Find(family).has_value(); }
  std::optional<IpAddress> Find(uint8_t family) const {
    for (const IpAddress& address : addresses) {
      if (address.family == family) return address;
    }
    return std::nullopt;
  }
};

class Directory {
 public:
  explicit Directory(const Inventory& inventory) : inventory_(inventory) {
    for (const KnownNode& node : inventory.nodes) nodes_[node.name] = &node;
    std::map<std::tuple<std::string, Labels, std::vector<NamedPort>>, size_t> known;
    for (const InventoryWorkload& workload : inventory.workloads) {
      End end = workload.host_network ? NodeOf(workload) : AddWorkload(workload, &known);
      // Where two claim one address, the first has it.
      for (const IpAddress& address : workload.addresses) by_address_.try_emplace(address, end);
      by_name_.emplace(workload.ns + "/" + workload.name, std::move(end));
    }
  }

  const std::vector<KnownIdentity>& identities() const { return identities_; }

  // nullopt: no such workload.
  std::optional<End> Find(const std::string& text) const {
    if (const auto named = by_name_.find(text); named != by_name_.end()) return named->second;
    const auto address = IpAddress::Parse(text);
    if (!address) return std::nullopt;
    End end;
    if (const auto found = by_address_.find(*address); found != by_address_.end()) end = found->second;
    end.addresses = {*address};
    return end;
  }

  std::string Nearest(const std::string& text) const {
    std::vector<std::string> names;
    for (const auto& [name, end] : by_name_) names.push_back(name);
    return yaml::Nearest(text, names);
  }

 private:
  End AddWorkload(const InventoryWorkload& workload,
                  std::map<std::tuple<std::string, Labels, std::vector<NamedPort>>, size_t>* known) {
    const auto [found, added] = known->try_emplace({workload.ns, workload.labels, workload.named_ports}, identities_.size());
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
  End NodeOf(const InventoryWorkload& workload) const {
    End end;
    if (const auto node = nodes_.find(workload.node); node != nodes_.end()) end.addresses = node->second->addresses;
    if (end.addresses.empty()) end.addresses = workload.addresses;
    return end;
  }

  const Inventory& inventory_;
  std::map<std::string, const KnownNode*> nodes_;
  std::vector<KnownIdentity> identities_;
  std::map<std::string, End> by_name_;
  std::map<IpAddress, End> by_address_;
};

// The addresses that the connection uses: the target's first whose family the source has. One side without any does not bind the
// other.
std::pair<std::optional<IpAddress>, std::optional<IpAddress>> ChooseAddresses(const End& from, const End& to) {
  const auto first = [](const End& end) { return end.addresses.empty() ? std::nullopt : std::optional(end.addresses.front()); };
  if (from.addresses.empty() || to.addresses.empty()) return {first(from), first(to)};
  for (const IpAddress& address : to.addresses) {
    if (from.HasFamily(address.family)) return {from.Find(address.family), address};
  }
  return {};
}

Party MakeParty(const End& end, const std::optional<IpAddress>& address) {
  Party party;
  party.address = address;
  if (!end.workload) return party;
  party.kind = Party::Kind::kWorkload;
  party.ns = end.workload->ns;
  party.labels = end.workload->labels;
  party.named_ports = end.workload->named_ports;
  party.id = end.workload->ns + "/" + end.workload->name;
  return party;
}

SubjectId SubjectOf(const CompiledPolicy& policy, const End& end, const std::optional<IpAddress>& address) {
  if (!end.workload) return address ? policy.WorldSubject(*address) : kSubjectWorld;
  if (address) return policy.FindSubject(end.identity, *address).value_or(kSubjectUnknown);
  return policy.FindSubject(end.identity).value_or(kSubjectUnknown);
}

Answer AskCompiled(const CompiledPolicy& policy, const Question& question, SubjectId source, SubjectId destination) {
  Judgement judgement{{true, kRuleSelf}, {true, kRuleSelf}};
  const bool self = !question.source.id.empty() && question.source.id == question.destination.id;
  if (!self) judgement = Judge(policy, source, destination, question.protocol, question.port);
  return {DescribeSide(policy, judgement.source), DescribeSide(policy, judgement.destination)};
}

}  // namespace

absl::StatusOr<std::vector<ProbeResult>> RunProbes(const Inventory& inventory, const PolicyDocuments& documents,
                                                   const std::vector<Probe>& probes, const PolicyOptions& options) {
  const Directory directory(inventory);
  std::vector<std::string> errors;
  const auto find = [&](const std::string& name, const SourcePos& pos) {
    std::optional<End> end = directory.Find(name);
    if (!end && errors.size() < yaml::kMaxErrors) {
      const std::string nearest = directory.Nearest(name);
      errors.push_back(absl::StrCat(pos.ToString(), ": found ", yaml::Quote(name), ", expected a workload of the inventory",
                                    nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)")));
    }
    return end;
  };
  std::vector<std::pair<std::optional<End>, std::optional<End>>> ends;
  for (const Probe& probe : probes) {
    std::optional<End> from = find(probe.from, probe.from_pos);
    ends.emplace_back(std::move(from), find(probe.to, probe.to_pos));
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));

  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(documents);
  input.namespaces = inventory.namespaces;
  input.nodes = inventory.nodes;
  input.identities = directory.identities();
  input.options = options;
  input.global_mode = Mode::kEnforce;
  const auto policy = Compile(input);
  if (!policy.ok()) return policy.status();

  std::vector<ProbeResult> results;
  for (size_t i = 0; i < probes.size(); ++i) {
    const End& from = *ends[i].first;
    const End& to = *ends[i].second;
    const auto [source, destination] = ChooseAddresses(from, to);
    Question question;
    question.documents = &documents;
    question.namespaces = &inventory.namespaces;
    question.nodes = &inventory.nodes;
    question.options = options;
    question.source = MakeParty(from, source);
    question.destination = MakeParty(to, destination);
    question.protocol = probes[i].protocol;
    question.port = probes[i].port;
    const SubjectId source_subject = SubjectOf(*policy, from, source), destination_subject = SubjectOf(*policy, to, destination);
    results.push_back({AskCompiled(*policy, question, source_subject, destination_subject), Evaluate(question)});
  }
  return results;
}

}  // namespace bulkhead
