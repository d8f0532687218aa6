// SPDX-License-Identifier: Apache-2.0
// Flows: the flow table, and for verdicts that leave no flow behind, edges and events.
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "controlplane/api/events.h"
#include "controlplane/api/flow_query.h"
#include "controlplane/api/flow_sink.h"
#include "controlplane/api/flow_tracker.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr std::chrono::milliseconds kFlowsEvery(1000);
constexpr size_t kMaxEdgeKeys = 100'000;  // remembered, to tell what the table shows already

// Rows of one kind of flow are told apart by this when edges and events are added to what the table shows.
using FlowKind = std::tuple<std::string, std::string, std::string, uint16_t, std::string>;
FlowKind KindOf(const FlowRow& row) { return {row.from, row.to, row.protocol, row.port, row.verdict}; }

FlowRow MakeEdgeRow(const LearnedEdge& edge, const Moment& now) {
  FlowRow row;
  row.source = "edge";
  row.from = PartyName(edge.source_ns, edge.source_service);
  row.to = PartyName(edge.destination_ns, edge.destination_service);
  const bool outside = !edge.edge.peer.IsUnspecified();
  if (outside) (edge.source_ns.empty() ? row.from_address : row.to_address) = edge.edge.peer.ToString();
  row.protocol = ProtocolName(edge.edge.protocol);
  row.port = edge.edge.port;
  row.verdict = VerdictName(edge.edge.verdict);
  row.packets_to = edge.edge.denied;
  row.flows = edge.edge.flows;
  const auto age = [&now](uint64_t unix_seconds) {
    return now.unix_ms > unix_seconds * 1000 ? now.unix_ms - unix_seconds * 1000 : 0;
  };
  row.age_ms = age(edge.first_seen_unix);
  row.idle_ms = age(edge.last_seen_unix);
  return row;
}

// Adds what was denied, or would have been, and is in no flow that was shown.
absl::Status AddDenied(const Context& context, const Names& names, Verdict verdict, std::set<FlowKind> shown, const Moment& now,
                       FlowSink& sink) {
  std::map<FlowKind, FlowRow> newest_event;
  std::vector<FlowRow> events;
  context.service->ReadEvents(0, [&](uint64_t number, const bh_event& event) {
    FlowRow row = FlowOfEvent(MakeEventRow(names, number, event, now));
    if (row.verdict != VerdictName(verdict)) return true;
    if (row.reason == ReasonName(BH_REASON_POLICY)) newest_event.insert_or_assign(KindOf(row), row);
    events.push_back(std::move(row));
    return true;
  });
  const absl::StatusOr<std::vector<LearnedEdge>> edges = context.service->ReadEdges();
  const std::set<FlowKind> in_table = shown;
  for (const LearnedEdge& edge : edges.ok() ? *edges : std::vector<LearnedEdge>()) {
    if (edge.edge.verdict != verdict) continue;
    FlowRow row = MakeEdgeRow(edge, now);
    const FlowKind kind = KindOf(row);
    if (in_table.contains(kind)) continue;
    if (const auto at = newest_event.find(kind); at != newest_event.end()) {
      row.rule = at->second.rule;
      row.egress_rule = at->second.egress_rule;
      row.ingress_rule = at->second.ingress_rule;
      row.reason = at->second.reason;
    }
    shown.insert(kind);
    if (!sink.Add(row)) return absl::OkStatus();
  }
  for (const FlowRow& row : events) {
    if (!shown.contains(KindOf(row)) && !sink.Add(row)) break;
  }
  return edges.status();  // events are worth showing without edges
}

// The kinds of flows that policy would deny, as far as they are in rows already.
class ShownKinds {
 public:
  explicit ShownKinds(const api::Names& names) : names_(names) {}

  void Note(const FlowRecord& flow) {
    if (flow.verdict != Verdict::kWouldDeny || numbers_.size() >= kMaxEdgeKeys) return;
    numbers_.emplace(flow.source_identity, flow.destination_identity, flow.protocol, flow.service_port);
  }
  std::set<FlowKind> Names() const {
    std::set<FlowKind> kinds;
    for (const auto& [source, destination, protocol, port] : numbers_)
      kinds.emplace(names_.Party(source), names_.Party(destination), ProtocolName(protocol), port, VerdictName(Verdict::kWouldDeny));
    return kinds;
  }

