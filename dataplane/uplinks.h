// SPDX-License-Identifier: Apache-2.0
// Uplinks: what the control plane asks of the programs on the host's uplinks, where packets come in from outside (bpf/uplink.h).
//
// Thread safety: Attach and Detach by one worker; SetX by one thread (the control thread); ReadX by any.
// Errors: a call that fails may be repeated. What is dropped meanwhile is what was dropped before, or less: the workloads' own hooks
// judge in any case.
#ifndef BULKHEAD_DATAPLANE_UPLINKS_H_
#define BULKHEAD_DATAPLANE_UPLINKS_H_

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/block_count.h"
#include "bulkhead/model/ip.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// kXdp: native where the driver can, else generic.
enum class UplinkHook : uint8_t { kNone, kXdp, kGeneric };

class Uplinks {
 public:
  virtual ~Uplinks() = default;

  virtual UplinkHook hook() const = 0;
  // Puts the program there, in place of an earlier build's without a moment of none. Idempotent. kNotFound: no such interface.
  // kAlreadyExists: somebody else's program is there. kFailedPrecondition: the hook is kNone.
  virtual absl::StatusOr<XdpMode> Attach(uint32_t ifindex) = 0;
  // An interface that is gone, or never had it, is fine.
  virtual absl::Status Detach(uint32_t ifindex) = 0;
  // That have the program now, from earlier starts too.
  virtual std::vector<uint32_t> Attached() const = 0;

  virtual absl::Status SetHostMacs(const std::set<MacAddress>& macs) = 0;
  // UDP ports that the host's own and masqueraded flows may have; first > last: none.
  virtual absl::Status SetLocalPorts(uint16_t first, uint16_t last) = 0;
  // The deny list; counts of prefixes that stay are kept. kResourceExhausted: more than BH_MAX_BLOCKED of a family; all stays.
  virtual absl::Status SetBlocked(const std::set<Prefix>& prefixes) = 0;

  virtual absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() const = 0;
  // Packets dropped, by ifindex.
  virtual absl::StatusOr<std::map<uint32_t, uint64_t>> ReadDrops() const = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_UPLINKS_H_
