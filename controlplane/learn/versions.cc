// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/versions.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {
namespace {

using Place = std::tuple<Node, Node, uint8_t>;  // source, destination, protocol
struct Use {
  uint64_t answered = 0, first_seen = 0, last_seen = 0;
};
using Uses = std::map<Place, std::map<uint16_t, Use>>;  // -> by port

void AddUses(const Evidence& evidence, const Node& self, std::string_view digest, const std::set<std::string>& worth, Uses* uses) {
  for (const Edge& edge : evidence.edges) {
    const Party& from = evidence.parties[edge.source];
    const Party& to = evidence.parties[edge.destination];
    const Node source = NodeOf(from), destination = NodeOf(to);
    const bool ours = (source == self && from.image_digest == digest) || (destination == self && to.image_digest == digest);
    if (!ours || edge.answered == 0 || !worth.contains(RelationName(source, destination, edge.protocol, edge.port))) continue;
    Use& use = (*uses)[{source, destination, edge.protocol}][edge.port];
    use.answered += edge.answered;
    use.first_seen = use.first_seen == 0 ? edge.first_seen : std::min(use.first_seen, edge.first_seen);
    use.last_seen = std::max(use.last_seen, edge.last_seen);
  }
}

// Whose ports can be told, decided upon or not.
std::set<std::string> Worth(const Evidence& evidence) {
  std::set<std::string> out;
  for (const Relation& relation : Sift(evidence)) {
    const bool told =
        relation.standing == Standing::kSupports || relation.standing == Standing::kRejected || WaitsForReview(relation);
    if (told) out.insert(RelationName(relation.source, relation.destination, relation.protocol, relation.port));
  }
  return out;
}

std::string NameAt(const Place& place, uint16_t port) {
  return RelationName(std::get<0>(place), std::get<1>(place), std::get<2>(place), port);
}

void Compare(const Place& place, std::map<uint16_t, Use> before, std::map<uint16_t, Use> after, std::vector<VersionEdge>* out) {
  for (auto at = before.begin(); at != before.end();) at = after.erase(at->first) > 0 ? before.erase(at) : std::next(at);
  const auto add = [&](EdgeChange change, uint16_t port, const Use& use, std::string was) {
    out->push_back({change, NameAt(place, port), std::move(was), use.answered, use.first_seen, use.last_seen});
  };
  if (before.size() == 1 && after.size() == 1) {
    return add(EdgeChange::kChanged, after.begin()->first, after.begin()->second, NameAt(place, before.begin()->first));
  }
  for (const auto& [port, use] : before) add(EdgeChange::kGone, port, use, "");
  for (const auto& [port, use] : after) add(EdgeChange::kAdded, port, use, "");
}

// The digests of a service, in the order in which they were seen first.
std::vector<std::string> Digests(const Evidence& evidence, const Node& self) {
  std::map<std::string, uint64_t> first;
  const auto see = [&](const Party& party, uint64_t when) {
    if (NodeOf(party) != self) return;
    const auto [at, fresh] = first.try_emplace(party.image_digest, when);
    if (!fresh) at->second = std::min(at->second, when);
  };
  for (const Edge& edge : evidence.edges) {
    see(evidence.parties[edge.source], edge.first_seen);
    see(evidence.parties[edge.destination], edge.first_seen);
  }
  for (const PresenceWindow& present : evidence.presence) see(evidence.parties[present.party], present.start);
  std::vector<std::pair<uint64_t, std::string>> order;
  for (const auto& [digest, when] : first) order.emplace_back(when, digest);
  std::sort(order.begin(), order.end());
  std::vector<std::string> out;
  for (auto& [when, digest] : order) out.push_back(std::move(digest));
  return out;
}

absl::StatusOr<std::string> FindDigest(const std::vector<std::string>& digests, std::string_view given,
                                       const std::string& service) {
  std::vector<std::string> found;
  for (const std::string& digest : digests) {
    const std::string_view bare = std::string_view(digest).substr(digest.find(':') + 1);  // npos + 1 = 0
    if (digest == given) return digest;
    if (digest.starts_with(given) || bare.starts_with(given)) found.push_back(digest);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) return absl::NotFoundError(absl::StrCat("no image ", Printable(given), " of ", service, " has been seen"));
  return absl::InvalidArgumentError(
      absl::StrCat("image ", Printable(given), " of ", service, " could be ", found.size(), " digests"));
}

}  // namespace

absl::StatusOr<VersionDiff> DiffVersions(const Evidence& evidence, const ServiceName& service, std::string_view old_digest,
                                         std::string_view new_digest) {
  const Node self{PartyKind::kService, service.first, service.second};
  const std::string name = NodeText(self);
  const std::vector<std::string> digests = Digests(evidence, self);
  if (digests.empty()) return absl::NotFoundError(absl::StrCat("no traffic of ", name, " has been seen"));
  VersionDiff diff;
  if (old_digest.empty() && new_digest.empty()) {
    if (digests.size() < 2) return absl::NotFoundError(absl::StrCat("only one image of ", name, " has been seen: ", digests[0]));
    diff.old_digest = digests[digests.size() - 2];
    diff.new_digest = digests.back();
  } else {
    auto old_found = FindDigest(digests, old_digest, name);
    if (!old_found.ok()) return old_found.status();
    auto new_found = FindDigest(digests, new_digest, name);
    if (!new_found.ok()) return new_found.status();
    diff.old_digest = *std::move(old_found);
    diff.new_digest = *std::move(new_found);
  }
  const std::set<std::string> worth = Worth(evidence);
  Uses before, after;
  AddUses(evidence, self, diff.old_digest, worth, &before);
  AddUses(evidence, self, diff.new_digest, worth, &after);
  std::set<Place> places;
  for (const Uses* uses : {&before, &after}) {
    for (const auto& [place, ports] : *uses) places.insert(place);
  }
  for (const Place& place : places) Compare(place, before[place], after[place], &diff.edges);
  std::stable_sort(diff.edges.begin(), diff.edges.end(),
                   [](const VersionEdge& a, const VersionEdge& b) { return a.edge < b.edge; });
  return diff;
}

}  // namespace bulkhead::learn
