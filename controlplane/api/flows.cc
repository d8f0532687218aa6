// SPDX-License-Identifier: Apache-2.0
// Flows: the flow table, and for verdicts that leave no flow behind, edges and events.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/api/events.h"
#include "controlplane/api/flow_rows.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr std::chrono::milliseconds kFlowsEvery(1000);
constexpr size_t kMaxEdgeKeys = 100'000;  // remembered, to tell what the table shows already

struct FlowQuery {
  std::string ns, service;
  std::optional<Verdict> verdict;
  uint64_t since_ms = 0;  // idle for no longer; 0 = any
  uint64_t last = 0;      // 0 = all

  bool Wants(const FlowRow& row) const {
    if (!ns.empty() && !IsPartyOf(row.from, ns) && !IsPartyOf(row.to, ns)) return false;
    if (!service.empty() && row.from != service && row.to != service) return false;
    if (verdict && row.verdict != VerdictName(*verdict)) return false;
    return since_ms == 0 || row.idle_ms <= since_ms;
  }
};

absl::StatusOr<FlowQuery> ParseFlowQuery(const Request& request) {
  FlowQuery query;
  query.ns = request.Query(kNamespace);
  query.service = request.Query(kService);
  const absl::StatusOr<std::optional<Verdict>> verdict = QueryVerdict(request);
  if (!verdict.ok()) return verdict.status();
  query.verdict = *verdict;
  const absl::StatusOr<uint64_t> since = QueryNumber(request, kSince, 0, std::numeric_limits<uint32_t>::max(), 0);
  if (!since.ok()) return since.status();
  query.since_ms = *since * 1000;
  const absl::StatusOr<uint64_t> last = QueryNumber(request, kLast, 1, kMaxLast, 0);
  if (!last.ok()) return last.status();
  query.last = *last;
  return query;
}

// Where rows go: straight to the reader, or, with `last`, through a heap that keeps the newest.
class RowSink {
 public:
  RowSink(const FlowQuery& query, LinePipe& pipe) : query_(query), pipe_(pipe) {}

  // false: the reader is gone.
  bool Add(const FlowRow& row) {
    if (!query_.Wants(row)) return true;
    ++taken_;
    if (query_.last == 0) return pipe_.Write(DumpJson(ToJson(row)));
    newest_.push({row.idle_ms, DumpJson(ToJson(row))});
    if (newest_.size() > query_.last) newest_.pop();
    return true;
  }
  // Oldest first.
  void Finish() {
    for (; !newest_.empty() && pipe_.Write(newest_.top().second); newest_.pop()) {
    }
  }
  uint64_t taken() const { return taken_; }

 private:
  const FlowQuery& query_;
  LinePipe& pipe_;
  uint64_t taken_ = 0;
  std::priority_queue<std::pair<uint64_t, std::string>> newest_;  // the longest idle on top
};

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
absl::Status AddDenied(const Context& context, const Names& names, Verdict verdict, std::set<FlowKind> shown, RowSink& sink) {
  const Moment now = Moment::Now();
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

// The flows that were first seen in (after, until], ns.
struct Span {
  uint64_t after = 0;
  uint64_t until = std::numeric_limits<uint64_t>::max();
};

absl::Status AddFlows(const Context& context, const Names& names, const Span& span, const Moment& now, std::set<FlowKind>* shown,
                      RowSink& sink) {
  return context.service->ReadFlows([&](const FlowRecord& flow) {
    if (flow.first_seen > span.until || (flow.first_seen <= span.after && span.after != 0)) return true;
    const FlowRow row = MakeFlowRow(names, flow, now);
    // A flow that policy denies now was let pass before: its denied packets are told beside it.
    if (flow.verdict == Verdict::kWouldDeny && shown->size() < kMaxEdgeKeys) shown->insert(KindOf(row));
    return sink.Add(row);
  });
}

absl::Status List(const Context& context, const FlowQuery& query, const Span& span, const Moment& now, LinePipe& pipe) {
  const Names names(context.service->GetView());
  RowSink sink(query, pipe);
  std::set<FlowKind> shown;
  if (absl::Status status = AddFlows(context, names, span, now, &shown, sink); !status.ok()) return status;
  if (query.verdict && *query.verdict != Verdict::kAllow) {
    if (absl::Status status = AddDenied(context, names, *query.verdict, std::move(shown), sink); !status.ok()) return status;
  }
  sink.Finish();
  return absl::OkStatus();
}

// What has come since the last look: new flows, and packets that were denied.
class Follower {
 public:
  Follower(const Context& context, FlowQuery query, const Moment& listed)
      : context_(context), query_(std::move(query)), seen_(listed) {
    query_.since_ms = query_.last = 0;
    sequence_ = context_.service->ReadEvents(0, [](uint64_t, const bh_event&) { return true; });
  }

  absl::StatusOr<uint64_t> Poll(LinePipe& pipe) {
    const Names names(context_.service->GetView());
    const Moment now = Moment::Now();
    RowSink sink(query_, pipe);
    std::set<FlowKind> shown;
    if (absl::Status status = AddFlows(context_, names, {seen_.boottime_ns, now.boottime_ns}, now, &shown, sink); !status.ok())
      return status;
    sequence_ = context_.service->ReadEvents(sequence_, [&](uint64_t number, const bh_event& event) {
      const FlowRow row = FlowOfEvent(MakeEventRow(names, number, event, now));
      return shown.contains(KindOf(row)) || sink.Add(row);
    });
    seen_ = now;
    return sink.taken();
  }

 private:
  const Context context_;
  FlowQuery query_;
  Moment seen_;
  uint64_t sequence_ = 0;
};

}  // namespace

absl::StatusOr<Response> GetFlows(const Context& context, const Request& request) {
  const absl::StatusOr<FlowQuery> query = ParseFlowQuery(request);
  if (!query.ok()) return query.status();
  Response response;
  response.lines = [context, query = *query, follow = request.Query(kFollow) == "1"](LinePipe& pipe) -> absl::Status {
    const Moment now = Moment::Now();
    if (!follow) return List(context, query, {}, now, pipe);
    Follower follower(context, query, now);
    if (absl::Status status = List(context, query, {0, now.boottime_ns}, now, pipe); !status.ok()) return status;
    return Follow(pipe, kFlowsEvery, [&] { return follower.Poll(pipe); });
  };
  return response;
}

}  // namespace bulkhead::api
