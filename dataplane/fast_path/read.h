// SPDX-License-Identifier: Apache-2.0
// Reads the facts from the kernel, and tells when they may have changed. Works in the network namespace of the calling thread.
// Thread safety: one thread at a time for each object.
#ifndef BULKHEAD_DATAPLANE_FAST_PATH_READ_H_
#define BULKHEAD_DATAPLANE_FAST_PATH_READ_H_

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/fast_path/facts.h"
#include "dataplane/kernel/netlink.h"

namespace bulkhead::fast_path {

// wanted: the ports of workloads. What hangs at other ports is not looked at.
absl::StatusOr<Facts> ReadFacts(const std::set<uint32_t>& wanted);

// The parts of the above. foreign: what is at the interface's hooks beside ours.
absl::Status ReadBridges(NetlinkSocket& socket, Facts& facts);
absl::Status ReadForeign(NetlinkSocket& socket, const std::set<uint32_t>& wanted, Facts& facts);
absl::Status ReadRules(Facts& facts);
// Those of nftables alone, over a socket of NETLINK_NETFILTER.
absl::Status ReadTables(NetlinkSocket& socket, Facts& facts);

// Tells of links, qdiscs, filters and nftables rules that change. Programs at tcx hooks and settings under /proc/sys change without a
// word.
class Monitor {
 public:
  static absl::StatusOr<Monitor> Open();
  // Readable when Drain has something.
  int route_fd() const { return route_.fd(); }
  int netfilter_fd() const { return netfilter_.fd(); }
  // Whether anything may have changed. Never blocks.
  bool Drain();

 private:
  Monitor(NetlinkSocket route, NetlinkSocket netfilter) : route_(std::move(route)), netfilter_(std::move(netfilter)) {}
  NetlinkSocket route_, netfilter_;
};

}  // namespace bulkhead::fast_path

#endif  // BULKHEAD_DATAPLANE_FAST_PATH_READ_H_
