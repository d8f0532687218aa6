// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/reconciler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bulkhead {

Reconciler::Reconciler(Backend* backend, Store* store, const IdentityInterner* interner, RuleBook* rules, PolicyOptions options,
                       const std::vector<EndpointState>& adopted, bool in_force, uint64_t generation)
    : backend_(backend), store_(store), interner_(interner), rules_(rules), options_(options), generation_(generation),
      saved_generation_(generation), first_(!in_force),
      active_(interner, options, in_force ? PolicyKeeper::Before::kOlderPolicy : PolicyKeeper::Before::kNothing,
              {[this](CompiledPolicy* policy) { NumberRules(policy); },
               [this](std::shared_ptr<const CompiledPolicy> policy) { return backend_->ApplyPolicy(std::move(policy)); },
               [this](const PolicyGrowth& growth) { return backend_->GrowPolicy(growth); }}) {
  for (const EndpointState& endpoint : adopted) applied_[endpoint.slot] = endpoint;
}

absl::StatusOr<CompiledPolicy> Reconciler::Compile(const PolicyInput& input, const InventoryState& inventory,
                                                  uint64_t generation) const {
  return bulkhead::Compile(MakeCompileInput(input, inventory, *interner_, options_, generation));
}

void Reconciler::Sync(const PolicyInput& input, const InventoryState& inventory, const std::function<bool(uint32_t)>& release) {
  problems_.clear();
  if (!host_addresses_set_ || host_addresses_ != input.host_addresses) {
    const absl::Status status = backend_->SetHostAddresses(input.host_addresses);
    Note("host addresses", status);
    host_addresses_set_ = status.ok();
    host_addresses_ = input.host_addresses;
  }
  if (active_.IsBehind(input, inventory)) {
    PutUnboundFirst(inventory);
    if (first_ && policy() == nullptr) {
      // Nobody is judged yet. Bound one by one under a policy, who comes late would be nobody to those who enforce already.
      RemoveEndpoints(inventory, release);
      PutEndpoints(inventory);
    }
    PutForgottenFirst(inventory);
    UpdatePolicy(input, inventory);
  }
  Remember();
  Note("policy", policy_status());
  RemoveEndpoints(inventory, release);
  PutEndpoints(inventory);
  if (!published_set_ || published_ != inventory.published) {
    const absl::Status status = backend_->SetPublished(inventory.published);
    Note("published ports", status);
    published_set_ = status.ok();
    published_ = inventory.published;
  }
}

absl::Status Reconciler::SyncStaged(const std::shared_ptr<const PolicyDocuments>& documents, const PolicyInput& input,
                                    const InventoryState& inventory) {
  if (documents == nullptr) {
    staged_ = nullptr;
    if (unstaged_) return absl::OkStatus();
    const absl::Status status = backend_->StagePolicy(nullptr);
    unstaged_ = status.ok();
    return status;
  }
  unstaged_ = false;
  if (staged_ == nullptr) {
    staged_rules_ = RuleBook();
    staged_ = std::make_unique<PolicyKeeper>(
        interner_, options_, PolicyKeeper::Before::kDecidesNot,
        PolicyKeeper::Outlet{
            [this](CompiledPolicy* policy) { staged_rules_.Number(policy); },
            [this](std::shared_ptr<const CompiledPolicy> policy) { return backend_->StagePolicy(std::move(policy)); },
            [this](const PolicyGrowth& growth) { return backend_->GrowStaged(growth); }});
  }
  PolicyInput candidate = input;
  candidate.documents = documents;
  if (staged_->IsBehind(candidate, inventory)) staged_->CatchUp(candidate, inventory, generation() + 1);
  return staged_->status();
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

// Adopted endpoints whose numbers nobody knows any more. The next policy knows them by their new ones, so that there is no moment in
// which they are nobody's; until then they are judged as they were.
void Reconciler::PutForgottenFirst(const InventoryState& inventory) {
  if (policy() != nullptr) return;
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    const auto at = applied_.find(slot);
    if (at == applied_.end() || !at->second.bound || !endpoint.bound || at->second.ifindex != endpoint.ifindex) continue;
    if (at->second.identity >= kFirstIdentity && interner_->Find(at->second.identity) == nullptr) Put(endpoint);
  }
}

void Reconciler::NumberRules(CompiledPolicy* policy) {
  const std::vector<RuleInfo> changed = rules_->Number(policy);
  unsaved_rules_.insert(unsaved_rules_.end(), changed.begin(), changed.end());
  Remember();
}

// What could not be stored is tried again by the next Sync.
void Reconciler::Remember() {
  absl::Status status = store_->SaveRules(unsaved_rules_);
  if (status.ok()) unsaved_rules_.clear();
  if (status.ok() && generation() != saved_generation_) {
    status = store_->Set("generation", std::to_string(generation()));
    if (status.ok()) saved_generation_ = generation();
  }
  Note("state, rules", status);
}

void Reconciler::UpdatePolicy(const PolicyInput& input, const InventoryState& inventory) {
  const uint64_t before = generation();
  active_.CatchUp(input, inventory, before + 1);
  if (!policy_status().ok()) spdlog::error("policy: {}; {}", std::string(policy_status().message()), WhatStays());
  if (generation() == before) return;
  spdlog::debug("generation {}: {} policies, {} identities, {} classes, {} rulesets", generation(), documents()->policies.size(),
                inventory.identities.size(), policy()->classes, policy()->rulesets.size());
}

std::string Reconciler::WhatStays() const {
  if (active_.closed()) return "nothing of it is in force; services in enforce are closed";
  if (active_.open()) return "nothing is in force; every service is open";
  return absl::StrCat("generation ", generation(), " stays");
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
    out.push_back(absl::StrCat(what, ": ", message, what == "policy" ? "; " : "", what == "policy" ? WhatStays() : ""));
  }
  return out;
}

}  // namespace bulkhead
