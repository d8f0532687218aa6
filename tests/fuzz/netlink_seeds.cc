// SPDX-License-Identifier: Apache-2.0
// What the kernel would answer to each of the readers, made by hand.
// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/net_namespace.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

// One message that answers the reader's request, under construction.
class Message {
 public:
  template <typename Header>
  Message(uint16_t type, const Header& header, uint16_t flags = NLM_F_MULTI) {
    nlmsghdr* at = mnl_nlmsg_put_header(buffer_.data());
    at->nlmsg_type = type;
    at->nlmsg_flags = flags;
    at->nlmsg_seq = 1;
    std::memcpy(mnl_nlmsg_put_extra_header(at, sizeof(header)), &header, sizeof(header));
  }
  Message& U8(uint16_t type, uint8_t value) { return Bytes(type, std::string(1, static_cast<char>(value))); }
  Message& U32(uint16_t type, uint32_t value) { return mnl_attr_put_u32(header(), type, value), *this; }
  Message& Big(uint16_t type, uint32_t value) { return U32(type, htonl(value)); }
  Message& Text(uint16_t type, const char* value) { return mnl_attr_put_strz(header(), type, value), *this; }
  Message& Bytes(uint16_t type, const std::string& value) {
    return mnl_attr_put(header(), type, value.size(), value.data()), *this;
  }
  template <typename F>
  Message& Nest(uint16_t type, F&& inside) {
    nlattr* nest = mnl_attr_nest_start(header(), type);
    inside(*this);
    mnl_attr_nest_end(header(), nest);
    return *this;
  }
  operator std::string() const { return std::string(buffer_.data(), reinterpret_cast<const nlmsghdr*>(buffer_.data())->nlmsg_len); }

 private:
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  alignas(nlmsghdr) std::array<char, 4096> buffer_{};
};

std::string Done(int error = 0) { return Message(NLMSG_DONE, error); }
std::string Acknowledged(int error = 0) { return Message(NLMSG_ERROR, nlmsgerr{error, {}}, 0); }

std::string LengthOf(const std::string& datagram) {
  return {static_cast<char>(datagram.size() & 0xff), static_cast<char>(datagram.size() >> 8)};
}

// reader: as FuzzNetlink counts them.
std::string Seed(int reader, const std::vector<std::string>& datagrams) {
  std::string out(1, static_cast<char>(reader));
  for (const std::string& datagram : datagrams) out += LengthOf(datagram) + datagram;
  return out;
}

std::string Veth() {
  ifinfomsg header{};
  header.ifi_index = 11;
  header.ifi_flags = 0x1003;
  return Message(RTM_NEWLINK, header)
      .Text(IFLA_IFNAME, "v-web")
      .Bytes(IFLA_ADDRESS, std::string("\x02\x42\x0a\x00\x00\x02", 6))
      .U32(IFLA_MASTER, 10)
      .U32(IFLA_LINK, 2)
      .U32(IFLA_LINK_NETNSID, 3)
      .U8(IFLA_OPERSTATE, 6)
      .Nest(IFLA_XDP, [](Message& m) { m.U8(IFLA_XDP_ATTACHED, 2); })
      .Nest(IFLA_LINKINFO, [](Message& m) {
        m.Text(IFLA_INFO_KIND, "veth").Text(IFLA_INFO_SLAVE_KIND, "bridge").Nest(IFLA_INFO_SLAVE_DATA, [](Message& inner) {
          inner.U8(IFLA_BRPORT_STATE, 3).U8(IFLA_BRPORT_ISOLATED, 0);
        });
      });
}

std::string Bridge() {
  ifinfomsg header{};
  header.ifi_index = 10;
  header.ifi_flags = 0x1003;
  return Message(RTM_NEWLINK, header).Text(IFLA_IFNAME, "br0").Nest(IFLA_LINKINFO, [](Message& m) {
    m.Text(IFLA_INFO_KIND, "bridge").Nest(IFLA_INFO_DATA, [](Message& inner) { inner.U8(IFLA_BR_VLAN_FILTERING, 0); });
  });
}

std::string Address(uint8_t family, const std::string& bytes) {
  ifaddrmsg header{};
  header.ifa_family = family;
  header.ifa_prefixlen = 24;
  header.ifa_index = 10;
  return Message(RTM_NEWADDR, header).Bytes(IFA_ADDRESS, bytes).Bytes(IFA_LOCAL, bytes).U32(IFA_FLAGS, 0x80);
}

std::string Route() {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_type = RTN_UNICAST;
  return Message(RTM_NEWROUTE, header, 0).U32(RTA_OIF, 2);
}

std::string Filter() {
  tcmsg header{};
  header.tcm_ifindex = 7;
  header.tcm_handle = 1;
  header.tcm_info = 0xc0de0000;
  return Message(RTM_NEWTFILTER, header).Text(TCA_KIND, "bpf").Nest(TCA_OPTIONS, [](Message& m) {
    m.Text(TCA_BPF_NAME, "bh_ingress").U32(TCA_BPF_ID, 42);
  });
}

