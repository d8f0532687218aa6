// SPDX-License-Identifier: Apache-2.0
// What the guard lets through. Plain values.
//
// A managed interface is known by its number and its name at once. Either alone may come back while nobody looks: engines give a
// new container the name of one that is gone (veth0), and an interface that is moved out of a container keeps its number where that
// is free. An interface that is renamed is cut off until it is entered anew.
#ifndef BULKHEAD_DATAPLANE_NFT_GUARD_RULES_H_
#define BULKHEAD_DATAPLANE_NFT_GUARD_RULES_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::nft {

struct Port {
  uint32_t ifindex = 0;
  std::string name;  // at most 15 bytes, as everywhere below

  auto operator<=>(const Port&) const = default;
};

struct TableRules {
  std::set<Port> managed;              // the dataplane's programs are on them
  std::set<Port> exempt;               // no workload's
  std::set<std::string> exempt_names;  // likewise, whatever their number: for those that come back under their name
  std::vector<std::string> patterns;   // likewise, by the beginnings of names; sorted
  std::set<std::string> bridges;  // no container networks; counts where the kernel can tell a port's bridge, and not for kRouted

  bool operator==(const TableRules&) const = default;
};

// The two tables: for ports of bridges, and for veths that the host routes. nullopt: there is none, and nothing is dropped.
struct GuardRules {
  std::optional<TableRules> bridge, routed;

  bool operator==(const GuardRules&) const = default;
};

// Packets dropped since the table was first made.
struct Dropped {
  uint64_t from = 0;  // that an unmanaged interface sent
  uint64_t to = 0;    // that were for one

  bool operator==(const Dropped&) const = default;
};

// What is in the kernel.
struct FoundTable {
  std::set<Port> managed, exempt;
  std::set<std::string> exempt_names;
  Dropped dropped;
};
struct FoundGuard {
  std::optional<FoundTable> bridge, routed;
};

// Whether interfaces of that kind (IFLA_INFO_KIND) lead to other machines, or to what lies below: none that an engine gives a
// workload. The guard lets them be, whatever it is told, also where nobody could tell it of them.
bool IsWire(std::string_view kind);

// Whether they are one end of two, which engines give workloads; the only kinds that the table for routed interfaces is about.
bool IsPair(std::string_view kind);

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_GUARD_RULES_H_
