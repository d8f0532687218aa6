// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/peers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "controlplane/learn/outside.h"

namespace bulkhead::learn {
namespace {

using Addresses = std::set<IpAddress>;

class CalledPeers {
 public:
  CalledPeers(const Relation& relation, uint64_t lives, uint64_t occurrences)
      : relation_(relation), lives_(lives), occurrences_(occurrences) {}

  // Whether `enough` holds of those peers of the group that are proven, alone or together.
  bool Stands(const Addresses& group, const std::function<bool(const Addresses&)>& enough) const {
    Addresses proven, thin;
    for (const IpAddress& peer : group) (relation_.thin_peers.contains(peer) ? thin : proven).insert(peer);
    if (enough(proven)) return true;
    const uint64_t suspects = Suspects(thin);
    std::set<uint64_t> windows;
    uint64_t folded = 0;
    for (const IpAddress& peer : thin) {
      const PeerSeen& seen = relation_.peers_seen.at(peer);
      if ((seen.workloads & ~suspects) == 0) continue;
      proven.insert(peer);
      windows.insert(seen.windows.begin(), seen.windows.end());
      folded = std::max(folded, seen.folded_windows);
    }
    return windows.size() + folded >= occurrences_ && enough(proven);
  }

 private:
  // The workloads that brought most of these peers alone, and may all be lives of one.
  uint64_t Suspects(const Addresses& thin) const {
    std::array<uint64_t, 64> alone{};
    uint64_t all = 0;
    for (const IpAddress& peer : thin) {
      const uint64_t workloads = relation_.peers_seen.at(peer).workloads;
      all |= workloads;
      if (std::has_single_bit(workloads)) ++alone[static_cast<size_t>(std::countr_zero(workloads))];
    }
    std::vector<size_t> bits;
    for (size_t bit = 0; bit < alone.size(); ++bit) {
      if ((all >> bit & 1) != 0) bits.push_back(bit);
    }
    std::stable_sort(bits.begin(), bits.end(), [&alone](size_t a, size_t b) { return alone[a] > alone[b]; });
    const uint64_t at_once = relation_.source_at_once;
    bits.resize(std::min<size_t>(bits.size(), at_once == 0 || lives_ <= at_once ? 1 : lives_ - at_once + 1));
    uint64_t suspects = 0;
    for (const size_t bit : bits) suspects |= uint64_t{1} << bit;
    return suspects;
  }

  const Relation& relation_;
  const uint64_t lives_, occurrences_;
};

bool IsNetwork(const Addresses& members) { return members.size() >= kNetworkMembers; }
bool IsWhole(const Addresses& members) { return PeersAndNetworks(members, {}).size() > kMaxOutsideBlocks; }

}  // namespace

void SetPeersAside(uint64_t lives, uint64_t occurrences, Relation* relation) {
  if (relation->decision && relation->decision->accepted) {
    std::erase_if(relation->thin_peers, [relation](const IpAddress& peer) {
      return relation->peers_seen.at(peer).first_seen <= relation->decision->made_at;
    });
  }
  const CalledPeers peers(*relation, lives, occurrences);
  std::map<const Prefix*, Addresses> ranges;
  for (const auto& [peer, answered] : relation->peers) ranges[PrivateRangeOf(Prefix::Host(peer))].insert(peer);
  for (const auto& [range, members] : ranges) {
    if (peers.Stands(members, IsWhole)) continue;
    std::map<Prefix, Addresses> networks;
    for (const IpAddress& peer : members) networks[NetworkOf(peer)].insert(peer);
    for (const auto& [network, of_network] : networks) {
      if (peers.Stands(of_network, IsNetwork)) continue;
      for (const IpAddress& peer : of_network) {
        if (relation->thin_peers.contains(peer)) relation->set_aside_peers.insert(relation->peers.extract(peer));
      }
    }
  }
}

}  // namespace bulkhead::learn
