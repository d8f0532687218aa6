// SPDX-License-Identifier: Apache-2.0
// Lab: a network namespace of its own with the interfaces that measured packets come from. One thread, which it moves there.
#ifndef BULKHEAD_BENCH_DATAPLANE_LAB_H_
#define BULKHEAD_BENCH_DATAPLANE_LAB_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/dataplane/packets.h"
#include "dataplane/backend.h"
#include "tests/lab/netns.h"

namespace bulkhead::bench {

inline constexpr uint16_t kZone = 1;
inline constexpr uint32_t kFirstIfindex = 100;  // of slot 0
// Workloads by slot. Their addresses: 198.18.1.SLOT, fd00:1::SLOT. db lets web in, and nobody else.
inline constexpr uint16_t kWeb = 2, kDb = 3, kEvil = 4;

MacAddress MacOf(uint16_t slot);
IpAddress AddressOf(uint16_t slot, uint8_t family);
// Bound, of the identity kFirstIdentity + slot. Has no addresses yet.
EndpointState EndpointOf(uint16_t slot);

class Lab {
 public:
  // kFailedPrecondition: this user may not make namespaces.
  static absl::StatusOr<std::unique_ptr<Lab>> Create();

  // Native XDP programs may run on web's interface from now on: while a program is attached, this one.
  absl::Status OpenToXdp(int program);
  // Whether the thread still is where it may act.
  absl::Status Check() const { return netns_->Check(); }

 private:
  Lab() = default;

  std::unique_ptr<lab::TestNetns> netns_;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_DATAPLANE_LAB_H_
