// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/api/fake/fake_service.h"

#include <time.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::testing {
namespace {

constexpr char kPolicies[] = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: db
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: api
    ports:
    - protocol: TCP
      port: 5432
)";

uint64_t ReadClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

IpAddress AddressOf(IdentityId identity) { return IpAddress::V4(198, 18, 0, static_cast<uint8_t>(identity)); }

void AddWorkload(View* view, const std::string& name, const std::string& service, IdentityId identity, uint8_t host) {
  Workload workload;
  workload.id = absl::StrCat(name, "-0123456789abcdef");
  workload.runtime = "docker";
  workload.ns = "shop";
  workload.name = name;
  workload.service = service;
  workload.labels = {{"app", service}};
  workload.image = absl::StrCat("registry/", service, ":1");
  workload.image_digest = "sha256:9f1c0a52";
  workload.identity = identity;
  Endpoint endpoint;
  endpoint.ifindex = host;
  endpoint.ifname = absl::StrCat("veth", host);
  endpoint.network = "shop_default";
  endpoint.addresses = {IpAddress::V4(198, 18, 0, host)};
  workload.endpoints = {endpoint};
  const std::string key = "docker/" + workload.id;
  view->endpoints.push_back({host, 1, endpoint.ifindex, true, true, key});
  view->workloads[key] = workload;
}

RuleInfo MakeRule(const std::string& key, Tier tier, int index, uint32_t id) {
  RuleInfo rule;
  rule.key = key;
  rule.tier = tier;
  rule.policy_ns = tier == Tier::kDefault ? "" : "shop";
  rule.policy = tier == Tier::kDefault ? "" : "db";
  rule.index = index;
  rule.action = index < 0 ? RuleAction::kDeny : RuleAction::kAccept;
  rule.pos = {"policies.d/db.yaml", index < 0 ? 1 : 11, index < 0 ? 1 : 5};
  rule.id = id;
  return rule;
}

}  // namespace

