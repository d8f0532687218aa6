// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/names.h"

#include "absl/strings/str_cat.h"
#include "controlplane/api/activity.h"

namespace bulkhead::api {
namespace {

std::string ShortKey(const RuleInfo& rule) {
  const std::string prefix = rule.policy_ns + "/";
  return !rule.policy_ns.empty() && rule.key.starts_with(prefix) ? rule.key.substr(prefix.size()) : rule.key;
}

}  // namespace

bool IsPartyOf(std::string_view party, std::string_view ns) {
  return party.size() > ns.size() && party[ns.size()] == '/' && party.starts_with(ns);
}

std::string WorkloadNameOf(const Workload& workload) { return PartyName(workload.ns, workload.name); }

Names::Names(std::shared_ptr<const View> view) : view_(std::move(view)) {
  for (const auto& [key, workload] : view_->workloads) {
    for (const Endpoint& endpoint : workload.endpoints) {
      for (const IpAddress& address : endpoint.addresses) {
        const auto [at, added] = by_address_.try_emplace(address, &workload);
        if (!added && at->second != &workload) at->second = nullptr;
      }
    }
  }
  for (const EndpointView& endpoint : view_->endpoints) {
    const auto at = view_->workloads.find(endpoint.workload_key);
    if (endpoint.bound && at != view_->workloads.end()) by_slot_[endpoint.slot] = &at->second;
  }
}

std::string Names::Party(IdentityId identity) const {
  switch (identity) {
    case kIdentityUnknown:
      return "unknown";
    case kIdentityHost:
      return "host";
    case kIdentityWorld:
      return "world";
    default:
      break;
  }
  const auto at = view_->identities.find(identity);
  return at == view_->identities.end() ? absl::StrCat("identity ", identity) : PartyName(at->second.ns, at->second.service);
}

const Workload* Names::FindWorkload(uint16_t slot) const {
  const auto at = by_slot_.find(slot);
  return slot == 0 || at == by_slot_.end() ? nullptr : at->second;
}

const Workload* Names::FindWorkload(const IpAddress& address) const {
  const auto at = by_address_.find(address);
  return at == by_address_.end() ? nullptr : at->second;
}

std::string Names::WorkloadName(uint16_t slot, const IpAddress& address) const {
  const Workload* workload = FindWorkload(slot);
  if (workload == nullptr) workload = FindWorkload(address);
  return workload == nullptr ? "" : WorkloadNameOf(*workload);
}

const RuleInfo* Names::FindRule(uint32_t rule) const {
  const auto at = view_->rules.find(rule);
  return at == view_->rules.end() ? nullptr : &at->second;
}

std::string Names::RuleKey(uint32_t rule) const {
  const RuleInfo* info = FindRule(rule);
  return info == nullptr ? absl::StrCat("rule ", rule) : info->key;
}

std::string Names::DecidingRule(uint32_t source_rule, uint32_t destination_rule, Verdict verdict) const {
  const RuleInfo* source = FindRule(source_rule);
  const RuleInfo* destination = FindRule(destination_rule);
  if (source == nullptr || destination == nullptr) return RuleKey(destination == nullptr ? destination_rule : source_rule);
  // Isolation without a matching rule is what denies in the NetworkPolicy tier.
  const auto denies = [](const RuleInfo& rule) {
    return rule.tier != Tier::kDefault && (rule.index < 0 || rule.action == RuleAction::kDeny);
  };
  if (verdict != Verdict::kAllow && denies(*source) && !denies(*destination)) return ShortKey(*source);
  if (destination->tier == Tier::kDefault && source->tier != Tier::kDefault) return ShortKey(*source);
  return ShortKey(*destination);
}

}  // namespace bulkhead::api
