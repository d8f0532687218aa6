// SPDX-License-Identifier: Apache-2.0
// What the host does to packets between two ports of a bridge, as far as that decides whether they may go past it. Plain values.
#ifndef BULKHEAD_DATAPLANE_FAST_PATH_FACTS_H_
#define BULKHEAD_DATAPLANE_FAST_PATH_FACTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bulkhead::fast_path {

struct Bridge {
  std::string name;
  bool up = false;
  bool vlan_filtering = false;
  bool calls_ip_hooks = false;  // br_netfilter shows its packets to the hooks of ip, ip6 and inet
  std::string foreign;          // what hangs there and is not ours ("tc program at ingress"); empty = nothing
};

struct Port {
  std::string name;
  uint32_t bridge = 0;      // ifindex
  bool forwarding = false;  // up, and not held back by the spanning tree
  bool isolated = false;
  bool locked = false;      // only lets in who has authenticated (IEEE 802.1X)
  std::string foreign;
};

// One rule, as far as it matters here.
struct Rule {
  enum class Verdict : uint8_t { kNone, kAccept, kDrop, kJump };
  Verdict verdict = Verdict::kNone;
  std::string target;  // kJump: the chain
  bool acts = false;   // does, or depends on, more than its verdict and stateless matches say
  // Names that the incoming or outgoing interface must have, or must not have. A trailing '*' stands for anything.
  std::vector<std::string> only, never;
};

struct Chain {
  std::string family;  // "ip", "ip6", "inet", "bridge", "netdev", ...
  std::string table, name;
  bool base = false;
  std::string type;  // of a base chain: "filter", "nat", "route"
  uint32_t hook = 0;  // NF_INET_..., NF_BR_..., NF_NETDEV_...
  bool drops = false;  // what no rule decides
  std::vector<std::string> devices;
  std::vector<Rule> rules;
};

struct Facts {
  std::map<uint32_t, Bridge> bridges;  // by ifindex
  std::map<uint32_t, Port> ports;      // of bridges, by ifindex
  std::vector<Chain> chains;
  std::vector<std::string> unreadable;  // rules that are there and cannot be read: "iptables-legacy table filter"
};

}  // namespace bulkhead::fast_path

#endif  // BULKHEAD_DATAPLANE_FAST_PATH_FACTS_H_
