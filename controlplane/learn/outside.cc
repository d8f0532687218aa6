// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/outside.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace bulkhead::learn {
namespace {

// Not reachable over the internet, and in use: of the IANA registries of special-purpose addresses (RFC 6890).
const std::vector<Prefix>& PrivateRanges() {
  static const auto& ranges = *new std::vector<Prefix>([] {
    std::vector<Prefix> out;
    for (const char* text : {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                             "198.18.0.0/15", "fc00::/7", "fe80::/10"}) {
      out.push_back(*Prefix::Parse(text));
    }
    return out;
  }());
  return ranges;
}

OutsideBlock Whole(const IpAddress& any) {
  OutsideBlock out{OutsideKind::kInternet, {Prefix::Of(any, 0), {}}, 0};
  for (const Prefix& range : PrivateRanges()) {
    if (range.address.family == any.family) out.block.except.push_back(range);
  }
  return out;
}

}  // namespace

const Prefix* PrivateRangeOf(const Prefix& prefix) {
  const auto at = std::find_if(PrivateRanges().begin(), PrivateRanges().end(),
                               [&prefix](const Prefix& range) { return range.Contains(prefix); });
  return at == PrivateRanges().end() ? nullptr : &*at;
}

Prefix NetworkOf(const IpAddress& address) { return Prefix::Of(address, address.IsV4() ? kNetworkBits4 : kNetworkBits6); }

std::vector<OutsideBlock> PeersAndNetworks(const std::set<IpAddress>& peers, const std::set<IpAddress>& workloads) {
  std::map<Prefix, std::vector<IpAddress>> networks;
  for (const IpAddress& peer : peers) networks[NetworkOf(peer)].push_back(peer);
  std::set<Prefix> inhabited;
  for (const IpAddress& workload : workloads) inhabited.insert(NetworkOf(workload));
  std::vector<OutsideBlock> out;
  for (const auto& [network, members] : networks) {
    if (members.size() >= kNetworkMembers && !inhabited.contains(network)) {
      out.push_back({OutsideKind::kNetwork, {network, {}}, members.size()});
      continue;
    }
    for (const IpAddress& member : members) out.push_back({OutsideKind::kPeer, {Prefix::Host(member), {}}, 1});
  }
  return out;
}

std::vector<OutsideBlock> GroupOutside(const std::set<IpAddress>& peers, const std::set<IpAddress>& thin,
                                       const std::set<IpAddress>& workloads) {
  std::vector<OutsideBlock> publics;
  std::map<Prefix, std::vector<OutsideBlock>> by_range;
  for (OutsideBlock& block : PeersAndNetworks(peers, workloads)) {
    const Prefix* range = PrivateRangeOf(block.block.cidr);
    (range == nullptr ? publics : by_range[*range]).push_back(std::move(block));
  }
  std::vector<OutsideBlock> out;
  if (publics.size() <= kMaxOutsideBlocks) {
    out = std::move(publics);
  } else {
    out = {Whole(IpAddress{4, {}}), Whole(IpAddress{6, {}})};
    for (const OutsideBlock& block : publics) out[block.block.cidr.address.IsV4() ? 0 : 1].peers += block.peers;
  }
  for (auto& [range, blocks] : by_range) {
    if (blocks.size() <= kMaxOutsideBlocks) {
      out.insert(out.end(), blocks.begin(), blocks.end());
      continue;
    }
    OutsideBlock whole{OutsideKind::kRange, {range, {}}, 0};
    for (const OutsideBlock& block : blocks) whole.peers += block.peers;
    out.push_back(std::move(whole));
  }
  std::erase_if(out, [&thin](const OutsideBlock& block) {
    return block.kind == OutsideKind::kPeer && thin.contains(block.block.cidr.address);
  });
  std::sort(out.begin(), out.end(), [](const OutsideBlock& a, const OutsideBlock& b) { return a.block.cidr < b.block.cidr; });
  return out;
}

std::vector<std::string> GroupingText() {
  return {absl::StrCat("Peers outside: one by one; ", kNetworkMembers, " or more of one /", kNetworkBits4, " or IPv6 /", kNetworkBits6,
                       " as that network, unless a workload here has an address in it;"),
          absl::StrCat("more than ", kMaxOutsideBlocks,
                       " public ones on a port as the internet, private ranges left out; as many of a private range as that range.")};
}

}  // namespace bulkhead::learn
