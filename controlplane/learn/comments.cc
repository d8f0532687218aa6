// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/comments.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bulkhead::learn {
namespace {

std::string DigestsText(const std::set<std::string>& digests) {
  constexpr size_t kShort = 12;  // as engines print them
  constexpr size_t kMaxShown = 3;
  std::vector<std::string> shown;
  for (const std::string& digest : digests) {
    if (shown.size() == kMaxShown) break;
    const size_t colon = digest.find(':');
    shown.push_back(Printable(std::string_view(digest).substr(colon == std::string::npos ? 0 : colon + 1).substr(0, kShort)));
  }
  const std::string more = digests.size() > kMaxShown ? absl::StrCat(" and ", digests.size() - kMaxShown, " more") : "";
  return absl::StrCat(absl::StrJoin(shown, ", "), more);
}

// "198.18.7.0/24, a network with 5 peers".
std::string BlockText(const OutsideBlock& block) {
  const std::string cidr = block.block.cidr.ToString();
  switch (block.kind) {
    case OutsideKind::kPeer:
      return block.block.cidr.address.ToString();
    case OutsideKind::kNetwork:
      return absl::StrCat(cidr, ", a network with ", CountText(block.peers, "peer"));
    case OutsideKind::kRange:
      return absl::StrCat(cidr, ", a private range with ", CountText(block.peers, "peer"), "; it may hold other services' addresses");
    case OutsideKind::kInternet:
      return absl::StrCat(cidr, " but private ranges, the internet: ", CountText(block.peers, "peer"));
  }
  return cidr;
}

}  // namespace

std::vector<OutsideBlock> BlocksOf(const Relation& relation, const std::set<IpAddress>& workloads) {
  std::set<IpAddress> addresses;
  for (const auto& [address, answered] : relation.peers) addresses.insert(address);
  return GroupOutside(addresses, relation.thin_peers, workloads);
}

void AddEvidence(const Relation& relation, Direction direction, const Surroundings& surroundings, std::vector<std::string>* out) {
  std::string line = absl::StrCat(direction == Direction::kIngress ? "from " : "to ", NodeText(Other(relation, direction)), " ",
                                  PortText(relation.protocol, relation.port), ": ");
  if (relation.assumed.empty()) {
    absl::StrAppend(&line, CountText(relation.answered, "answered flow"));
    if (!relation.peers.empty()) {
      absl::StrAppend(&line, direction == Direction::kIngress ? " of " : " to ", relation.peers.size(),
                      relation.peers.size() == 1 ? " address" : " addresses");
    }
    absl::StrAppend(&line, ", ", SpanText(relation.first_seen, relation.last_seen));
    if (!relation.source_digests.empty()) absl::StrAppend(&line, "; client image ", DigestsText(relation.source_digests));
    if (!relation.destination_digests.empty()) absl::StrAppend(&line, "; server image ", DigestsText(relation.destination_digests));
  } else {
    absl::StrAppend(&line, relation.assumed);
  }
  out->push_back(std::move(line));
  if (Other(relation, direction).kind != PartyKind::kWorld) return;
  for (const OutsideBlock& block : BlocksOf(relation, surroundings.workloads)) {
    out->push_back(absl::StrCat("  ", BlockText(block)));
  }
}

}  // namespace bulkhead::learn
