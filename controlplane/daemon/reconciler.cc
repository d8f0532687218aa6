// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/reconciler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

bool SelectsNodes(const PolicyDocuments& documents) {
  const auto in_rules = [](const std::vector<PolicyRule>& rules) {
    return std::any_of(rules.begin(), rules.end(), [](const PolicyRule& rule) {
      return std::any_of(rule.peers.begin(), rule.peers.end(),
                         [](const PolicyPeer& peer) { return peer.node_selector.has_value(); });
    });
  };
  return std::any_of(documents.policies.begin(), documents.policies.end(),
                     [&](const Policy& policy) { return in_rules(policy.ingress) || in_rules(policy.egress); });
}

}  // namespace

Reconciler::Reconciler(Backend* backend, Store* store, const IdentityInterner* interner, RuleBook* rules, PolicyOptions options,
                     const std::vector<EndpointState>& adopted, uint64_t generation)
    : backend_(backend), store_(store), interner_(interner), rules_(rules), options_(options), generation_(generation) {
  for (const EndpointState& endpoint : adopted) applied_[endpoint.slot] = endpoint;
}

absl::StatusOr<CompiledPolicy> Reconciler::Compile(const PolicyInput& input, const InventoryState& inventory,
                                                  uint64_t generation) const {
  CompileInput compile;
  compile.documents = input.documents;
  compile.host_addresses = input.host_addresses;
  compile.nodes = {input.node};
  compile.options = options_;
  compile.global_mode = input.modes.global;
  compile.generation = generation;
  for (const auto& [id, addresses] : inventory.identities) {
    const Identity* identity = interner_->Find(id);
    if (identity == nullptr) continue;  // adopted, and the store has lost it: stays unknown until its workload is found
    KnownIdentity& known = compile.identities.emplace_back();
    known.identity = *identity;
    known.named_ports = identity->named_ports;
    known.addresses.assign(addresses.begin(), addresses.end());
    known.mode = input.modes.Of(identity->ns, identity->service);
  }
  return bulkhead::Compile(compile);
}

bool Reconciler::Knows(IdentityId identity, const std::set<IpAddress>& addresses) {
  if (!policy_->subject_index.contains({identity, {}})) return false;
  for (const IpAddress& address : addresses) {
    if (known_.contains({identity, address})) continue;
    if (!policy_->FindSubject(identity, address).has_value()) return false;
    known_.insert({identity, address});
  }
  return true;
}

bool Reconciler::NeedsPolicy(const PolicyInput& input, const InventoryState& inventory) {
  if (tried_.documents != input.documents || tried_.modes != input.modes) return true;
  if (tried_.node != input.node) {
    tried_.node = input.node;
    if (SelectsNodes(*input.documents)) return true;
  }
  const bool failed = !policy_status_.ok() || policy_ == nullptr;
  if (!failed && !Knows(kIdentityHost, {input.host_addresses.begin(), input.host_addresses.end()})) return true;
  for (const auto& [id, addresses] : inventory.identities) {
    if (!failed) {
      if (interner_->Find(id) != nullptr && !Knows(id, addresses)) return true;
      continue;
    }
    // What did not fit does not fit better the second time; only somebody new is a reason to try again.
    if (!tried_subjects_.contains({id, {}})) return true;
    for (const IpAddress& address : addresses) {
      if (!tried_subjects_.contains({id, address})) return true;
    }
  }
  return false;
}

void Reconciler::Sync(const PolicyInput& input, const InventoryState& inventory, const std::function<bool(uint32_t)>& release) {
  problems_.clear();
  if (!host_addresses_set_ || host_addresses_ != input.host_addresses) {
    const absl::Status status = backend_->SetHostAddresses(input.host_addresses);
    Note("host addresses", status);
    host_addresses_set_ = status.ok();
    host_addresses_ = input.host_addresses;
  }
  const bool retry = !policy_status_.ok() && !absl::IsResourceExhausted(policy_status_);
  if (policy_ == nullptr || retry || NeedsPolicy(input, inventory)) {
    PutUnboundFirst(inventory);
    ApplyPolicy(input, inventory);
  }
  Note("policy", policy_status_);
  RemoveEndpoints(inventory, release);
  PutEndpoints(inventory);
  if (!published_set_ || published_ != inventory.published) {
    const absl::Status status = backend_->SetPublished(inventory.published);
    Note("published ports", status);
    published_set_ = status.ok();
    published_ = inventory.published;
  }
}