uint64_t MonotonicNow() { return ReadClock(CLOCK_MONOTONIC); }
uint64_t BoottimeNow() { return ReadClock(CLOCK_BOOTTIME); }
uint64_t UnixNow() { return ReadClock(CLOCK_REALTIME) / 1'000'000'000; }

std::shared_ptr<View> MakeShopView() {
  auto view = std::make_shared<View>();
  view->generation = 41;
  view->started_at = UnixNow() - 7500;
  view->modes.services[{"shop", "db"}] = Mode::kEnforce;
  view->sources = {{"docker", "synced", "", 5}};
  view->attach = "clsact";
  view->host_addresses = {"198.18.0.1"};
  view->namespaces = {{"shop", {{"kubernetes.io/metadata.name", "shop"}}}};
  AddWorkload(view.get(), "web-1", "web", kWeb, static_cast<uint8_t>(kWeb));
  AddWorkload(view.get(), "db-1", "db", kDb, static_cast<uint8_t>(kDb));
  AddWorkload(view.get(), "db-2", "db", kDb, 27);
  AddWorkload(view.get(), "db-3", "db", kDb, 28);
  AddWorkload(view.get(), "api-1", "api", kApi, static_cast<uint8_t>(kApi));
  for (const auto& [id, service] : {std::pair{kWeb, "web"}, {kDb, "db"}, {kApi, "api"}}) {
    view->identities[id] = {id, "shop", service, {{"app", service}}, "sha256:9f1c0a52"};
  }
  view->rules[kDefaultRule] = MakeRule("default", Tier::kDefault, -1, kDefaultRule);
  view->rules[kDbIngress0] = MakeRule("shop/db ingress[0]", Tier::kNetworkPolicy, 0, kDbIngress0);
  view->rules[kDbIsolated] = MakeRule("shop/db ingress isolated", Tier::kNetworkPolicy, -1, kDbIsolated);
  const PolicyFile file = ParsePolicies(kPolicies, "policies.d/db.yaml");
  view->documents = std::make_shared<PolicyDocuments>(file.documents);
  view->policy_files = {{"policies.d/db.yaml", {"shop/db"}, {}, true}};
  return view;
}

FakeService::FakeService() : view_(MakeShopView()) {
  counters.assign(BH_COUNTER_COUNT, 0);
  counters[BH_REASON_POLICY * 3 + 1] = 14;
  counters[BH_REASON_POLICY * 3 + 2] = 3;
  counters[BH_REASON_SPOOFED_IP * 3 + 1] = 2;
  counters[BH_COUNTER_FLOWS_CREATED] = 1200;
  for (const auto& [key, workload] : view_->workloads) {
    Readiness ready;
    ready.ns = workload.ns;
    ready.service = workload.service;
    ready.image_digest = workload.image_digest;
    readiness.push_back(ready);
  }
}

std::shared_ptr<const View> FakeService::GetView() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void FakeService::SetView(std::shared_ptr<const View> view) {
  const std::lock_guard lock(mutex_);
  view_ = std::move(view);
}

void FakeService::AddFlow(const FlowRecord& flow) {
  const std::lock_guard lock(mutex_);
  flows_.push_back(flow);
}

void FakeService::AddEvent(const bh_event& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

absl::Status FakeService::ReadFlows(const std::function<bool(const FlowRecord&)>& callback) {
  std::vector<FlowRecord> flows;
  {
    const std::lock_guard lock(mutex_);
    flows = flows_;
  }
  for (const FlowRecord& flow : flows) {
    if (!callback(flow)) return absl::OkStatus();
  }
  FlowRecord flow = MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 60'000, 1000);
  for (size_t i = 0; i < generated_flows; ++i) {
    flow.source_port = static_cast<uint16_t>(1024 + i % 60'000);
    ++flows_read;
    if (!callback(flow)) return absl::OkStatus();
  }
  return flows_status;
}

absl::StatusOr<std::vector<uint64_t>> FakeService::ReadCounters() { return counters; }

uint64_t FakeService::ReadEvents(uint64_t after, const std::function<bool(uint64_t, const bh_event&)>& callback) {
  std::vector<bh_event> events;
  {
    const std::lock_guard lock(mutex_);
    events = events_;
  }
  for (uint64_t sequence = after + 1; sequence <= events.size(); ++sequence) {
    if (!callback(sequence, events[sequence - 1])) return sequence;
  }
  return events.size();
}

absl::StatusOr<std::vector<LearnedEdge>> FakeService::ReadEdges() { return edges; }

absl::StatusOr<std::vector<SimulatedRun>> FakeService::Simulate(const std::vector<SimulatedPacket>& packets) {
  const std::lock_guard lock(mutex_);
  simulated = packets;
  std::vector<SimulatedRun> out = runs;
  out.resize(packets.size());
  return out;
}

absl::Status FakeService::SetCapture(const std::optional<CaptureFilter>& filter) {
  std::string call = "capture";
  if (!filter) call += " off";
  for (const uint16_t slot : filter ? filter->slots : std::set<uint16_t>()) absl::StrAppend(&call, " slot ", slot);
  for (const IdentityId identity : filter ? filter->identities : std::set<IdentityId>()) absl::StrAppend(&call, " identity ", identity);
  if (filter) absl::StrAppend(&call, filter->allowed ? " allow" : "", filter->denied ? " deny" : "", filter->would_deny ? " would-deny" : "",
                              " rate ", filter->packets_per_second);
  Record(std::move(call));
  const std::lock_guard lock(mutex_);
  if (!filter) drained_ = 0;
  return absl::OkStatus();
}

absl::Status FakeService::DrainCapture(const std::function<bool(const bh_capture_packet&)>& callback) {
  const std::lock_guard lock(mutex_);
  while (drained_ < captured.size() && callback(captured[drained_++])) {
  }
  return absl::OkStatus();
}

absl::Status FakeService::ReadLiveEdges(const std::function<bool(const EdgeRecord&)>& callback) {
  std::vector<EdgeRecord> live;
  {
    const std::lock_guard lock(mutex_);
    live = live_edges_;
  }
  for (const EdgeRecord& edge : live) {
    if (!callback(edge)) break;
  }
  return absl::OkStatus();
}

void FakeService::SetTraffic(std::vector<FlowRecord> flows, std::vector<EdgeRecord> live) {
  const std::lock_guard lock(mutex_);
  flows_ = std::move(flows);
  live_edges_ = std::move(live);
}

void FakeService::Record(std::string call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
}

std::vector<std::string> FakeService::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

absl::StatusOr<ChangeResult> FakeService::ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options) {
  std::string call = "apply";
  for (const PolicyText& file : files) absl::StrAppend(&call, " ", file.name, "(", file.text.size(), ")");
  absl::StrAppend(&call, " mode=", options.mode ? ModeName(*options.mode) : "-", " confirm=", options.confirm_seconds,
                  " dry_run=", options.dry_run);
  Record(std::move(call));
  return change;
}

absl::StatusOr<ChangeResult> FakeService::DeletePolicy(const std::string& ref) {
  Record(absl::StrCat("delete ", ref));
  return change;
}

absl::StatusOr<ChangeResult> FakeService::SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                                  uint32_t confirm_seconds) {
  Record(absl::StrCat("mode ns=", ns, " service=", service, " mode=", mode ? ModeName(*mode) : "inherit",
                      " confirm=", confirm_seconds));
  return change;
}

absl::StatusOr<ChangeResult> FakeService::StagePolicy(const std::vector<PolicyText>& files) {
  Record("stage " + std::to_string(files.size()));
  return change;
}

absl::StatusOr<ChangeResult> FakeService::PromoteStaged() {
  Record("promote");
  return change;
}

absl::StatusOr<ChangeResult> FakeService::DiscardStaged() {
  Record("discard");
  return change;
}

absl::Status FakeService::ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) {
  for (const StagedEdgeRecord& edge : staged_edges) {
    if (!callback(edge)) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<ChangeResult> FakeService::Confirm() {
  Record("confirm");
  return change;
}

absl::StatusOr<ChangeResult> FakeService::AddBlock(const Prefix& prefix, uint64_t seconds) {
  Record("block " + prefix.ToString() + " for " + std::to_string(seconds));
  return change;
}

absl::StatusOr<ChangeResult> FakeService::RemoveBlock(const Prefix& prefix) {
  Record("unblock " + prefix.ToString());
  return change;
}

absl::StatusOr<std::vector<Proposal>> FakeService::Propose(const std::string& scope) {
  Record("propose " + scope);
  return proposals;
}

absl::StatusOr<api::Replay> FakeService::ReplayPolicy(const std::vector<Policy>& draft, uint64_t since) {
  std::string names;
  for (const Policy& policy : draft) names += " " + PolicyRef(policy);
  Record("replay" + names + " since " + std::to_string(since));
  return replay;
}

absl::StatusOr<std::vector<Readiness>> FakeService::ReadReadiness(const std::string& scope) {
  Record("readiness " + scope);
  return readiness;
}

absl::StatusOr<Review> FakeService::ReadReview(const std::string& scope) {
  Record("review " + scope);
  return review;
}

absl::Status FakeService::DecideEdge(const std::string& edge, bool accepted, const std::string& who) {
  Record(absl::StrCat(accepted ? "accept " : "reject ", edge, " by ", who));
  return decided;
}

absl::StatusOr<VersionDiff> FakeService::DiffVersions(const ServiceName& service, const std::string& old_digest,
                                                      const std::string& new_digest) {
  Record(absl::StrCat("versions ", service.first, "/", service.second, " ", old_digest, " ", new_digest));
  return versions;
}

FlowRecord MakeShopFlow(IdentityId source, Verdict verdict, uint32_t destination_rule, uint64_t age_ms, uint64_t idle_ms) {
  FlowRecord flow;
  flow.source = AddressOf(source);
  flow.destination = AddressOf(kDb);
  flow.source_port = 40000;
  flow.destination_port = flow.service_port = 5432;
  flow.protocol = kProtoTcp;
  flow.source_identity = source;
  flow.destination_identity = kDb;
  flow.verdict = verdict;
  flow.source_rule = kDefaultRule;
  flow.destination_rule = destination_rule;
  flow.state = FlowState::kEstablished;
  flow.packets[0] = 120;
  flow.packets[1] = 118;
  flow.bytes[0] = 14 * 1024;
  flow.bytes[1] = 1153434;
  flow.first_seen = BoottimeNow() - age_ms * 1'000'000;
  flow.opened_ns = MonotonicNow() - age_ms * 1'000'000;
  flow.last_seen = BoottimeNow() - idle_ms * 1'000'000;
  flow.source_slot = static_cast<uint16_t>(source);
  flow.destination_slot = static_cast<uint16_t>(kDb);
  return flow;
}

bh_event MakeShopEvent(IdentityId source, uint8_t verdict, uint8_t reason) {
  bh_event event{};
  event.time = MonotonicNow() - 330'000'000'000;  // 5.5 minutes
  const bool judged = reason == BH_REASON_POLICY;  // else the dataplane knows the sender's slot alone
  event.source_identity = judged ? source : kIdentityUnknown;
  event.destination_identity = judged ? IdentityId{kDb} : kIdentityUnknown;
  event.source_slot = static_cast<uint16_t>(source);
  event.source_rule = kDefaultRule;
  event.destination_rule = kDbIsolated;
  event.length = 74;
  event.family = BH_V4;
  std::memcpy(event.source, AddressOf(source).bytes.data(), 4);
  std::memcpy(event.destination, AddressOf(kDb).bytes.data(), 4);
  event.source_port = 40001;
  event.destination_port = 5432;
  event.ethertype = 0x0800;
  event.protocol = kProtoTcp;
  event.verdict = verdict;
  event.reason = reason;
  event.ifindex = source;
  return event;
}

LearnedEdge MakeShopEdge(const std::string& source, Verdict verdict, uint64_t flows, uint64_t answered, uint64_t denied) {
  LearnedEdge edge;
  edge.source_ns = edge.destination_ns = "shop";
  edge.source_service = source;
  edge.destination_service = "db";
  edge.edge.protocol = kProtoTcp;
  edge.edge.port = 5432;
  edge.edge.verdict = verdict;
  edge.edge.flows = flows;
  edge.edge.answered = answered;
  edge.edge.denied = denied;
  edge.first_seen_unix = UnixNow() - 630;
  edge.last_seen_unix = UnixNow() - 90;
  return edge;
}

}  // namespace bulkhead::testing
