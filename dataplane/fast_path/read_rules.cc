// SPDX-License-Identifier: Apache-2.0
// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_bridge/ebtables.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "dataplane/fast_path/read.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead::fast_path {
namespace {

// Expressions and matches of iptables that look at the packet at hand and its connection, and do and remember nothing.
constexpr std::string_view kStateless[] = {"meta", "cmp", "payload", "bitwise", "ct", "lookup", "counter", "immediate", "match",
                                           "range", "fib", "byteorder", "exthdr", "socket"};
constexpr std::string_view kStatelessMatches[] = {"conntrack", "state", "addrtype", "comment", "tcp", "udp", "icmp", "icmp6", "multiport",
                                                  "physdev", "set"};

template <size_t N>
bool IsAmong(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

uint32_t BigEndianOr(const nlattr* attribute, uint32_t otherwise) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t)) return otherwise;
  return ntohl(mnl_attr_get_u32(attribute));
}

template <typename F>
void ForEachIn(const nlattr& nest, F&& callback) {
  const char* const end = static_cast<const char*>(mnl_attr_get_payload(&nest)) + mnl_attr_get_payload_len(&nest);
  const auto left = [end](const nlattr* at) { return static_cast<int>(end - reinterpret_cast<const char*>(at)); };
  for (const auto* at = static_cast<const nlattr*>(mnl_attr_get_payload(&nest)); mnl_attr_ok(at, left(at)); at = mnl_attr_next(at)) {
    callback(*at);
  }
}

std::string FamilyName(uint8_t family) {
  switch (family) {
    case NFPROTO_INET: return "inet";
    case NFPROTO_IPV4: return "ip";
    case NFPROTO_IPV6: return "ip6";
    case NFPROTO_ARP: return "arp";
    case NFPROTO_BRIDGE: return "bridge";
    case NFPROTO_NETDEV: return "netdev";
    default: return absl::StrCat("family ", family);
  }
}

// The interface name that is loaded into a register and compared with.
struct Comparison {
  bool of_interface = false;

  void Load(const nlattr& data, Rule& rule) {
    const auto meta = AttributesOf<NFTA_META_MAX>(data);
    const uint32_t key = BigEndianOr(meta[NFTA_META_KEY], 0);
    of_interface = key == NFT_META_IIFNAME || key == NFT_META_OIFNAME;
    if (meta[NFTA_META_SREG] != nullptr) rule.acts = true;  // sets the mark, for instance
  }

  void Compare(const nlattr& data, Rule& rule) const {
    const auto compare = AttributesOf<NFTA_CMP_MAX>(data);
    if (!of_interface || compare[NFTA_CMP_DATA] == nullptr) return;
    const nlattr* value = AttributesOf<NFTA_DATA_MAX>(*compare[NFTA_CMP_DATA])[NFTA_DATA_VALUE];
    if (value == nullptr) return;
    const std::string_view bytes(static_cast<const char*>(mnl_attr_get_payload(value)), mnl_attr_get_payload_len(value));
    const size_t end = bytes.find('\0');
    // Without a zero at its end it is the beginning of a name.
    const std::string name = end == std::string_view::npos ? absl::StrCat(std::string(bytes), "*") : std::string(bytes.substr(0, end));
    const uint32_t op = BigEndianOr(compare[NFTA_CMP_OP], UINT32_MAX);
    if (op == NFT_CMP_EQ) rule.only.push_back(name);
    if (op == NFT_CMP_NEQ) rule.never.push_back(name);
  }
};

void TakeVerdict(const nlattr& data, Rule& rule) {
  const nlattr* value = AttributesOf<NFTA_IMMEDIATE_MAX>(data)[NFTA_IMMEDIATE_DATA];
  if (value == nullptr) return;
  const nlattr* verdict = AttributesOf<NFTA_DATA_MAX>(*value)[NFTA_DATA_VERDICT];
  if (verdict == nullptr) return;  // a value for a register
  const auto parts = AttributesOf<NFTA_VERDICT_MAX>(*verdict);
  const auto code = static_cast<int32_t>(BigEndianOr(parts[NFTA_VERDICT_CODE], NF_DROP));
  if (code == NF_ACCEPT) {
    rule.verdict = Rule::Verdict::kAccept;
  } else if (code == NFT_JUMP || code == NFT_GOTO) {
    rule.verdict = Rule::Verdict::kJump;
    rule.target = StringOf(parts[NFTA_VERDICT_CHAIN]);
  } else if (code != NFT_RETURN && code != NFT_CONTINUE) {
    rule.verdict = Rule::Verdict::kDrop;  // or a queue: as much a reason
  }
}

void TakeExpression(const nlattr& element, Comparison& comparison, Rule& rule) {
  const auto expression = AttributesOf<NFTA_EXPR_MAX>(element);
  const std::string name = StringOf(expression[NFTA_EXPR_NAME]);
  if (!IsAmong(kStateless, name)) rule.acts = true;
  const nlattr* data = expression[NFTA_EXPR_DATA];
  if (data == nullptr) return;
  if (name == "meta") comparison.Load(*data, rule);
  if (name == "cmp") comparison.Compare(*data, rule);
  if (name == "immediate") TakeVerdict(*data, rule);
  if (name == "match" && !IsAmong(kStatelessMatches, StringOf(AttributesOf<NFTA_MATCH_MAX>(*data)[NFTA_MATCH_NAME]))) rule.acts = true;
  // A verdict out of a map may be any.
  if (name == "lookup" && AttributesOf<NFTA_LOOKUP_MAX>(*data)[NFTA_LOOKUP_DREG] != nullptr) rule.acts = true;
  if (name == "payload" && AttributesOf<NFTA_PAYLOAD_MAX>(*data)[NFTA_PAYLOAD_SREG] != nullptr) rule.acts = true;
  if (name == "ct" && AttributesOf<NFTA_CT_MAX>(*data)[NFTA_CT_SREG] != nullptr) rule.acts = true;
}

