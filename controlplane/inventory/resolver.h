// SPDX-License-Identifier: Apache-2.0
// Resolver: looks into network namespaces from outside, by their number, to find which of the host's interfaces lead into them.
//
// Thread safety: one thread (the worker that may wait for the kernel).
#ifndef BULKHEAD_CONTROLPLANE_INVENTORY_RESOLVER_H_
#define BULKHEAD_CONTROLPLANE_INVENTORY_RESOLVER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/inventory/facts.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/netlink.h"
#include "dataplane/kernel/netns.h"

namespace bulkhead {

class Resolver {
 public:
  // For the network namespace of the calling thread. `writer` must outlive it.
  static absl::StatusOr<std::unique_ptr<Resolver>> Open(KernelWriter* writer);

  // Answers in the requests' order; the host's interfaces are listed once for all of them.
  std::vector<Resolution> Resolve(const std::vector<ResolveRequest>& requests);

  // nullopt: there is no such veth, or more than one claims to be it.
  std::optional<MacAddress> PeerMac(const PeerRequest& request);

 private:
  Resolver(KernelWriter* writer, NetlinkSocket socket, NetnsId own) : writer_(writer), socket_(std::move(socket)), own_(own) {}

  absl::StatusOr<Resolution> ResolveOne(const ResolveRequest& request, const std::vector<Link>& host_links);

  KernelWriter* writer_;
  NetlinkSocket socket_;
  NetnsId own_;
};

HostLink ToHostLink(const Link& link);

// The pure part: from the interfaces of the namespace `nsid` and of the host to what the inventory wants to know.
Resolution MatchLinks(int32_t nsid, const std::vector<Link>& inside, const std::vector<LinkAddress>& addresses,
                      const std::vector<Link>& host_links);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_INVENTORY_RESOLVER_H_
