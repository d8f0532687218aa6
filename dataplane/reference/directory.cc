// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/directory.h"

#include <algorithm>

#include "dataplane/reference/parse.h"

namespace bulkhead::reference {
namespace {

bool Has(const EndpointState& endpoint, const IpAddress& address) {
  return endpoint.bound && std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) != endpoint.addresses.end();
}

}  // namespace

void Directory::Put(const EndpointState& endpoint) {
  endpoints_[endpoint.slot] = endpoint;
  put_[endpoint.slot] = ++puts_;
  published_to_[endpoint.slot] = {active_.subjects, staged_.subjects};
}

void Directory::SetPolicy(const CompiledPolicy* policy) {
  active_ = {policy, policy->subjects.size()};
  for (auto& [slot, published] : published_to_) published.active = active_.subjects;
}

void Directory::SetStaged(const CompiledPolicy* policy) {
  staged_ = {policy, policy == nullptr ? 0 : policy->subjects.size()};
  for (auto& [slot, published] : published_to_) published.staged = staged_.subjects;
}

const EndpointState* Directory::AtPort(uint32_t ifindex) const {
  for (const auto& [slot, endpoint] : endpoints_) {
    if (endpoint.ifindex == ifindex && ifindex != 0) return &endpoint;
  }
  return nullptr;
}

const EndpointState* Directory::AtSlot(uint16_t slot) const {
  const auto found = endpoints_.find(slot);
  return found == endpoints_.end() ? nullptr : &found->second;
}

uint16_t Directory::Holder(uint16_t zone, const IpAddress& address) const {
  uint16_t last = 0;
  for (const auto& [slot, endpoint] : endpoints_) {
    const bool holds = endpoint.zone == zone && Has(endpoint, address);
    if (holds && (last == 0 || put_.at(slot) > put_.at(last))) last = slot;
  }
  return last;
}

uint16_t Directory::Local(uint16_t zone, const IpAddress& address) const {
  const auto found = At(zone, address);
  const EndpointState* endpoint = found && !found->ambiguous ? AtSlot(found->slot) : nullptr;
  return endpoint != nullptr && endpoint->zone == zone ? found->slot : uint16_t{0};
}

bool Directory::IsLinkLocalOfAny(uint16_t zone, const IpAddress& address) const {
  return std::any_of(endpoints_.begin(), endpoints_.end(), [&](const auto& item) {
    const EndpointState& endpoint = item.second;
    return endpoint.zone == zone && !endpoint.mac.IsZero() && LinkLocalOf(endpoint.mac) == address;
  });
}

std::optional<Resident> Directory::At(uint16_t zone, const IpAddress& address) const {
  if (zone != 0) {
    const uint16_t slot = Holder(zone, address);
    return slot == 0 ? std::nullopt : std::optional(Resident{slot, false, false});
  }
  std::set<uint16_t> zones;
  for (const auto& [slot, endpoint] : endpoints_) {
    if (Has(endpoint, address)) zones.insert(endpoint.zone);
  }
  const bool host = host_.contains(address);
  if (zones.size() + host > 1) return Resident{Holder(0, address), host, true};
  if (host) return Resident{0, true, false};
  if (zones.empty()) return std::nullopt;
  return Resident{Holder(*zones.begin(), address), false, false};
}

std::optional<Resident> Directory::Find(uint16_t zone, const IpAddress& address) const {
  const auto here = At(zone, address);
  return here ? here : At(0, address);
}

SubjectId Directory::Subject(const PublishedPolicy& in, IdentityId identity, const IpAddress* address, SubjectId otherwise) {
  if (in.policy == nullptr) return kSubjectUnknown;
  const auto found = address == nullptr ? in.policy->FindSubject(identity) : in.policy->FindSubject(identity, *address);
  return found && *found < in.subjects ? *found : otherwise;
}

