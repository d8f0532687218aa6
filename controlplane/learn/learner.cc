// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/learner.h"

#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "controlplane/learn/ledger.h"
#include "controlplane/learn/propose.h"
#include "controlplane/learn/replay.h"
#include "controlplane/learn/sift.h"
#include "controlplane/learn/readiness.h"
#include "controlplane/learn/review.h"
#include "controlplane/learn/versions.h"

namespace bulkhead {
namespace {

using learn::Edge;
using learn::Evidence;
using learn::PartyKind;

std::pair<std::string, std::string> NamesOf(const learn::Party& party) {
  switch (party.kind) {
    case PartyKind::kUnknown:
      return {"", "unknown"};
    case PartyKind::kHost:
      return {"", "host"};
    case PartyKind::kWorld:
      return {"", "world"};
    case PartyKind::kService:
      break;
  }
  return {party.ns, party.service};
}

std::vector<LearnedEdge> ByName(const Evidence& evidence) {
  using Key = std::tuple<std::string, std::string, std::string, std::string, uint8_t, uint16_t, Verdict, IpAddress>;
  std::map<Key, LearnedEdge> edges;
  for (const Edge& edge : evidence.edges) {
    const learn::Party& source = evidence.parties[edge.source];
    const learn::Party& destination = evidence.parties[edge.destination];
    const auto [source_ns, source_service] = NamesOf(source);
    const auto [destination_ns, destination_service] = NamesOf(destination);
    LearnedEdge& out =
        edges[{source_ns, source_service, destination_ns, destination_service, edge.protocol, edge.port, edge.verdict, edge.peer}];
    if (out.last_seen_unix <= edge.last_seen) {
      out.edge.source_identity = source.latest;
      out.edge.destination_identity = destination.latest;
    }
    out.source_ns = source_ns;
    out.source_service = source_service;
    out.destination_ns = destination_ns;
    out.destination_service = destination_service;
    out.edge.protocol = edge.protocol;
    out.edge.port = edge.port;
    out.edge.verdict = edge.verdict;
    out.edge.peer = edge.peer;
    out.edge.flows += edge.flows;
    out.edge.answered += edge.answered;
    out.edge.denied += edge.denied;
    const bool earlier = out.first_seen_unix == 0 || edge.first_seen < out.first_seen_unix;
    if (earlier) out.first_seen_unix = edge.first_seen;
    if (edge.last_seen > out.last_seen_unix) out.last_seen_unix = edge.last_seen;
  }
  std::vector<LearnedEdge> out;
  out.reserve(edges.size());
  for (auto& [key, edge] : edges) out.push_back(std::move(edge));
  return out;
}

class StoredLearner : public Learner {
 public:
  StoredLearner(std::unique_ptr<learn::Ledger> ledger, const LearnLimits& limits) : limits_(limits), ledger_(std::move(ledger)) {}

  absl::StatusOr<RecordResult> Record(const std::vector<EdgeRecord>& edges, const IdentityLookup& lookup,
                                      const LearnMoment& now) override {
    const std::lock_guard lock(mutex_);
    return ledger_->Record(edges, lookup, now);
  }

  absl::Status RecordNames(const std::vector<SeenName>& names, const LearnMoment& now) override {
    const std::lock_guard lock(mutex_);
    return ledger_->RecordNames(names, now);
  }

  absl::Status RecordListeners(const std::vector<Listener>& listeners, const IdentityLookup& lookup,
                               const LearnMoment& now) override {
    const std::lock_guard lock(mutex_);
    return ledger_->RecordListeners(listeners, lookup, now);
  }

  absl::Status RecordPresence(const std::vector<Presence>& presence, const IdentityLookup& lookup,
                              const LearnMoment& now) override {
    const std::lock_guard lock(mutex_);
    return ledger_->RecordPresence(presence, lookup, now);
  }

  absl::StatusOr<std::vector<LearnedEdge>> Edges() override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return ByName(*evidence);
  }

  absl::StatusOr<std::vector<Readiness>> Ready(std::string_view scope) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return learn::MakeReadiness(*evidence, limits_.ready, scope);
  }

  absl::StatusOr<Review> ReadReview(std::string_view scope) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return learn::MakeReview(*evidence, scope);
  }

  absl::Status Decide(std::string_view edge, bool accepted, std::string_view who, const LearnMoment& now) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    const auto decision = learn::MakeDecision(*evidence, edge, accepted, who, now.unix_seconds);
    if (!decision.ok()) return decision.status();
    const std::lock_guard lock(mutex_);
    return ledger_->Decide(*decision);
  }

  absl::StatusOr<VersionDiff> Diff(const ServiceName& service, std::string_view old_digest, std::string_view new_digest) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return learn::DiffVersions(*evidence, service, old_digest, new_digest);
  }

  absl::StatusOr<std::vector<Proposal>> Propose(std::string_view scope, const View& view) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return learn::Propose(*evidence, scope, view);
  }

  absl::StatusOr<api::Replay> Replay(const std::vector<Policy>& draft, const View& view, uint64_t since) override {
    const auto evidence = Load();
    if (!evidence.ok()) return evidence.status();
    return learn::ReplayHistory(*evidence, learn::Sift(*evidence), draft, view, since);
  }

 private:
  absl::StatusOr<Evidence> Load() {
    const std::lock_guard lock(mutex_);
    return ledger_->Load();
  }

  const LearnLimits limits_;
  std::mutex mutex_;
  std::unique_ptr<learn::Ledger> ledger_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Learner>> Learner::Open(const std::string& path, const LearnLimits& limits) {
  auto ledger = learn::Ledger::Open(path, limits);
  if (!ledger.ok()) return ledger.status();
  return std::make_unique<StoredLearner>(*std::move(ledger), limits);
}

}  // namespace bulkhead
