// SPDX-License-Identifier: Apache-2.0
// What an earlier process left in the kernel and this one took over. A plain value. A staged policy is not taken over: it has
// ended.
#ifndef BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_
#define BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_

#include <cstdint>
#include <set>
#include <string>
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
  std::vector<PublishedTarget> published;
  std::vector<AdoptedAttachment> attachments;  // interfaces that exist and had our programs; they have this build's by now
  // Where programs were not as they should be, in sentences; they are now.
  std::vector<std::string> repaired;
  uint32_t other_build = 0;  // interfaces whose programs had other instructions than this build's have
  // An older layout's programs judge at these interfaces until Attach replaces them, one by one, when everything else has been said to the
  // backend. Then FinishUpgrade.
  uint32_t older_version = 0;  // 0: there is none
  std::set<uint32_t> older_interfaces;
  std::vector<std::string> carried;  // maps of the older layout that are used on
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ADOPTED_STATE_H_