Rule RuleOf(const nlattr* expressions) {
  Rule rule;
  Comparison comparison;
  if (expressions == nullptr) return rule;
  ForEachIn(*expressions, [&](const nlattr& element) { TakeExpression(element, comparison, rule); });
  return rule;
}

void TakeHook(const nlattr& nest, Chain& chain) {
  const auto hook = AttributesOf<NFTA_HOOK_MAX>(nest);
  chain.base = true;
  chain.hook = BigEndianOr(hook[NFTA_HOOK_HOOKNUM], 0);
  if (hook[NFTA_HOOK_DEV] != nullptr) chain.devices.push_back(StringOf(hook[NFTA_HOOK_DEV]));
  if (hook[NFTA_HOOK_DEVS] == nullptr) return;
  ForEachIn(*hook[NFTA_HOOK_DEVS], [&](const nlattr& device) { chain.devices.push_back(StringOf(&device)); });
}

NetlinkRequest DumpRequest(uint8_t what) {
  NetlinkRequest request(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what), 0);
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_UNSPEC;
  header.version = NFNETLINK_V0;
  request.AddHeader(header);
  return request;
}

uint8_t FamilyOf(const nlmsghdr& message) { return static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&message))->nfgen_family; }

absl::Status ReadChains(NetlinkSocket& socket, Facts& facts) {
  NetlinkRequest request = DumpRequest(NFT_MSG_GETCHAIN);
  return socket.Dump(request, [&] { facts.chains.clear(); }, [&](const nlmsghdr& message) {
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return;
    const auto attributes = AttributesOf<NFTA_CHAIN_TYPE>(message, sizeof(nfgenmsg));
    Chain chain;
    chain.family = FamilyName(FamilyOf(message));
    chain.table = StringOf(attributes[NFTA_CHAIN_TABLE]);
    chain.name = StringOf(attributes[NFTA_CHAIN_NAME]);
    chain.type = StringOf(attributes[NFTA_CHAIN_TYPE]);
    chain.drops = BigEndianOr(attributes[NFTA_CHAIN_POLICY], NF_ACCEPT) != NF_ACCEPT;
    if (attributes[NFTA_CHAIN_HOOK] != nullptr) TakeHook(*attributes[NFTA_CHAIN_HOOK], chain);
    facts.chains.push_back(std::move(chain));
  });
}

absl::Status ReadChainRules(NetlinkSocket& socket, Facts& facts) {
  std::map<std::tuple<std::string, std::string, std::string>, Chain*> chains;
  for (Chain& chain : facts.chains) chains[{chain.family, chain.table, chain.name}] = &chain;
  NetlinkRequest request = DumpRequest(NFT_MSG_GETRULE);
  const auto restart = [&] {
    for (Chain& chain : facts.chains) chain.rules.clear();
  };
  return socket.Dump(request, restart, [&](const nlmsghdr& message) {
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return;
    const auto attributes = AttributesOf<NFTA_RULE_EXPRESSIONS>(message, sizeof(nfgenmsg));
    const auto chain = chains.find({FamilyName(FamilyOf(message)), StringOf(attributes[NFTA_RULE_TABLE]),
                                    StringOf(attributes[NFTA_RULE_CHAIN])});
    if (chain != chains.end()) chain->second->rules.push_back(RuleOf(attributes[NFTA_RULE_EXPRESSIONS]));
  });
}

// The old iptables tell only which tables they have in use; what stands in them takes another program to read.
void ReadLegacyTables(Facts& facts) {
  for (const auto& [file, what] : {std::pair("/proc/net/ip_tables_names", "iptables-legacy table "),
                                   std::pair("/proc/net/ip6_tables_names", "ip6tables-legacy table ")}) {
    std::ifstream names(file);
    for (std::string name; std::getline(names, name);) {
      if (name != "nat") facts.unreadable.push_back(absl::StrCat(what, name));
    }
  }
}

// The old ebtables. Asking must not bring its tables to life: their modules are named only where they are loaded.
bool HasLegacyEbtables(const char* table) {
  if (access("/sys/module/ebtables", F_OK) == 0 && access(absl::StrCat("/sys/module/ebtable_", table).c_str(), F_OK) != 0) return false;
  const UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ebt_replace info{};
  std::strncpy(info.name, table, sizeof(info.name) - 1);
  socklen_t size = sizeof(info);
  return socket.ok() && getsockopt(socket.get(), IPPROTO_IP, EBT_SO_GET_INFO, &info, &size) == 0 && info.nentries > 0;
}

}  // namespace

absl::Status ReadTables(NetlinkSocket& socket, Facts& facts) {
  const absl::Status status = ReadChains(socket, facts);
  return status.ok() ? ReadChainRules(socket, facts) : status;
}

absl::Status ReadRules(Facts& facts) {
  auto socket = NetlinkSocket::Open({}, NETLINK_NETFILTER);
  if (!socket.ok()) return socket.status();
  if (const absl::Status status = ReadTables(*socket, facts); !status.ok()) return status;
  ReadLegacyTables(facts);
  for (const char* table : {"filter", "nat", "broute"}) {
    if (!HasLegacyEbtables(table)) continue;
    Chain chain{"bridge", absl::StrCat("ebtables-legacy ", table), "rules", true, "filter", NF_INET_FORWARD, false, {}, {}};
    chain.rules.push_back({Rule::Verdict::kDrop, "", true, {}, {}});
    facts.chains.push_back(std::move(chain));
  }
  return absl::OkStatus();
}

}  // namespace bulkhead::fast_path
