// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/resolver.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

bool IsBelowAnother(const std::string& kind) {
  return kind == "macvlan" || kind == "macvtap" || kind == "ipvlan" || kind == "ipvtap" || kind == "netkit";
}

// Both ends name each other; what the host says of its own end cannot be forged from inside.
const Link* HostEnd(const Link& inside, int32_t nsid, const std::vector<Link>& host_links) {
  for (const Link& link : host_links) {
    if (link.ifindex == inside.link && link.kind == "veth" && link.link == inside.ifindex && link.link_nsid == nsid) return &link;
  }
  return nullptr;
}

}  // namespace

HostLink ToHostLink(const Link& link) { return {link.ifindex, link.name, link.kind, link.master, link.link_nsid.value_or(-1)}; }

Resolution MatchLinks(int32_t nsid, const std::vector<Link>& inside, const std::vector<LinkAddress>& addresses,
                      const std::vector<Link>& host_links) {
  Resolution out;
  out.nsid = nsid;
  for (const Link& link : inside) {
    if ((link.flags & IFF_LOOPBACK) != 0) continue;
    if (link.kind == "veth") {
      if (const Link* host = HostEnd(link, nsid, host_links)) {
        FoundInterface found{host->ifindex, link.name, link.mac, {}};
        for (const LinkAddress& address : addresses) {
          if (address.ifindex == link.ifindex && address.scope < RT_SCOPE_LINK) found.addresses.push_back(address.address);
        }
        out.interfaces.push_back(std::move(found));
      } else if (link.link_nsid.has_value() && (link.flags & IFF_UP) != 0) {
        out.unseen.push_back(absl::StrCat(link.name, " leads to a network namespace that is not the host's"));
      }
    } else if ((link.flags & IFF_UP) != 0 && IsBelowAnother(link.kind)) {
      out.unseen.push_back(absl::StrCat(link.name, " is a ", link.kind, ", which passes by the hooks"));
    } else if ((link.flags & IFF_UP) != 0 && link.kind.empty()) {
      out.unseen.push_back(absl::StrCat(link.name, " is a device of its own, without a side on the host"));
    }
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Open(KernelWriter* writer) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  absl::StatusOr<NetnsId> own = CurrentNetns();
  if (!own.ok()) return own.status();
  return std::unique_ptr<Resolver>(new Resolver(writer, *std::move(socket), *own));
}

std::vector<Resolution> Resolver::Resolve(const std::vector<ResolveRequest>& requests) {
  std::vector<Resolution> out;
  absl::StatusOr<std::vector<Link>> host_links = DumpLinks(socket_);
  for (const ResolveRequest& request : requests) {
    absl::StatusOr<Resolution> one = host_links.ok() ? ResolveOne(request, *host_links) : host_links.status();
    if (one.ok()) {
      out.push_back(*std::move(one));
    } else {
      out.emplace_back().status = one.status();
    }
  }
  return out;
}

absl::StatusOr<Resolution> Resolver::ResolveOne(const ResolveRequest& request, const std::vector<Link>& host_links) {
  absl::StatusOr<UniqueFd> netns = OpenNetns(request.netns_path.empty() ? NetnsPathOfPid(request.pid) : request.netns_path);
  if (!netns.ok()) return netns.status();
  absl::StatusOr<NetnsId> id = IdentifyNetns(netns->get());
  if (!id.ok()) return id.status();
  if (*id == own_) return absl::FailedPreconditionError("it is the host's own");
  absl::StatusOr<int32_t> nsid = EnsureNsid(socket_, *writer_, netns->get());
  if (!nsid.ok()) return nsid.status();
  absl::StatusOr<std::vector<Link>> inside = DumpLinks(socket_, *nsid);
  if (!inside.ok()) return inside.status();
  absl::StatusOr<std::vector<LinkAddress>> addresses = DumpAddresses(socket_, *nsid);
  if (!addresses.ok()) return addresses.status();
  return MatchLinks(*nsid, *inside, *addresses, host_links);
}

std::optional<MacAddress> Resolver::PeerMac(const PeerRequest& request) {
  absl::StatusOr<std::vector<Link>> inside = DumpLinks(socket_, request.nsid);
  if (!inside.ok()) return std::nullopt;
  std::optional<MacAddress> found;
  for (const Link& link : *inside) {
    if (link.kind != "veth" || link.link != request.ifindex || !link.link_nsid.has_value()) continue;
    if (found) return std::nullopt;
    found = link.mac;
  }
  return found;
}

}  // namespace bulkhead
