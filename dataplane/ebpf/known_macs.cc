// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/known_macs.h"

#include <algorithm>
#include <iterator>

#include "bulkhead/abi/address.h"
#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {
namespace {

bh_zone_mac_key KeyOf(uint16_t zone, const MacAddress& mac) {
  bh_zone_mac_key key{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), key.mac);
  key.zone = zone;
  return key;
}

}  // namespace

absl::Status KnownMacs::Adopt(const std::vector<EndpointState>& endpoints) {
  const absl::Status read = ForEachInHash<bh_zone_mac_key, uint32_t>(maps_.macs, [&](const bh_zone_mac_key& key, uint32_t) {
    MacAddress mac;
    std::copy(std::begin(key.mac), std::end(key.mac), mac.bytes.begin());
    written_.insert({key.zone, mac});
    return true;
  });
  if (!read.ok()) return read;
  unsure_ = written_;
  for (const EndpointState& endpoint : endpoints) Note(endpoint);
  return Write();
}

void KnownMacs::Forget(uint16_t slot) {
  const auto found = by_slot_.find(slot);
  if (found == by_slot_.end()) return;
  const auto users = users_.find(found->second);
  if (--users->second == 0) users_.erase(users);
  unsure_.insert(found->second);
  by_slot_.erase(found);
}

void KnownMacs::Note(const EndpointState& endpoint) {
  Forget(endpoint.slot);
  if (endpoint.mac.IsZero()) return;
  const Place place{endpoint.zone, endpoint.mac};
  by_slot_[endpoint.slot] = place;
  ++users_[place];
  unsure_.insert(place);
}

absl::Status KnownMacs::Put(const EndpointState& endpoint) {
  Note(endpoint);
  return Write();
}

absl::Status KnownMacs::Remove(uint16_t slot) {
  Forget(slot);
  return Write();
}

absl::Status KnownMacs::Write() {
  for (auto it = unsure_.begin(); it != unsure_.end(); it = unsure_.erase(it)) {
    const bool wanted = users_.contains(*it);
    if (wanted == written_.contains(*it)) continue;
    const bh_zone_mac_key key = KeyOf(it->first, it->second);
    const uint32_t known = 1;
    const absl::Status status = wanted ? writer_.UpdateElement(maps_.macs, &key, &known) : writer_.DeleteElement(maps_.macs, &key);
    if (!status.ok() && (wanted || !absl::IsNotFound(status))) return status;
    if (wanted) {
      written_.insert(*it);
    } else {
      written_.erase(*it);
    }
  }
  return absl::OkStatus();
}

}  // namespace bulkhead
