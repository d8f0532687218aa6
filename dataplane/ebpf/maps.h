// SPDX-License-Identifier: Apache-2.0
// The dataplane's maps (bpf/maps.h) by their file descriptors, with the sizes that user space has to respect.
// A value that owns nothing; the Loader keeps the maps open. Any thread.
#ifndef BULKHEAD_DATAPLANE_EBPF_MAPS_H_
#define BULKHEAD_DATAPLANE_EBPF_MAPS_H_

#include <cstdint>

#include "bulkhead/abi/config.h"
#include "bulkhead/abi/policy.h"

namespace bulkhead {

struct Maps {
  bh_control* control = nullptr;  // the mapped memory of bh_control

  int policy = -1, subjects = -1, matrix = -1, rulesets = -1, intervals = -1;
  int prefix4[BH_POLICY_SLOTS] = {-1, -1, -1}, prefix6[BH_POLICY_SLOTS] = {-1, -1, -1};  // by policy slot

  int ports = -1, endpoints = -1, fast_ends = -1, macs = -1, addresses = -1, published = -1, targets = -1;
  uint32_t max_addresses = 0, max_published = 0;  // elements

  int edges = -1, edges_outside = -1, staged_edges = -1;
  int rule_counts = -1, capture = -1, captured = -1, captures = -1;
  int counters = -1, events = -1, dns_answers = -1, clock_now = -1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_MAPS_H_
