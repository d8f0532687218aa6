// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/address_book.h"

#include <algorithm>

#include "bulkhead/abi/address.h"

namespace bulkhead {

void AddressBook::SetEndpoint(uint16_t slot, uint16_t zone, uint32_t ifindex, IdentityId identity,
                              const std::vector<IpAddress>& addresses) {
  RemoveEndpoint(slot);
  const std::set<IpAddress> unique(addresses.begin(), addresses.end());
  for (const IpAddress& address : unique) {
    if (address.IsUnspecified()) continue;
    holders_[address].push_back({slot, zone, ifindex, identity});
    by_slot_[slot].push_back(address);
  }
}

void AddressBook::RemoveEndpoint(uint16_t slot) {
  const auto found = by_slot_.find(slot);
  if (found == by_slot_.end()) return;
  for (const IpAddress& address : found->second) {
    const auto entry = holders_.find(address);
    std::erase_if(entry->second, [slot](const Holder& holder) { return holder.slot == slot; });
    if (entry->second.empty()) holders_.erase(entry);
  }
  by_slot_.erase(found);
}

void AddressBook::SetHost(const std::vector<IpAddress>& addresses) {
  host_.clear();
  for (const IpAddress& address : addresses) {
    if (!address.IsUnspecified()) host_.insert(address);
  }
}

std::vector<IpAddress> AddressBook::AddressesOf(uint16_t slot) const {
  const auto found = by_slot_.find(slot);
  return found == by_slot_.end() ? std::vector<IpAddress>{} : found->second;
}

std::map<AddressPlace, AddressOwner> AddressBook::Places(const IpAddress& address) const {
  std::map<AddressPlace, AddressOwner> out;
  if (const auto found = holders_.find(address); found != holders_.end()) {
    for (const Holder& holder : found->second) {
      out[{address, holder.zone}] = {holder.identity, holder.ifindex, holder.slot, 0};
    }
  }
  const AddressPlace everywhere{address, 0};
  const bool is_host = host_.contains(address);
  const size_t claims = out.size() + (is_host ? 1 : 0);
  if (claims == 1) {
    // Not in one expression: GCC 12 makes the new element first, and that one is then the map's begin().
    const AddressOwner only = is_host ? AddressOwner{kIdentityHost, 0, 0, BH_ADDRESS_HOST} : out.begin()->second;
    out[everywhere] = only;
  } else if (claims > 1) {
    // A routed endpoint keeps its slot there: its own packets are checked against it.
    AddressOwner& owner = out[everywhere];
    owner.identity = kIdentityUnknown;
    owner.flags = static_cast<uint16_t>(BH_ADDRESS_AMBIGUOUS | (is_host ? BH_ADDRESS_HOST : 0));
  }
  return out;
}

}  // namespace bulkhead
