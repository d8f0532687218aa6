// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/links.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

namespace bulkhead {
namespace {

MacAddress MacOf(const nlattr* attribute) {
  MacAddress mac;
  if (attribute != nullptr && mnl_attr_get_payload_len(attribute) == mac.bytes.size()) {
    std::memcpy(mac.bytes.data(), mnl_attr_get_payload(attribute), mac.bytes.size());
  }
  return mac;
}

// nullopt: not about a link as such (bridges tell of their ports in messages of family AF_BRIDGE), or cut.
std::optional<Link> ParseLink(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(ifinfomsg)) return std::nullopt;
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ifi_family != AF_UNSPEC) return std::nullopt;
  const auto attributes = AttributesOf<IFLA_PARENT_DEV_NAME>(message, sizeof(ifinfomsg));
  Link link;
  link.type = header->ifi_type;
  link.device = StringOf(attributes[IFLA_PARENT_DEV_NAME]);
  link.ifindex = static_cast<uint32_t>(header->ifi_index);
  link.flags = header->ifi_flags;
  link.name = StringOf(attributes[IFLA_IFNAME]);
  link.master = U32Or(attributes[IFLA_MASTER], 0);
  link.link = U32Or(attributes[IFLA_LINK], 0);
  if (attributes[IFLA_LINK_NETNSID] != nullptr) {
    link.link_nsid = static_cast<int32_t>(U32Or(attributes[IFLA_LINK_NETNSID], static_cast<uint32_t>(-1)));
  }
  link.mac = MacOf(attributes[IFLA_ADDRESS]);
  const nlattr* operstate = attributes[IFLA_OPERSTATE];
  if (operstate != nullptr && mnl_attr_get_payload_len(operstate) == 1) link.operstate = mnl_attr_get_u8(operstate);
  if (attributes[IFLA_LINKINFO] != nullptr) {
    link.kind = StringOf(AttributesOf<IFLA_INFO_KIND>(*attributes[IFLA_LINKINFO])[IFLA_INFO_KIND]);
  }
  return link;
}

// IFA_LOCAL is the interface's own address; on point-to-point links IFA_ADDRESS is the other end's (linux/if_addr.h).
std::optional<LinkAddress> ParseAddress(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(ifaddrmsg)) return std::nullopt;
  const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) return std::nullopt;
  const auto attributes = AttributesOf<IFA_FLAGS>(message, sizeof(ifaddrmsg));
  const nlattr* bytes = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  const bool v4 = header->ifa_family == AF_INET;
  if (bytes == nullptr || mnl_attr_get_payload_len(bytes) != (v4 ? 4u : 16u)) return std::nullopt;
  LinkAddress out;
  out.ifindex = header->ifa_index;
  out.address.family = v4 ? 4 : 6;
  std::memcpy(out.address.bytes.data(), mnl_attr_get_payload(bytes), v4 ? 4 : 16);
  out.prefix_length = header->ifa_prefixlen;
  out.scope = header->ifa_scope;
  out.flags = U32Or(attributes[IFA_FLAGS], header->ifa_flags);
  return out;
}

}  // namespace

absl::StatusOr<std::vector<Link>> DumpLinks(NetlinkSocket& socket, std::optional<int32_t> nsid) {
  NetlinkRequest request(RTM_GETLINK, 0);
  request.AddHeader(ifinfomsg{});
  if (nsid) request.AddU32(IFLA_TARGET_NETNSID, static_cast<uint32_t>(*nsid));
  request.AddU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::vector<Link> links;
  const absl::Status status = socket.Dump(
      request, [&] { links.clear(); },
      [&](const nlmsghdr& message) {
        if (auto link = ParseLink(message)) links.push_back(*std::move(link));
      });
  if (!status.ok()) return status;
  return links;
}

absl::StatusOr<std::vector<LinkAddress>> DumpAddresses(NetlinkSocket& socket, std::optional<int32_t> nsid) {
  NetlinkRequest request(RTM_GETADDR, 0);
  request.AddHeader(ifaddrmsg{});
  if (nsid) request.AddU32(IFA_TARGET_NETNSID, static_cast<uint32_t>(*nsid));
  std::vector<LinkAddress> addresses;
  const absl::Status status = socket.Dump(
      request, [&] { addresses.clear(); },
      [&](const nlmsghdr& message) {
        if (auto address = ParseAddress(message)) addresses.push_back(*std::move(address));
      });
  if (!status.ok()) return status;
  return addresses;
}

absl::StatusOr<uint32_t> RouteTo(NetlinkSocket& socket, const IpAddress& address) {
  NetlinkRequest request(RTM_GETROUTE, 0);
  rtmsg header{};
  header.rtm_family = address.IsV4() ? AF_INET : AF_INET6;
  header.rtm_dst_len = static_cast<uint8_t>(address.BitLength());
  request.AddHeader(header);
  request.AddBytes(RTA_DST, address.bytes.data(), address.IsV4() ? 4 : 16);
  uint32_t ifindex = 0;
  const absl::Status status = socket.Talk(request, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(&message) < sizeof(rtmsg)) return;
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    if (route->rtm_type == RTN_UNICAST) ifindex = U32Or(AttributesOf<RTA_OIF>(message, sizeof(rtmsg))[RTA_OIF], 0);
  });
  // ENETUNREACH, EHOSTUNREACH and the error that a route itself may name: no way there.
  return status.ok() ? ifindex : absl::StatusOr<uint32_t>(0);
}

absl::StatusOr<LinkMonitor> LinkMonitor::Open() {
  const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
  auto socket = NetlinkSocket::Open(groups);
  if (!socket.ok()) return socket.status();
  return LinkMonitor(*std::move(socket));
}

absl::Status LinkMonitor::Drain(const std::function<void(const LinkEvent&)>& callback) {
  return socket_.Drain([&](const nlmsghdr& message) {
    LinkEvent event;
    if (message.nlmsg_type == RTM_NEWLINK || message.nlmsg_type == RTM_DELLINK) {
      auto link = ParseLink(message);
      if (!link) return;
      event.type = message.nlmsg_type == RTM_NEWLINK ? LinkEvent::Type::kLink : LinkEvent::Type::kLinkGone;
      event.link = *std::move(link);
    } else if (message.nlmsg_type == RTM_NEWADDR || message.nlmsg_type == RTM_DELADDR) {
      auto address = ParseAddress(message);
      if (!address) return;
      event.type = message.nlmsg_type == RTM_NEWADDR ? LinkEvent::Type::kAddress : LinkEvent::Type::kAddressGone;
      event.address = *std::move(address);
    } else {
      return;
    }
    callback(event);
  });
}

}  // namespace bulkhead
