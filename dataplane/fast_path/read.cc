// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fast_path/read.h"

// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace bulkhead::fast_path {
namespace {

// The attribute came with later headers than the oldest we compile with (linux/if_link.h, 5.18).
constexpr size_t kPortLocked = 42;

bool IsSet(const nlattr* attribute) {
  return attribute != nullptr && mnl_attr_get_payload_len(attribute) >= 1 && mnl_attr_get_u8(attribute) != 0;
}

bool KnobIsOn(const char* name) {
  int value = 0;
  std::ifstream(absl::StrCat("/proc/sys/net/bridge/", name)) >> value;
  return value != 0;
}

// Without the folder there is no br_netfilter, and the bridges' own settings mean nothing.
bool HasBridgeNetfilter() { return std::ifstream("/proc/sys/net/bridge/bridge-nf-call-iptables").good(); }

Bridge BridgeOf(const nlattr* data, bool with_netfilter) {
  Bridge bridge;
  NetlinkAttributes<IFLA_BR_MAX> attributes{};
  if (data != nullptr) attributes = AttributesOf<IFLA_BR_MAX>(*data);
  bridge.vlan_filtering = IsSet(attributes[IFLA_BR_VLAN_FILTERING]);
  bridge.calls_ip_hooks =
      with_netfilter && (KnobIsOn("bridge-nf-call-iptables") || KnobIsOn("bridge-nf-call-ip6tables") ||
                         IsSet(attributes[IFLA_BR_NF_CALL_IPTABLES]) || IsSet(attributes[IFLA_BR_NF_CALL_IP6TABLES]));
  return bridge;
}

void TakeLink(const nlmsghdr& message, bool with_netfilter, Facts& facts) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(ifinfomsg)) return;
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ifi_family != AF_UNSPEC) return;
  const auto attributes = AttributesOf<IFLA_XDP>(message, sizeof(ifinfomsg));
  if (attributes[IFLA_LINKINFO] == nullptr) return;
  const auto info = AttributesOf<IFLA_INFO_SLAVE_DATA>(*attributes[IFLA_LINKINFO]);
  const auto ifindex = static_cast<uint32_t>(header->ifi_index);
  const bool up = (header->ifi_flags & IFF_UP) != 0;
  std::string foreign;
  if (attributes[IFLA_XDP] != nullptr && IsSet(AttributesOf<IFLA_XDP_ATTACHED>(*attributes[IFLA_XDP])[IFLA_XDP_ATTACHED])) {
    foreign = "XDP program";
  }
  if (StringOf(info[IFLA_INFO_KIND]) == "bridge") {
    Bridge& bridge = facts.bridges[ifindex] = BridgeOf(info[IFLA_INFO_DATA], with_netfilter);
    bridge.name = StringOf(attributes[IFLA_IFNAME]);
    bridge.up = up;
    bridge.foreign = foreign;
  }
  if (StringOf(info[IFLA_INFO_SLAVE_KIND]) != "bridge") return;
  Port& port = facts.ports[ifindex];
  port.name = StringOf(attributes[IFLA_IFNAME]);
  port.bridge = U32Or(attributes[IFLA_MASTER], 0);
  port.foreign = foreign;
  if (info[IFLA_INFO_SLAVE_DATA] == nullptr) return;  // not known to forward
  const auto about = AttributesOf<kPortLocked>(*info[IFLA_INFO_SLAVE_DATA]);
  port.forwarding = up && about[IFLA_BRPORT_STATE] != nullptr && mnl_attr_get_payload_len(about[IFLA_BRPORT_STATE]) == 1 &&
                    mnl_attr_get_u8(about[IFLA_BRPORT_STATE]) == BR_STATE_FORWARDING;
  port.isolated = IsSet(about[IFLA_BRPORT_ISOLATED]);
  port.locked = IsSet(about[kPortLocked]);
}

}  // namespace

absl::Status ReadBridges(NetlinkSocket& socket, Facts& facts) {
  const bool with_netfilter = HasBridgeNetfilter();
  NetlinkRequest request(RTM_GETLINK, 0);
  request.AddHeader(ifinfomsg{});
  request.AddU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return socket.Dump(
      request,
      [&] {
        facts.bridges.clear();
        facts.ports.clear();
      },
      [&](const nlmsghdr& message) { TakeLink(message, with_netfilter, facts); });
}

absl::StatusOr<Facts> ReadFacts(const std::set<uint32_t>& wanted) {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  Facts facts;
  absl::Status status = ReadBridges(*socket, facts);
  if (status.ok()) status = ReadForeign(*socket, wanted, facts);
  if (status.ok()) status = ReadRules(facts);
  if (!status.ok()) return status;
  return facts;
}

absl::StatusOr<Monitor> Monitor::Open() {
  const int links[] = {RTNLGRP_LINK, RTNLGRP_TC};
  auto route = NetlinkSocket::Open(links);
  if (!route.ok()) return route.status();
  const int tables[] = {NFNLGRP_NFTABLES};
  auto netfilter = NetlinkSocket::Open(tables, NETLINK_NETFILTER);
  if (!netfilter.ok()) return netfilter.status();
  return Monitor(*std::move(route), *std::move(netfilter));
}

bool Monitor::Drain() {
  bool changed = false;
  for (NetlinkSocket* socket : {&route_, &netfilter_}) {
    const absl::Status status = socket->Drain([&](const nlmsghdr&) { changed = true; });
    changed |= !status.ok();
  }
  return changed;
}

}  // namespace bulkhead::fast_path
