// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fast_path/decide.h"

// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>

#include <linux/netfilter.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace bulkhead::fast_path {
namespace {

constexpr int kDeepest = 16;  // jumps, as the kernel has it (NFT_JUMP_STACK_SIZE)

bool IsOwnTable(const Chain& chain) {
  return chain.table.starts_with("bulkhead") || chain.table == "docker-bridges" || chain.table == "netavark";
}

// DOCKER-USER is the one among Docker's chains that is other people's.
bool IsEngineChain(std::string_view name) { return name.starts_with("DOCKER") && name != "DOCKER-USER"; }

bool Matches(std::string_view pattern, std::string_view name) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : pattern == name;
}

// name: of the interface that the packets come from and go to, as the chain sees it; empty: it may be any.
bool Concerns(const Rule& rule, std::string_view name) {
  if (name.empty()) return true;
  const auto matches = [name](const std::string& pattern) { return Matches(pattern, name); };
  return std::all_of(rule.only.begin(), rule.only.end(), matches) && std::none_of(rule.never.begin(), rule.never.end(), matches);
}

// Looks for a chain that has a rule which may do something to a packet of a flow whose first ones it let pass.
class Search {
 public:
  // interface: the name of the one that the packets come from and go to, as the chains see it; empty: it may be any.
  Search(const Facts& facts, std::string_view interface) : interface_(interface) {
    for (const Chain& chain : facts.chains) chains_.emplace(std::tuple(chain.family, chain.table, chain.name), &chain);
  }

  // Null: none of those that can be reached has.
  const Chain* Meddler(const Chain& chain, int depth = 0) {
    if (depth > kDeepest) return &chain;
    // Ways through a ruleset are many more than its chains: each is walked once, and again only from further down.
    if (const auto seen = clean_.find(&chain); seen != clean_.end() && depth <= seen->second) return nullptr;
    for (const Rule& rule : chain.rules) {
      if (!Concerns(rule, interface_)) continue;
      if (rule.verdict == Rule::Verdict::kJump && IsEngineChain(rule.target)) continue;
      if (rule.acts || rule.verdict == Rule::Verdict::kDrop) return &chain;
      if (rule.verdict != Rule::Verdict::kJump) continue;
      const auto next = chains_.find(std::tuple(chain.family, chain.table, rule.target));
      if (next == chains_.end()) return &chain;
      if (const Chain* found = Meddler(*next->second, depth + 1)) return found;
    }
    clean_[&chain] = depth;
    return nullptr;
  }

 private:
  const std::string interface_;
  std::map<std::tuple<std::string, std::string, std::string>, const Chain*> chains_;  // by family, table and name
  std::map<const Chain*, int> clean_;  // what was walked without a find, and the most jumps before it
};

bool IsOnWay(const Chain& chain) {
  return chain.hook == NF_INET_PRE_ROUTING || chain.hook == NF_INET_FORWARD || chain.hook == NF_INET_POST_ROUTING;
}

std::string NameOf(const Chain& chain) { return absl::StrCat("nftables chain ", chain.family, " ", chain.table, " ", chain.name); }

bool HasDevice(const Facts& facts, const Chain& chain, uint32_t bridge, const std::set<uint32_t>& endpoints) {
  return std::any_of(chain.devices.begin(), chain.devices.end(), [&](const std::string& device) {
    if (Matches(device, facts.bridges.at(bridge).name)) return true;
    return std::any_of(endpoints.begin(), endpoints.end(), [&](uint32_t port) { return Matches(device, facts.ports.at(port).name); });
  });
}

std::string WhyNotByRules(const Facts& facts, uint32_t bridge, const std::set<uint32_t>& endpoints) {
  const Bridge& here = facts.bridges.at(bridge);
  Search by_anyone(facts, ""), by_bridge(facts, here.name);
  for (const Chain& chain : facts.chains) {
    if (!chain.base || chain.type == "nat" || IsOwnTable(chain)) continue;
    Search* search = &by_anyone;
    if (chain.family == "bridge") {
      if (!IsOnWay(chain)) continue;
    } else if (chain.family == "netdev" || !chain.devices.empty()) {
      if (!HasDevice(facts, chain, bridge, endpoints)) continue;
    } else if (chain.family == "ip" || chain.family == "ip6" || chain.family == "inet") {
      if (!here.calls_ip_hooks || !IsOnWay(chain)) continue;
      search = &by_bridge;
    } else {
      continue;
    }
    if (const Chain* found = search->Meddler(chain)) return NameOf(*found);
  }
  if (here.calls_ip_hooks && !facts.unreadable.empty()) return facts.unreadable.front();
  return "";
}

}  // namespace

std::string WhyNot(const Facts& facts, uint32_t bridge, const std::set<uint32_t>& endpoints) {
  const auto found = facts.bridges.find(bridge);
  if (found == facts.bridges.end()) return "not a bridge";
  const Bridge& here = found->second;
  if (!here.up) return "the bridge is down";
  if (here.vlan_filtering) return "VLAN filtering";
  if (!here.foreign.empty()) return absl::StrCat(here.foreign, " on ", here.name);
  for (const auto& [ifindex, port] : facts.ports) {
    if (port.bridge == bridge && port.isolated) return absl::StrCat("isolated port ", port.name);
  }
  for (const uint32_t ifindex : endpoints) {
    const auto at = facts.ports.find(ifindex);
    if (at == facts.ports.end() || at->second.bridge != bridge) return absl::StrCat("interface ", ifindex, " is not a port of it");
    const Port& port = at->second;
    if (port.locked) return absl::StrCat("locked port ", port.name);
    if (!port.foreign.empty()) return absl::StrCat(port.foreign, " on ", port.name);
  }
  return WhyNotByRules(facts, bridge, endpoints);
}

}  // namespace bulkhead::fast_path