std::string Qdisc(const char* kind) {
  tcmsg header{};
  header.tcm_ifindex = 7;
  return Message(RTM_NEWQDISC, header).Text(TCA_KIND, kind).U32(TCA_INGRESS_BLOCK, 0);
}

std::string TableChain(const char* name, bool base) {
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_INET;
  Message message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN), header);
  message.Text(NFTA_CHAIN_TABLE, "filter").Text(NFTA_CHAIN_NAME, name);
  if (!base) return message;
  return message.Text(NFTA_CHAIN_TYPE, "filter").Big(NFTA_CHAIN_POLICY, NF_ACCEPT).Nest(NFTA_CHAIN_HOOK, [](Message& m) {
    m.Big(NFTA_HOOK_HOOKNUM, NF_INET_FORWARD).Big(NFTA_HOOK_PRIORITY, 0).Text(NFTA_HOOK_DEV, "br0");
  });
}

void Expression(Message& list, const char* name, const std::function<void(Message&)>& data) {
  list.Nest(NFTA_LIST_ELEM, [&](Message& m) { m.Text(NFTA_EXPR_NAME, name).Nest(NFTA_EXPR_DATA, data); });
}

// meta iifname "br0" jump inner
std::string TableRule(const char* chain, const char* target) {
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_INET;
  return Message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE), header)
      .Text(NFTA_RULE_TABLE, "filter")
      .Text(NFTA_RULE_CHAIN, chain)
      .Nest(NFTA_RULE_EXPRESSIONS, [&](Message& list) {
        Expression(list, "meta", [](Message& m) { m.Big(NFTA_META_KEY, NFT_META_IIFNAME).Big(NFTA_META_DREG, 1); });
        Expression(list, "cmp", [](Message& m) {
          m.Big(NFTA_CMP_SREG, 1).Big(NFTA_CMP_OP, NFT_CMP_EQ).Nest(NFTA_CMP_DATA, [](Message& data) {
            data.Text(NFTA_DATA_VALUE, "br0");
          });
        });
        Expression(list, "immediate", [&](Message& m) {
          m.Big(NFTA_IMMEDIATE_DREG, 0).Nest(NFTA_IMMEDIATE_DATA, [&](Message& data) {
            data.Nest(NFTA_DATA_VERDICT, [&](Message& verdict) {
              verdict.Big(NFTA_VERDICT_CODE, static_cast<uint32_t>(NFT_JUMP)).Text(NFTA_VERDICT_CHAIN, target);
            });
          });
        });
      });
}

std::string Socket(uint8_t family, uint16_t port) {
  inet_diag_msg message{};
  message.idiag_family = family;
  message.id.idiag_sport = htons(port);
  return Message(SOCK_DIAG_BY_FAMILY, message);
}

// Chains that each jump ten times to the next: ten to the power of their number ways through them.
std::string Labyrinth() {
  std::string chains = TableChain("c0", true), rules;
  for (int i = 1; i <= 14; ++i) chains += TableChain(("c" + std::to_string(i)).c_str(), false);
  for (int i = 0; i < 14; ++i) {
    for (int twin = 0; twin < 10; ++twin)
      rules += TableRule(("c" + std::to_string(i)).c_str(), ("c" + std::to_string(i + 1)).c_str());
  }
  return Seed(6, {chains + Done(), rules + Done()});
}

}  // namespace

std::vector<std::string> NetlinkSeeds() {
  const std::string wide("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), narrow("\xc6\x12\x01\x01", 4);
  const std::string nsid = Message(RTM_NEWNSID, rtgenmsg{}, 0).U32(NETNSA_NSID, 3);
  const std::string tables = TableChain("forward", true) + TableChain("inner", false) + Done();
  const std::string rules = TableRule("forward", "inner") + TableRule("inner", "DOCKER") + Done();
  return WithFound(
      {Seed(0, {Veth() + Bridge(), Done()}), Seed(0, {Veth(), Done(-16), Bridge() + Done()}),
       Seed(1, {Address(AF_INET, narrow) + Address(AF_INET6, wide) + Done()}),
       Seed(2, {Route(), Acknowledged(), Acknowledged(-101)}),
       Seed(3, {Filter() + Done(), Done(), Qdisc("clsact"), Acknowledged()}), Seed(4, {nsid + Acknowledged()}),
       Seed(5, {Bridge() + Veth() + Done(), Qdisc("fq_codel") + Done(), tables, rules}), Seed(6, {tables, rules}), Labyrinth(),
       Seed(7, {Socket(AF_INET, 80) + Done(), Socket(AF_INET, 53) + Done(), Socket(AF_INET6, 443) + Done(), Done()}),
       Seed(8, {Veth(), "", Bridge() + Address(AF_INET, narrow)}), Seed(0, {Acknowledged(INT32_MIN)})},
      "netlink");
}

}  // namespace bulkhead