void Reconciler::PutUnboundFirst(const InventoryState& inventory) {
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    if (applied_.contains(slot)) continue;
    EndpointState unbound;
    unbound.slot = endpoint.slot;
    unbound.ifindex = endpoint.ifindex;
    unbound.zone = endpoint.zone;
    Put(unbound);
  }
}

void Reconciler::ApplyPolicy(const PolicyInput& input, const InventoryState& inventory) {
  tried_ = input;
  tried_subjects_.clear();
  for (const auto& [id, addresses] : inventory.identities) {
    tried_subjects_.insert({id, {}});
    for (const IpAddress& address : addresses) tried_subjects_.insert({id, address});
  }
  const uint64_t next = generation() + 1;
  absl::StatusOr<CompiledPolicy> compiled = Compile(input, inventory, next);
  if (!compiled.ok()) {
    policy_status_ = compiled.status();
    spdlog::error("policy: {}; generation {} stays", std::string(policy_status_.message()), generation());
    return;
  }
  if (absl::Status status = store_->SaveRules(rules_->Number(&*compiled)); !status.ok()) Note("state", status);
  auto policy = std::make_shared<const CompiledPolicy>(*std::move(compiled));
  policy_status_ = backend_->ApplyPolicy(policy);
  if (!policy_status_.ok()) {
    spdlog::error("policy: {}; generation {} stays", std::string(policy_status_.message()), generation());
    return;
  }
  policy_ = std::move(policy);
  documents_ = input.documents;
  known_.clear();
  spdlog::debug("generation {}: {} policies, {} identities, {} classes, {} rulesets", next, documents_->policies.size(),
                inventory.identities.size(), policy_->classes, policy_->rulesets.size());
  if (absl::Status status = store_->Set("generation", std::to_string(next)); !status.ok()) Note("state", status);
}

void Reconciler::Put(const EndpointState& endpoint) {
  const absl::Status status = backend_->PutEndpoint(endpoint);
  if (!status.ok()) {
    Note(absl::StrCat("endpoint of interface ", endpoint.ifindex), status);
    // It may be half there: remembered as what no endpoint is, so that it is written again whatever it should be then.
    EndpointState& unknown = applied_[endpoint.slot] = EndpointState();
    unknown.ifindex = endpoint.ifindex;
    return;
  }
  applied_[endpoint.slot] = endpoint;
}

void Reconciler::PutEndpoints(const InventoryState& inventory) {
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    const auto at = applied_.find(slot);
    if (at == applied_.end() || at->second != endpoint) Put(endpoint);
  }
}

void Reconciler::RemoveEndpoints(const InventoryState& inventory, const std::function<bool(uint32_t)>& release) {
  for (auto at = applied_.begin(); at != applied_.end();) {
    if (inventory.endpoints.contains(at->first) || !release(at->second.ifindex)) {
      ++at;
      continue;
    }
    const absl::Status status = backend_->RemoveEndpoint(at->first);
    if (!status.ok()) {
      Note(absl::StrCat("endpoint of interface ", at->second.ifindex), status);
      ++at;
    } else {
      at = applied_.erase(at);
    }
  }
}

void Reconciler::Note(const std::string& what, const absl::Status& status) {
  if (!status.ok()) problems_[what] = std::string(status.message());
}

std::vector<std::string> Reconciler::problems() const {
  std::vector<std::string> out;
  for (const auto& [what, message] : problems_) {
    out.push_back(what == "policy" ? absl::StrCat("policy: ", message, "; generation ", generation(), " stays")
                                   : absl::StrCat(what, ": ", message));
  }
  return out;
}

}  // namespace bulkhead