 private:
  const api::Names& names_;
  absl::flat_hash_set<std::tuple<IdentityId, IdentityId, uint8_t, uint16_t>> numbers_;
};

// The table, whole. tracker, which may be null, sees every flow of it.
absl::Status List(const Context& context, const FlowQuery& query, FlowTracker* tracker, LinePipe& pipe) {
  const Names names(context.service->GetView());
  const Moment now = Moment::Now();
  FlowSink sink(names, query, now, pipe);
  ShownKinds shown(names);
  if (tracker != nullptr) tracker->Begin(now.monotonic_ns);
  absl::Status status = context.service->ReadFlows([&](const FlowRecord& flow) {
    if (tracker != nullptr) (void)tracker->Look(flow);
    shown.Note(flow);
    return !sink.Wants(flow) || sink.Put(flow);
  });
  if (tracker != nullptr) tracker->End();
  if (status.ok() && query.verdict && *query.verdict != Verdict::kAllow)
    status = AddDenied(context, names, *query.verdict, shown.Names(), now, sink);
  sink.Finish();
  return status;
}

// What becomes of flows after the list: each look at the table gives one row for each flow that was opened since the look before and
// one for each that is over, and behind these stand the packets that were denied.
class Follower {
 public:
  Follower(const Context& context, FlowQuery query) : context_(context), query_(std::move(query)) {
    sequence_ = context_.service->ReadEvents(0, [](uint64_t, const bh_event&) { return true; });
  }

  absl::Status List(LinePipe& pipe) {
    const absl::Status status = api::List(context_, query_, &tracker_, pipe);
    query_.since_ms = query_.last = 0;  // what comes from now on is new
    return status;
  }

  absl::StatusOr<uint64_t> Poll(LinePipe& pipe) {
    const Names names(context_.service->GetView());
    const Moment now = Moment::Now();
    FlowSink sink(names, query_, now, pipe);
    ShownKinds shown(names);
    if (absl::Status status = ReadChanges(sink, shown, now); !status.ok()) return status;
    // An event may come with the flow that it is of, or after it.
    std::set<FlowKind> kinds = shown.Names();
    sequence_ = context_.service->ReadEvents(sequence_, [&](uint64_t number, const bh_event& event) {
      FlowRow row = FlowOfEvent(MakeEventRow(names, number, event, now));
      if (const FlowKind kind = KindOf(row); kinds.contains(kind) || kinds_before_.contains(kind)) return true;
      row.change = row.verdict == VerdictName(Verdict::kDeny) ? "denied" : row.verdict;
      return sink.Add(row);
    });
    kinds_before_ = std::move(kinds);
    sink.Finish();
    return sink.taken();
  }

 private:
  absl::Status ReadChanges(FlowSink& sink, ShownKinds& shown, const Moment& now) {
    tracker_.Begin(now.monotonic_ns);
    absl::Status status = context_.service->ReadFlows([&](const FlowRecord& flow) {
      const FlowTracker::Change change = tracker_.Look(flow);
      if (!change.opened && change.over == nullptr) return true;
      if (change.opened) shown.Note(flow);
      if (!sink.Wants(flow)) return true;
      if (change.opened && !sink.Put(flow, "new")) return false;
      return change.over == nullptr || sink.Put(flow, change.over);
    });
    tracker_.End();
    return status;
  }

  const Context context_;
  FlowQuery query_;
  FlowTracker tracker_;
  uint64_t sequence_ = 0;
  std::set<FlowKind> kinds_before_;
};

}  // namespace

absl::StatusOr<Response> GetFlows(const Context& context, const Request& request) {
  const absl::StatusOr<FlowQuery> query = ParseFlowQuery(request);
  if (!query.ok()) return query.status();
  Response response;
  response.lines = [context, query = *query, follow = request.Query(kFollow) == "1"](LinePipe& pipe) -> absl::Status {
    if (!follow) return List(context, query, nullptr, pipe);
    Follower follower(context, query);
    if (absl::Status status = follower.List(pipe); !status.ok()) return status;
    return Follow(pipe, kFlowsEvery, [&] { return follower.Poll(pipe); });
  };
  return response;
}

}  // namespace bulkhead::api
