// SPDX-License-Identifier: Apache-2.0
// What policy files would change on this host: verdicts between services, flows that are open, edges that were recorded.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/diff.h"
#include "controlplane/api/diffed.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"
#include "controlplane/diff/pair.h"
#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::api {
namespace {

constexpr size_t kMostRows = 1'000'000;  // of `all`
constexpr size_t kCutShown = 50;

// Who lives here, as the compiler wants it.
struct LiveWorld {
  CompileInput input;
  std::vector<Headcount> headcounts;  // of input.identities
};

LiveWorld LiveWorldOf(const View& view) {
  std::map<IdentityId, std::pair<std::set<IpAddress>, Headcount>> here;
  for (const auto& [key, workload] : view.workloads) {
    if (workload.host_network || !workload.via.empty() || workload.identity == kIdentityUnknown) continue;
    auto& [addresses, heads] = here.try_emplace(workload.identity, std::set<IpAddress>(), Headcount{0, false}).first->second;
    const size_t before = addresses.size();
    for (const Endpoint& endpoint : workload.endpoints) addresses.insert(endpoint.addresses.begin(), endpoint.addresses.end());
    ++heads.workloads;
    heads.some_addressless = heads.some_addressless || addresses.size() == before;
  }
  LiveWorld world;
  for (const auto& [id, present] : here) {
    const auto identity = view.identities.find(id);
    if (identity == view.identities.end()) continue;
    KnownIdentity& known = world.input.identities.emplace_back();
    known.identity = identity->second;
    known.named_ports = identity->second.named_ports;
    known.addresses.assign(present.first.begin(), present.first.end());
    known.mode = view.modes.Of(identity->second.ns, identity->second.service);
    if (const auto newcomer = view.newcomers.find(id); newcomer != view.newcomers.end()) known.newcomer = newcomer->second.kind;
    world.headcounts.push_back(present.second);
  }
  for (const std::string& text : view.host_addresses) {
    if (const auto address = IpAddress::Parse(text)) world.input.host_addresses.push_back(*address);
  }
  world.input.namespaces = view.namespaces;
  world.input.nodes = view.nodes;
  world.input.options = view.policy_options;
  world.input.global_mode = view.modes.global;
  return world;
}

// nullopt: not one of those who live here.
std::optional<SubjectId> SubjectOf(const CompiledPolicy& policy, IdentityId identity, const IpAddress& address) {
  if (identity == kIdentityUnknown) return kSubjectUnknown;
  if (identity == kIdentityWorld) return policy.WorldSubject(address);
  if (const auto subject = policy.FindSubject(identity, address)) return subject;
  return policy.FindSubject(identity);
}

bool Drops(const CompiledPolicy& policy, SubjectId own, const SideVerdict& side) {
  return !side.allow && !side.audit && policy.subjects[own].mode == Mode::kEnforce;
}

// Judges by both policies.
class Impact {
 public:
  Impact(const PolicyPair& pair, const Names& names) : pair_(pair), names_(names) {}

  void AddFlow(const FlowRecord& flow, LiveDiff* out) const {
    ++out->live_flows;
    const auto source = SubjectOf(*pair_.before, flow.source_identity, flow.source);
    const auto destination = SubjectOf(*pair_.before, flow.destination_identity, flow.destination);
    const bool self = flow.source_slot != 0 && names_.FindWorkload(flow.source_slot) == names_.FindWorkload(flow.destination_slot);
    if (!source || !destination || self || flow.verdict == Verdict::kDeny) return;
    const SideVerdict* drops = nullptr;
    const Judgement after = Judge(*pair_.after, *source, *destination, flow.protocol, flow.service_port);
    if (Drops(*pair_.after, *source, after.source)) drops = &after.source;
    if (Drops(*pair_.after, *destination, after.destination)) drops = &after.destination;
    if (drops == nullptr) return;
    ++out->cut_flows;
    if (out->cut.size() >= kCutShown) return;
    CutFlow& cut = out->cut.emplace_back();
    cut.from = names_.Party(flow.source_identity);
    cut.to = names_.Party(flow.destination_identity);
    cut.from_address = absl::StrCat(flow.source.ToString(), ":", flow.source_port);
    cut.to_address = absl::StrCat(flow.destination.ToString(), ":", flow.destination_port);
    cut.protocol = ProtocolName(flow.protocol);
    cut.port = flow.service_port;
    cut.bytes = flow.bytes[0] + flow.bytes[1];
    const SideAnswer answer = DescribeSide(*pair_.after, *drops);
    cut.rule = answer.policy.empty() ? answer.rule : absl::StrCat(answer.policy, " ", answer.rule);
    const RuleInfo& info = pair_.after->rules[drops->rule];
    if (info.pos.line > 0) cut.position = info.pos.ToString();
  }

  void AddEdge(const LearnedEdge& edge, LiveDiff* out) const {
    const auto source = SubjectOf(*pair_.before, edge.edge.source_identity, edge.edge.peer);
    const auto destination = SubjectOf(*pair_.before, edge.edge.destination_identity, edge.edge.peer);
    if (!source || !destination) {
      ++out->gone_edges;
      return;
    }
    ++out->edges;
    const auto allows = [&](const CompiledPolicy& policy) {
      return Judge(policy, *source, *destination, edge.edge.protocol, edge.edge.port).allow();
    };
    const bool before = allows(*pair_.before), after = allows(*pair_.after);
    if (before == after) return;
    ++out->changed_edges;
    if (before) out->denied_answered += edge.edge.answered;
  }

 private:
  const PolicyPair& pair_;
  const Names& names_;
};

}  // namespace

absl::StatusOr<Response> PostDiff(const Context& context, const Request& request) {
  const absl::StatusOr<LiveDiffRequest> wanted = ParseWire<LiveDiffRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  std::vector<std::pair<std::string, std::string>> texts;
  for (const PolicyFile& file : wanted->files) texts.emplace_back(file.name, file.text);
  const absl::StatusOr<std::vector<Policy>> candidate = ParseCandidate(texts);
  if (!candidate.ok()) return candidate.status();
  const std::shared_ptr<const View> view = context.service->GetView();
  LiveWorld world = LiveWorldOf(*view);
  world.input.documents = view->documents ? view->documents : std::make_shared<const PolicyDocuments>();
  CompileInput changed = world.input;
  changed.documents = std::make_shared<PolicyDocuments>(OverlayPolicies(*world.input.documents, *candidate));
  const absl::StatusOr<PolicyPair> pair = CompilePair(world.input, std::move(changed));
  if (!pair.ok()) return pair.status();
  DiffOptions options;
  options.rule_rows = wanted->rule_rows;
  if (wanted->all) options.max_rows = kMostRows;
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, world.input, world.headcounts, options);
  if (!diff.ok()) return diff.status();

  LiveDiff out;
  out.generation = view->generation;
  out.diff = MakeDiff(*diff);
  const Names names(view);
  const Impact impact(*pair, names);
  const absl::Status flows = context.service->ReadFlows([&](const FlowRecord& flow) {
    impact.AddFlow(flow, &out);
    return true;
  });
  if (!flows.ok()) return flows;
  // Without a record of edges the rest still holds.
  if (const absl::StatusOr<std::vector<LearnedEdge>> edges = context.service->ReadEdges(); edges.ok()) {
    for (const LearnedEdge& edge : *edges) impact.AddEdge(edge, &out);
  }
  return ObjectResponse(out);
}

}  // namespace bulkhead::api
