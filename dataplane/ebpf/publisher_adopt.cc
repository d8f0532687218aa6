// SPDX-License-Identifier: Apache-2.0
// Publisher::Adopt: what the maps of an earlier process say becomes what this publisher knows. Nothing is written, but that a
// staged policy ends: the control plane stages it again from its own records.
#include <algorithm>
#include <iterator>

#include "dataplane/ebpf/publisher.h"
#include "dataplane/ebpf/tables.h"
#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {

absl::Status Publisher::AdoptEndpoints() {
  for (uint32_t slot = 1; slot < BH_MAX_ENDPOINTS; ++slot) {
    const auto value = ReadElement<uint32_t, bh_endpoint>(maps_.endpoints, slot);
    if (!value.ok()) return value.status();
    if (value->ifindex == 0) continue;
    const auto number = static_cast<uint16_t>(slot);
    endpoint_values_[number] = *value;
    EndpointState& endpoint = endpoints_[number];
    endpoint.slot = number;
    endpoint.ifindex = value->ifindex;
    endpoint.zone = value->zone;
    endpoint.bound = (value->flags & BH_ENDPOINT_BOUND) != 0;
    std::copy(std::begin(value->mac), std::end(value->mac), endpoint.mac.bytes.begin());
    endpoint.workload = value->workload;
    endpoint.identity = value->identity;
  }
  return ForEachByKey<uint32_t, uint32_t>(maps_.ports, [&](uint32_t ifindex, uint32_t slot) { ports_[ifindex] = slot; });
}

absl::Status Publisher::AdoptAddresses() {
  const absl::Status status =
      ForEachByKey<bh_address_key, bh_address>(maps_.addresses, [&](const bh_address_key& key, const bh_address& value) {
        addresses_[{AddressOf(key), key.zone}] = value;
      });
  if (!status.ok()) return status;
  std::vector<IpAddress> host;
  for (const auto& [place, value] : addresses_) {
    // An interrupted process may have left places that nobody owns: the next change looks at all of them.
    out_of_line_.insert(place.address);
    if (place.zone == 0 && (value.flags & BH_ADDRESS_HOST) != 0) {
      host.push_back(place.address);
      adopted_subjects_[{kIdentityHost, place.address}] = value.subject[active()];
      continue;
    }
    const auto endpoint = endpoints_.find(value.slot);
    if (endpoint == endpoints_.end() || !endpoint->second.bound || endpoint->second.zone != place.zone) continue;
    endpoint->second.addresses.push_back(place.address);
    adopted_subjects_[{endpoint->second.identity, place.address}] = value.subject[active()];
  }
  book_.SetHost(host);
  return absl::OkStatus();
}

absl::StatusOr<AdoptedState> Publisher::Adopt() {
  grace_owed_ = true;  // the process before may have ended right after a flip
  if (auto status = policy_writer_.Adopt(); !status.ok()) return status;
  if (auto status = published_ports_.Adopt(); !status.ok()) return status;
  if (auto status = AdoptEndpoints(); !status.ok()) return status;
  if (auto status = AdoptAddresses(); !status.ok()) return status;
  if (maps_.control->staged != 0) {
    if (auto status = Unstage(); !status.ok()) return status;
  }
  const auto policy = ReadElement<uint32_t, bh_policy>(maps_.policy, active());
  if (!policy.ok()) return policy.status();
  AdoptedState state;
  state.policy = policy->stride != 0;
  state.adopted = true;
  state.stamp = stamp_;
  for (const auto& [slot, endpoint] : endpoints_) {
    if (endpoint.bound) book_.SetEndpoint(slot, endpoint.zone, endpoint.ifindex, endpoint.identity, endpoint.addresses);
    const bh_endpoint& value = endpoint_values_[slot];
    for (const uint8_t family : {uint8_t{4}, uint8_t{6}}) {
      const bool has = std::any_of(endpoint.addresses.begin(), endpoint.addresses.end(),
                                   [family](const IpAddress& address) { return address.family == family; });
      if (!has) adopted_family_subjects_[{endpoint.identity, family}] = value.subject[active()][family == 4 ? 0 : 1];
    }
    state.endpoints.push_back(endpoint);
  }
  state.published = published_ports_.List();
  state.host_addresses.assign(book_.host().begin(), book_.host().end());
  return state;
}

}  // namespace bulkhead
