// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/comments.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bulkhead/model/flow_record.h"

namespace bulkhead::learn {
namespace {

constexpr size_t kSureWindows = 12, kLikelyWindows = 3;
constexpr uint64_t kSureFlows = 100;

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

// How much a relation has been tested by time and by different workloads. Peers outside stand for workloads there.
const char* ConfidenceText(const Relation& relation) {
  const size_t windows = relation.windows.size() + relation.folded_windows;
  const bool several = BelievedWorkloads(relation) > 1 || relation.peers.size() > 1;
  if (windows >= kSureWindows && (several || relation.answered >= kSureFlows)) return "high";
  return windows >= kLikelyWindows || several ? "medium" : "low";
}

std::string NamesText(const IpBlock& block, const std::map<IpAddress, std::set<std::string>>& names) {
  constexpr size_t kMaxShown = 3;
  std::set<std::string> all;
  for (const auto& [address, of_address] : names) {
    if (block.cidr.Contains(address)) all.insert(of_address.begin(), of_address.end());
  }
  if (all.empty()) return "";
  std::vector<std::string> shown;
  for (const std::string& name : all) {
    if (shown.size() < kMaxShown) shown.push_back(Printable(name));
  }
  const std::string more = all.size() > kMaxShown ? absl::StrCat(" and ", CountText(all.size() - kMaxShown, "more name")) : "";
  return absl::StrCat(" (", absl::StrJoin(shown, ", "), more, ")");
}

// "3 addresses, seen too seldom or by one workload alone: 203.0.113.7, ...".
std::string SetAsideText(const Relation& relation) {
  constexpr size_t kMaxShown = 3;
  std::vector<std::string> shown;
  for (const auto& [address, answered] : relation.set_aside_peers) {
    if (shown.size() < kMaxShown) shown.push_back(address.ToString());
  }
  const size_t count = relation.set_aside_peers.size();
  const std::string more = count > kMaxShown ? absl::StrCat(" and ", count - kMaxShown, " more") : "";
  return absl::StrCat(count, count == 1 ? " address" : " addresses", ", seen too seldom or by one workload alone: ",
                      absl::StrJoin(shown, ", "), more);
}

std::string SeenText(const Relation& relation, Direction direction) {
  std::string line = CountText(relation.answered, "answered flow");
  if (!relation.peers.empty()) {
    absl::StrAppend(&line, direction == Direction::kIngress ? " of " : " to ", relation.peers.size(),
                    relation.peers.size() == 1 ? " address" : " addresses");
  }
  if (relation.source_workloads != 0) absl::StrAppend(&line, " of ", CountText(BelievedWorkloads(relation), "client"));
  const size_t windows = relation.windows.size() + relation.folded_windows;
  absl::StrAppend(&line, ", ", SpanText(relation.first_seen, relation.last_seen), ", ", CountText(windows, "hour"));
  if (!relation.source_digests.empty()) absl::StrAppend(&line, "; client image ", DigestsText(relation.source_digests));
  if (!relation.destination_digests.empty()) absl::StrAppend(&line, "; server image ", DigestsText(relation.destination_digests));
  if (relation.decision && relation.decision->accepted) {
    absl::StrAppend(&line, "; accepted by ", Printable(relation.decision->who));
  }
  return absl::StrCat(line, "; confidence ", ConfidenceText(relation));
}

}  // namespace

std::vector<OutsideBlock> BlocksOf(const Relation& relation, const std::set<IpAddress>& workloads) {
  std::set<IpAddress> addresses;
  for (const auto& [address, answered] : relation.peers) addresses.insert(address);
  return GroupOutside(addresses, relation.thin_peers, workloads);
}

std::vector<std::string> ConfidenceRule() {
  return {absl::StrCat("Confidence: high = seen in ", kSureWindows, " hours or more, with several clients or ", kSureFlows,
                       " flows; medium = in ", kLikelyWindows, " hours or with several clients; else low.")};
}

void AddEvidence(const Relation& relation, Direction direction, const Surroundings& surroundings, std::vector<std::string>* out) {
  out->push_back(absl::StrCat(direction == Direction::kIngress ? "from " : "to ", NodeText(Other(relation, direction)), " ",
                              PortText(relation.protocol, relation.port), ": ",
                              relation.assumed.empty() ? SeenText(relation, direction) : relation.assumed));
  if (Other(relation, direction).kind != PartyKind::kWorld) return;
  for (const OutsideBlock& block : BlocksOf(relation, surroundings.workloads)) {
    // A name of the whole internet says nothing.
    const bool named = block.kind == OutsideKind::kPeer || block.kind == OutsideKind::kNetwork;
    out->push_back(absl::StrCat("  ", BlockText(block), named ? NamesText(block.block, surroundings.names) : ""));
  }
  if (relation.set_aside_peers.empty()) return;
  out->push_back(absl::StrCat("  set aside, not permitted until this edge is accepted: ", SetAsideText(relation)));
}

}  // namespace bulkhead::learn
