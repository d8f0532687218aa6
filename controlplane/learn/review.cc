// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/review.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bulkhead/model/flow_record.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {
namespace {

std::string NameOf(const Relation& relation) {
  return RelationName(relation.source, relation.destination, relation.protocol, relation.port);
}

ReviewItem ItemOf(const Relation& relation) {
  ReviewItem item;
  item.edge = NameOf(relation);
  item.why = WaitingReason(relation);
  item.answered = relation.answered;
  item.would_denied = relation.answered_would_deny;
  item.quarantined = relation.quarantined;
  item.clients = relation.source.IsService() ? BelievedWorkloads(relation) : relation.peers.size();
  item.windows = relation.windows.size() + relation.folded_windows;
  item.first_seen = relation.first_seen;
  item.last_seen = relation.last_seen;
  return item;
}

std::vector<ScanReport> Scans(const Evidence& evidence, std::string_view scope) {
  std::map<std::string, ScanReport> out;
  for (const Quarantine& quarantine : evidence.quarantines) {
    const Node node = NodeOf(evidence.parties[quarantine.party]);
    if (!scope.empty() && !InScope(scope, node)) continue;
    const std::string source = node.IsService() ? NodeText(node) : absl::StrCat("world ", quarantine.peer.ToString());
    ScanReport& report = out[source];
    report.source = source;
    report.why = quarantine.reason == ScanReason::kFailures ? "first contacts failed" : "many destinations at once";
    ++report.windows;
    report.contacts += quarantine.contacts;
    report.failures += quarantine.failures;
    report.first_seen = report.first_seen == 0 ? quarantine.start : std::min(report.first_seen, quarantine.start);
    report.last_seen = std::max(report.last_seen, quarantine.start);
  }
  std::vector<ScanReport> reports;
  for (auto& [source, report] : out) reports.push_back(std::move(report));
  return reports;
}

}  // namespace

Review MakeReview(const Evidence& evidence, std::string_view scope) {
  Review review;
  for (const Relation& relation : Sift(evidence)) {
    const bool in_scope = InScope(scope, relation.source) || InScope(scope, relation.destination);
    if (in_scope && WaitsForReview(relation)) review.edges.push_back(ItemOf(relation));
  }
  std::stable_sort(review.edges.begin(), review.edges.end(), [](const ReviewItem& a, const ReviewItem& b) {
    const auto rank = [](const ReviewItem& item) {
      return std::make_tuple(item.would_denied == 0, item.answered == 0, ~item.clients, ~(item.would_denied + item.answered));
    };
    return rank(a) < rank(b);
  });
  review.scans = Scans(evidence, scope);
  return review;
}

absl::StatusOr<Decision> MakeDecision(const Evidence& evidence, std::string_view edge, bool accepted, std::string_view who,
                                      uint64_t now) {
  using Key = std::tuple<Node, Node, uint8_t, uint16_t>;
  std::set<Key> meant;
  for (const Edge& seen : evidence.edges) {
    const Node source = NodeOf(evidence.parties[seen.source]), destination = NodeOf(evidence.parties[seen.destination]);
    if (RelationName(source, destination, seen.protocol, seen.port) == edge)
      meant.insert({source, destination, seen.protocol, seen.port});
  }
  for (const Decision& made : evidence.decisions) {
    if (RelationName(made.source, made.destination, made.protocol, made.port) == edge)
      meant.insert({made.source, made.destination, made.protocol, made.port});
  }
  if (meant.empty()) {
    return absl::NotFoundError(absl::StrCat("no edge ", Printable(edge),
                                            " was seen; expected one as `bulkhead learn review` prints it, "
                                            "such as shop/web->shop/db:5432/tcp"));
  }
  if (meant.size() > 1) return absl::InvalidArgumentError(absl::StrCat(Printable(edge), " stands for several edges"));
  Decision decision;
  std::tie(decision.source, decision.destination, decision.protocol, decision.port) = *meant.begin();
  decision.accepted = accepted;
  decision.who = who;
  decision.made_at = now;
  if (!accepted) return decision;
  Evidence decided = evidence;
  decided.decisions.push_back(decision);
  for (const Relation& relation : Sift(decided)) {
    if (NameOf(relation) != edge || relation.standing == Standing::kSupports) continue;
    const char* why = relation.answered == 0 ? "it was never answered" : StandingReason(relation.standing);
    return absl::FailedPreconditionError(absl::StrCat(Printable(edge), " cannot support a rule: ", why));
  }
  return decision;
}

}  // namespace bulkhead::learn
