// SPDX-License-Identifier: Apache-2.0
// The map bh_macs: the MACs of each zone's endpoints, by which programs know their link-local addresses. One thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_KNOWN_MACS_H_
#define BULKHEAD_DATAPLANE_EBPF_KNOWN_MACS_H_

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class KnownMacs {
 public:
  KnownMacs(KernelWriter& writer, const Maps& maps) : writer_(writer), maps_(maps) {}

  // These endpoints, and nothing else that an earlier process left there. Before anything else.
  absl::Status Adopt(const std::vector<EndpointState>& endpoints);
  // What failed is made up for by the next call of any kind.
  absl::Status Put(const EndpointState& endpoint);
  absl::Status Remove(uint16_t slot);

 private:
  using Place = std::pair<uint16_t, MacAddress>;  // zone first

  void Forget(uint16_t slot);
  void Note(const EndpointState& endpoint);
  // Brings the map in line with users_ for all of unsure_.
  absl::Status Write();

  KernelWriter& writer_;
  const Maps& maps_;
  std::map<uint16_t, Place> by_slot_;  // as the caller wants them
  std::map<Place, uint32_t> users_;    // the same: how many endpoints have it, never 0
  std::set<Place> written_;            // what the map has
  std::set<Place> unsure_;             // of which the map may not say what the caller wants
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_KNOWN_MACS_H_
