// SPDX-License-Identifier: Apache-2.0
// Which packets a capture wants. A value.
#ifndef BULKHEAD_MODEL_CAPTURE_H_
#define BULKHEAD_MODEL_CAPTURE_H_

#include <cstdint>
#include <set>

#include "bulkhead/model/common.h"

namespace bulkhead {

// Those that meet a hook of one of these endpoints, and of those that are denied also the ones that were sent by one of them or that
// policy judged as one of these identities'.
struct CaptureFilter {
  std::set<uint16_t> slots;
  std::set<IdentityId> identities;
  bool allowed = true, denied = true, would_deny = true;
  uint32_t packets_per_second = 1000;  // for each CPU; the rest is counted as lost

  bool operator==(const CaptureFilter&) const = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_CAPTURE_H_
