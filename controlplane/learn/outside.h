// SPDX-License-Identifier: Apache-2.0
// Outside: which blocks of addresses stand for the peers that are no workloads here. Pure; any thread.
//
//   one peer        an address by itself
//   a network       kNetworkMembers or more peers of one /24 (IPv4) or /64 (IPv6), unless a workload here has an address in it
//   the internet    more than kMaxOutsideBlocks of these are public: 0.0.0.0/0 and ::/0 except what is not public. Addresses that are
//                   not public stay by themselves; with more than kMaxOutsideBlocks blocks of one private range, the whole range
#ifndef BULKHEAD_CONTROLPLANE_LEARN_OUTSIDE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_OUTSIDE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bulkhead/model/ip.h"
#include "bulkhead/model/policy.h"

namespace bulkhead::learn {

inline constexpr size_t kNetworkMembers = 4;
inline constexpr int kNetworkBits4 = 24, kNetworkBits6 = 64;
inline constexpr size_t kMaxOutsideBlocks = 16;

enum class OutsideKind : uint8_t { kPeer, kNetwork, kRange, kInternet };

struct OutsideBlock {
  OutsideKind kind = OutsideKind::kPeer;
  IpBlock block;
  size_t peers = 0;  // that it stands for; of the two blocks of the internet, those of their own family

  bool operator==(const OutsideBlock&) const = default;
};

// Sorted by block. peers: those that answered or were answered. thin: those of them that count for a network, a range or the internet,
// and are too little seen to be let in alone. workloads: the addresses of workloads here.
std::vector<OutsideBlock> GroupOutside(const std::set<IpAddress>& peers, const std::set<IpAddress>& thin,
                                       const std::set<IpAddress>& workloads);

// The network that an address may be grouped into.
Prefix NetworkOf(const IpAddress& address);
// The range that is grouped apart from what is public; nullptr: public.
const Prefix* PrivateRangeOf(const Prefix& prefix);
// Blocks of these, single peers and networks, before there are too many.
std::vector<OutsideBlock> PeersAndNetworks(const std::set<IpAddress>& peers, const std::set<IpAddress>& workloads);

// The rule above in sentences, for people who read a proposal.
std::vector<std::string> GroupingText();

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_OUTSIDE_H_
