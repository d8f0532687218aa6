// SPDX-License-Identifier: Apache-2.0
// The map bh_fast_ends: endpoints that packets may be handed to past the bridge. One thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_FAST_ENDS_H_
#define BULKHEAD_DATAPLANE_EBPF_FAST_ENDS_H_

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class FastEnds {
 public:
  FastEnds(KernelWriter& writer, const Maps& maps) : writer_(writer), maps_(maps) {}

  // Clears what an earlier process left there.
  absl::Status Empty();
  // Before the endpoint becomes what is said, and before it goes: it is taken off if anything that counts here changes.
  absl::Status Put(const EndpointState& endpoint);
  absl::Status Remove(uint16_t slot);
  // As Backend::SetFastPath. until: flow ticks. withdrawn: one was taken off, also when an error ended it.
  absl::Status Set(const std::vector<uint16_t>& slots, uint32_t until, bool& withdrawn);

 private:
  struct End {
    uint32_t ifindex = 0;
    uint16_t zone = 0;
    MacAddress mac;
    bool operator==(const End&) const = default;
  };
  absl::Status Clear(uint16_t slot);

  KernelWriter& writer_;
  const Maps& maps_;
  std::map<uint16_t, End> ends_;  // that may be listed
  std::set<uint16_t> listed_;     // what the map may have
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_FAST_ENDS_H_
