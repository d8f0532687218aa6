// SPDX-License-Identifier: Apache-2.0
// The guard's tables as nftables messages. As `nft list table bridge bulkhead` shows them:
//
//   set managed { type iface_index . ifname }      set exempt { type iface_index . ifname }
//   set names { type ifname }                      set bridges { type ifname }                 set kinds { type ifname }
//   chain from { iifname @names return; iif . iifname @exempt return; meta ibrname @bridges return; iifname "vnet*" return;
//                meta iifkind @kinds return; meta iifkind != "" counter name "from" drop }
//   chain to   { the same of oif }
//   chain forward { iif . iifname != @managed jump from; oif . oifname != @managed jump to }
//   chain input   { iif . iifname != @managed jump from }
//   chain output  { oif . oifname != @managed jump to }
//
// So a packet between managed interfaces costs two looks. An interface without a kind (a device of its own) matches no rule about
// kinds at all and passes. The table `inet bulkhead` has chains prerouting { meta iifkind @kinds iif . iifname != @managed jump
// from } and postrouting instead, where the kinds are those that it is about, and no bridges.
//
// Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_NFT_TABLE_WRITER_H_
#define BULKHEAD_DATAPLANE_NFT_TABLE_WRITER_H_

#include "dataplane/nft/batch.h"
#include "dataplane/nft/guard_rules.h"

namespace bulkhead::nft {

inline constexpr char kTable[] = "bulkhead";
inline constexpr char kManagedSet[] = "managed", kExemptSet[] = "exempt", kNamesSet[] = "names", kBridgesSet[] = "bridges";
inline constexpr char kFromCounter[] = "from", kToCounter[] = "to";

// Which table: NFPROTO_BRIDGE or NFPROTO_INET. knows_bridges: the kernel has `meta ibrname`.
struct TableKind {
  uint8_t family = 0;
  bool knows_bridges = false;
};

// Takes the table away whole, if it is there, and puts this one in its place, its counters beginning at `dropped`.
void AddReplacement(const TableKind& kind, const TableRules& rules, const Dropped& dropped, Batch& batch);
// Brings the sets from one state to another; what is no set's (patterns) must be equal.
void AddChange(const TableKind& kind, const TableRules& from, const TableRules& to, Batch& batch);
// The table must be there.
void AddRemoval(uint8_t family, Batch& batch);

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_TABLE_WRITER_H_
