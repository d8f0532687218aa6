// SPDX-License-Identifier: Apache-2.0
// What an earlier process left in the kernel and this one took over. A plain value. A staged policy is not taken over: it has
// ended.
#ifndef BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_
#define BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_

#include <cstdint>
#include <vector>

#include "bulkhead/model/ip.h"
#include "dataplane/backend.h"

namespace bulkhead {

struct AdoptedAttachment {
  uint32_t ifindex = 0;
  uint16_t zone = 0;
  bool operator==(const AdoptedAttachment&) const = default;
};

struct AdoptedState {
  bool adopted = false;  // false: nothing was there, the maps are new
  uint32_t stamp = 0;
  bool policy = false;                   // a policy was in force
  std::vector<EndpointState> endpoints;  // ascending by slot; keep their slots and zones
  std::vector<IpAddress> host_addresses;
  std::vector<AdoptedAttachment> attachments;  // interfaces that exist and had our programs; they have this build's by now
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_
