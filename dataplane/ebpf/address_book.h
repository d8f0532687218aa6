// SPDX-License-Identifier: Apache-2.0
// Who has which address: what the map bh_addresses should say. Pure data; one thread at a time.
//
// A workload's address stands under its zone. Under zone 0, by which other bridges and the uplinks see it, it stands when one zone
// alone has it; if more do, or the host has it as well, it is ambiguous there and judged as unknown. Of two endpoints of one zone
// with one address the one that was set last has it.
#ifndef BULKHEAD_DATAPLANE_EBPF_ADDRESS_BOOK_H_
#define BULKHEAD_DATAPLANE_EBPF_ADDRESS_BOOK_H_

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

// Ordered by address, then zone.
struct AddressPlace {
  IpAddress address;
  uint16_t zone = 0;
  auto operator<=>(const AddressPlace&) const = default;
};

struct AddressOwner {
  IdentityId identity = kIdentityUnknown;
  uint32_t ifindex = 0;
  uint16_t slot = 0;
  uint16_t flags = 0;  // BH_ADDRESS_...
  bool operator==(const AddressOwner&) const = default;
};

class AddressBook {
 public:
  // Replaces what the slot had. Addresses: unspecified ones are left out.
  void SetEndpoint(uint16_t slot, uint16_t zone, uint32_t ifindex, IdentityId identity, const std::vector<IpAddress>& addresses);
  void RemoveEndpoint(uint16_t slot);
  void SetHost(const std::vector<IpAddress>& addresses);

  // Of the slot; of the host.
  std::vector<IpAddress> AddressesOf(uint16_t slot) const;
  const std::set<IpAddress>& host() const { return host_; }

  // Every place in which the address stands, with its owner.
  std::map<AddressPlace, AddressOwner> Places(const IpAddress& address) const;

 private:
  struct Holder {
    uint16_t slot = 0;
    uint16_t zone = 0;
    uint32_t ifindex = 0;
    IdentityId identity = kIdentityUnknown;
  };

  std::map<IpAddress, std::vector<Holder>> holders_;  // in the order in which they were set
  std::map<uint16_t, std::vector<IpAddress>> by_slot_;
  std::set<IpAddress> host_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ADDRESS_BOOK_H_