SubjectId Directory::WorldSubject(const PublishedPolicy& in, const IpAddress& address) {
  if (in.policy == nullptr) return kSubjectUnknown;
  const std::pair<Prefix, SubjectId>* best = nullptr;
  for (const auto& entry : in.policy->world_prefixes) {
    if (entry.first.Contains(address) && (best == nullptr || entry.first.length > best->first.length)) best = &entry;
  }
  return best == nullptr ? kSubjectWorld : best->second;
}

Party Directory::Of(uint16_t slot, IdentityId identity, const IpAddress* address, SubjectId otherwise) const {
  PublishedPolicy active = active_, staged = staged_;
  if (const auto found = published_to_.find(slot); found != published_to_.end()) {
    active.subjects = found->second.active;
    staged.subjects = found->second.staged;
  }
  return {Subject(active, identity, address, otherwise), slot, Subject(staged, identity, address, otherwise)};
}

Party Directory::Workload(uint16_t slot, const IpAddress& address) const {
  const EndpointState* endpoint = AtSlot(slot);
  if (endpoint == nullptr || !endpoint->bound) return {kSubjectUnknown, slot};
  if (endpoint->zone == 0 && At(0, address).value_or(Resident()).ambiguous) return {kSubjectUnknown, slot};
  return Of(slot, endpoint->identity, &address, kSubjectUnknown);
}

Party Directory::Endpoint(uint16_t slot, uint8_t family) const {
  const EndpointState* endpoint = AtSlot(slot);
  if (endpoint == nullptr || endpoint->ifindex == 0 || !endpoint->bound) return {kSubjectUnknown, slot};
  for (const IpAddress& address : endpoint->addresses) {
    if (address.family == family) return Of(slot, endpoint->identity, &address, kSubjectUnknown);
  }
  return Of(slot, endpoint->identity, nullptr, kSubjectUnknown);
}

Party Directory::Outside(const IpAddress& address) const {
  return {WorldSubject(active_, address), 0, WorldSubject(staged_, address)};
}

Party Directory::Host(const IpAddress& address) const {
  const auto found = At(0, address);
  if (!found || !found->host) return {kSubjectHost, 0, kSubjectHost};
  return found->ambiguous ? Party() : Of(0, kIdentityHost, &address, kSubjectHost);
}

Party Directory::Tagged(uint16_t zone, uint16_t tag, const IpAddress& source) const {
  for (const uint16_t where : {zone, uint16_t{0}}) {
    const auto found = At(where, source);
    if (found && found->slot == tag && !found->ambiguous) return Workload(tag, source);
  }
  return Endpoint(tag, source.family);
}

Party Directory::Destination(uint16_t zone, const IpAddress& address) const {
  const auto found = Find(zone, address);
  if (!found) return Outside(address);
  if (found->ambiguous) return {};
  return found->host ? Host(address) : Workload(found->slot, address);
}

Service Directory::Published(uint16_t zone, const IpAddress& address, uint16_t port, uint8_t protocol) const {
  const auto found = Find(zone, address);
  if (!found || !found->host) return {Destination(zone, address), port};
  for (const bool wildcard : {false, true}) {
    for (const PublishedTarget& target : published_) {
      if (target.protocol != protocol || target.host_port != port || target.host.family != address.family) continue;
      if (wildcard ? !target.host.IsUnspecified() : target.host != address) continue;
      const auto behind = At(target.target_zone, target.target);
      if (!behind || behind->slot == 0) return {{}, target.target_port};
      return {Workload(behind->slot, target.target), target.target_port};
    }
  }
  return {Destination(zone, address), port};
}

bool Directory::IsTarget(uint16_t zone, const IpAddress& address, uint16_t port, uint8_t protocol) const {
  return std::any_of(published_.begin(), published_.end(), [&](const PublishedTarget& target) {
    return target.target_zone == zone && target.target == address && target.target_port == port && target.protocol == protocol;
  });
}

}  // namespace bulkhead::reference
