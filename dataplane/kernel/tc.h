// SPDX-License-Identifier: Apache-2.0
// What hangs at the tc hooks of an interface. Reading only; changes go through KernelWriter.
#ifndef BULKHEAD_DATAPLANE_KERNEL_TC_H_
#define BULKHEAD_DATAPLANE_KERNEL_TC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/netlink.h"

namespace bulkhead {

struct TcFilter {
  uint32_t ifindex = 0;
  TcDirection direction = TcDirection::kIngress;
  std::string kind;  // "bpf" for classifiers that are programs
  uint32_t priority = 0;
  uint32_t handle = 0;
  std::string name;         // of a BPF filter, as its owner gave it
  uint32_t program_id = 0;  // of a BPF filter

  bool operator==(const TcFilter&) const = default;
};

// Filters of both clsact hooks, ingress first, each in the order in which packets meet them. Empty if there is no clsact, or no
// such interface (any more).
absl::StatusOr<std::vector<TcFilter>> DumpFilters(NetlinkSocket& socket, uint32_t ifindex);

// That the interface has a clsact qdisc. No such interface: false.
absl::StatusOr<bool> HasClsact(NetlinkSocket& socket, uint32_t ifindex);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_TC_H_
