// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "controlplane/policy/parse.h"

namespace bulkhead::packet_test {
namespace {

constexpr char kNamespace[] = "shop";
bool g_occupied = false;  // there is a stage

std::string Document(const std::string& name, const std::string& service, const std::string& spec) {
  return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: shop}\nspec:\n  podSelector: {matchLabels: {app: " + service + "}}\n" + spec;
}

std::string Peer(const std::string& direction, const std::string& peer) {
  if (peer.empty()) return "";
  const bool block = peer.find('/') != std::string::npos;
  return direction + ": [" + (block ? "{ipBlock: {cidr: \"" + peer + "\"}}" : "{podSelector: {matchLabels: {app: " + peer + "}}}") +
         "]";
}

std::string Rule(const std::string& direction, const std::string& peer, const std::string& ports) {
  const std::string who = Peer(direction, peer), which = ports.empty() ? "" : "ports: " + ports;
  return "{" + who + (who.empty() || which.empty() ? "" : ", ") + which + "}";
}

}  // namespace

CompileInput InputOf(const Setting& setting, const std::vector<EndpointState>& endpoints, uint64_t generation) {
  PolicyFile file = ParsePolicies(setting.policies, "case.yaml");
  PolicyFile audits = ParsePolicies(setting.audits, "audit.yaml");
  for (const std::string& error : file.errors) ADD_FAILURE() << error;
  for (const std::string& error : audits.errors) ADD_FAILURE() << error;
  for (Policy& policy : audits.documents.policies) {
    policy.audit = true;
    file.documents.policies.push_back(policy);
  }
  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(file.documents);
  std::map<IdentityId, KnownIdentity> identities;
  for (const Actor& actor : Cast()) {
    if (actor.service.empty()) continue;
    KnownIdentity& known = identities[actor.endpoint.identity];
    known.identity = {actor.endpoint.identity, kNamespace, actor.service, {{"app", actor.service}}, {}};
    const auto mode = setting.modes.find(actor.service);
    known.mode = mode == setting.modes.end() ? setting.mode : mode->second;
  }
  for (const EndpointState& endpoint : endpoints) {
    const auto known = identities.find(endpoint.identity);
    if (known == identities.end()) continue;
    known->second.addresses.insert(known->second.addresses.end(), endpoint.addresses.begin(), endpoint.addresses.end());
  }
  for (const auto& [id, known] : identities) input.identities.push_back(known);
  input.host_addresses = HostAddresses();
  input.options = setting.options;
  input.global_mode = setting.global_mode;
  input.generation = generation;
  return input;
}

CompiledPolicy CompileSetting(const Setting& setting, const std::vector<EndpointState>& endpoints, uint64_t generation) {
  auto policy = Compile(InputOf(setting, endpoints, generation));
  if (!policy.ok()) {
    ADD_FAILURE() << policy.status();
    std::abort();
  }
  return *std::move(policy);
}

std::string AllowIngress(const std::string& to, const std::string& from, const std::string& ports) {
  static int number = 0;
  return Document("in-" + std::to_string(++number), to,
                  "  policyTypes: [Ingress]\n  ingress: [" + Rule("from", from, ports) + "]\n");
}

std::string AllowEgress(const std::string& from, const std::string& to, const std::string& ports) {
  static int number = 0;
  return Document("out-" + std::to_string(++number), from, "  policyTypes: [Egress]\n  egress: [" + Rule("to", to, ports) + "]\n");
}

std::string IsolateIngress(const std::string& service) {
  return Document("no-in-" + service, service, "  policyTypes: [Ingress]\n");
}
std::string IsolateEgress(const std::string& service) {
  return Document("no-out-" + service, service, "  policyTypes: [Egress]\n");
}

DataplaneOptions Stage::Options() {
  DataplaneOptions options;
  options.events_per_second = options.midstream_per_second = options.dns_answers_per_second = 1u << 20;  // all are compared: none may be held back
  return options;
}

Stage::Stage(const Setting& setting) : runners_(NewRunners()) {
  if (std::exchange(g_occupied, true)) std::abort();
  // Endpoints as the control plane gives them: the policy is compiled first, so that it knows their subjects.
  for (const Actor& actor : Cast()) endpoints_[actor.slot()] = actor.endpoint;
  SetOptions(Options());
  Apply(setting);
  SetHostAddresses(HostAddresses());
  for (const auto& [slot, endpoint] : endpoints_) Put(endpoint);
  for (const auto& runner : runners_) {
    counters_.push_back(runner->backend().ReadCounters().value());
    rules_.push_back(runner->backend().ReadRules().value());
  }
}

Stage::~Stage() {
  Compare();
  g_occupied = false;
}

template <typename F>
void Stage::OnAll(const std::string& what, F&& change) {
  std::optional<bool> first;
  for (const auto& runner : runners_) {
    const uint32_t before = runner->stamp();
    const absl::Status status = change(runner->backend());
    EXPECT_TRUE(status.ok()) << runner->name() << ": " << status;
    const bool raised = runner->stamp() != before;
    EXPECT_EQ(raised, first.value_or(raised)) << what << ": whether the epoch rises, " << runner->name();
    first = first.value_or(raised);
  }
}

Stage::Draft Stage::Make(const Setting& setting) {
  std::vector<EndpointState> endpoints;
  for (const auto& [slot, endpoint] : endpoints_) endpoints.push_back(endpoint);
  CompileInput input = InputOf(setting, endpoints, ++generation_);
  input.identities.insert(input.identities.end(), grown_.begin(), grown_.end());
  Draft draft;
  draft.setting = setting;
  auto policy = draft.compiler->Compile(input);
  if (!policy.ok()) {
    ADD_FAILURE() << policy.status();
    std::abort();
  }
  draft.policy = *std::move(policy);
  for (RuleInfo& rule : draft.policy->rules) {
    rule.id = rule_ids_.emplace(rule.key, static_cast<uint32_t>(rule_ids_.size() + 1)).first->second;
  }
  return draft;
}

void Stage::Apply(const Setting& setting) {
  Draft draft = Make(setting);
  OnAll("policy", [&](Backend& backend) { return backend.ApplyPolicy(draft.policy); });
  active_ = std::move(draft);
}

void Stage::StageDraft(const Setting& setting) {
  Draft draft = Make(setting);
  OnAll("stage", [&](Backend& backend) { return backend.StagePolicy(draft.policy); });
  staged_ = std::move(draft);
}

void Stage::Discard() {
  OnAll("discard", [&](Backend& backend) { return backend.StagePolicy(nullptr); });
  staged_.reset();
}

bool Stage::Grow(IdentityId identity, const std::string& service) {
  const auto has = [identity](const KnownIdentity& known) { return known.identity.id == identity; };
  if (std::any_of(grown_.begin(), grown_.end(), has)) return true;
  KnownIdentity known;
  known.identity = {identity, kNamespace, service, {{"app", service}, {"late", "yes"}}, {}};
  known.mode = Mode::kEnforce;
  for (const Actor& actor : Cast()) known.addresses.insert(known.addresses.end(), {actor.v4, actor.v6});
  known.addresses.insert(known.addresses.end(), {Late().v4, Late().v6});
  grown_.push_back(known);
  const auto growth = active_.compiler->Extend(known);
  if (growth.ok()) {
    OnAll("grow", [&](Backend& backend) { return backend.GrowPolicy(*growth); });
  } else {
    Apply(Setting(active_.setting));
  }
  if (!staged_) return growth.ok();
  const auto more = staged_->compiler->Extend(known);
  if (more.ok()) {
    OnAll("grow the staged one", [&](Backend& backend) { return backend.GrowStaged(*more); });
  } else {
    StageDraft(Setting(staged_->setting));
  }
  return growth.ok() && more.ok();
}

void Stage::PutAgain(IdentityId identity) {
  const auto endpoints = endpoints_;
  for (const auto& [slot, endpoint] : endpoints) {
    if (endpoint.identity == identity) Put(endpoint);
  }
}

void Stage::Publish(const std::vector<PublishedTarget>& targets) {
  OnAll("published", [&](Backend& backend) { return backend.SetPublished(targets); });
}

void Stage::SetHostAddresses(const std::vector<IpAddress>& addresses) {
  OnAll("host addresses", [&](Backend& backend) { return backend.SetHostAddresses(addresses); });
}

void Stage::Flood() {
  DataplaneOptions options = Options();
  options.events_per_second = 0;
  SetOptions(options);
}

void Stage::SetOptions(const DataplaneOptions& options) {
  flooded_ = options.events_per_second == 0;
  OnAll("options", [&](Backend& backend) { return backend.SetOptions(options); });
}

void Stage::Put(const EndpointState& endpoint) {
  endpoints_[endpoint.slot] = endpoint;
  OnAll("put " + std::to_string(endpoint.slot), [&](Backend& backend) { return backend.PutEndpoint(endpoint); });
}

void Stage::Remove(uint16_t slot) {
  endpoints_.erase(slot);
  OnAll("remove " + std::to_string(slot), [&](Backend& backend) { return backend.RemoveEndpoint(slot); });
}

void Stage::SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds) {
  OnAll("fast path", [&](Backend& backend) { return backend.SetFastPath(slots, seconds); });
}

void Stage::Advance(uint32_t seconds) {
  for (const auto& runner : runners_) EXPECT_TRUE(runner->Advance(seconds).ok()) << runner->name();
}

void Stage::Sweep() {
  std::optional<uint64_t> first;
  for (const auto& runner : runners_) {
    const auto swept = runner->backend().Sweep();
    ASSERT_TRUE(swept.ok()) << runner->name() << ": " << swept.status();
    EXPECT_EQ(*swept, first.value_or(*swept)) << "swept, " << runner->name();
    first = first.value_or(*swept);
  }
}

Outcome Stage::Run(const Packet& packet) {
  std::optional<Outcome> first;
  for (const auto& runner : runners_) {
    const auto outcome = runner->Run(packet);
    if (!outcome.ok()) {
      ADD_FAILURE() << runner->name() << ": " << outcome.status();
      continue;
    }
    if (!first) {
      first = *outcome;
      continue;
    }
    first->fast |= outcome->fast;
    EXPECT_EQ(outcome->pass, first->pass) << runner->name() << " " << *outcome << "; " << *first;
    EXPECT_EQ(outcome->established, first->established) << runner->name() << " " << *outcome << "; " << *first;
    if (!first->established) {
      EXPECT_EQ(outcome->verdict, first->verdict) << runner->name() << " " << *outcome << "; " << *first;
      EXPECT_EQ(outcome->reason, first->reason) << runner->name() << " " << *outcome << "; " << *first;
    }
    if (runner->ShowsTag() && first->pass) {
      EXPECT_EQ(outcome->tag, first->tag) << runner->name();
    }
  }
  return first.value_or(Outcome());
}

Outcome Stage::Leaves(const Actor& from, const Frame& frame) {
  return Run({BH_HOOK_INGRESS, from.zone(), from.ifindex(), from.ifindex(), 0, false, frame.Build()});
}

Outcome Stage::Arrives(const Actor& to, const Frame& frame, uint16_t tag, uint32_t came_in) {
  return Run({BH_HOOK_EGRESS, to.zone(), to.ifindex(), came_in, tag, false, frame.Build()});
}

Outcome Stage::Travels(const Actor& from, const Actor& to, const Frame& frame) {
  const Outcome left = Leaves(from, frame);
  return left.pass ? Arrives(to, frame, left.tag, from.ifindex()) : left;
}

std::optional<uint16_t> Stage::ZoneOf(uint32_t ifindex) const {
  for (const auto& [slot, endpoint] : endpoints_) {
    if (endpoint.ifindex == ifindex) return endpoint.zone;
  }
  return std::nullopt;
}

const std::string& Stage::RuleKey(uint32_t id) const {
  static const std::string none = "no such rule";
  for (const auto& [key, known] : rule_ids_) {
    if (known == id) return key;
  }
  return none;
}

std::map<FlowKey, Flow> Stage::Flows() { return runners_.front()->Flows().value(); }

std::vector<StagedEdgeRecord> Stage::StagedEdges() {
  std::vector<StagedEdgeRecord> edges;
  const auto status = runners_.front()->backend().ReadStagedEdges([&](const StagedEdgeRecord& edge) {
    edges.push_back(edge);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return edges;
}

std::vector<EdgeRecord> Stage::Edges() {
  std::vector<EdgeRecord> edges;
  const auto status = runners_.front()->backend().ReadEdges([&](const EdgeRecord& edge) {
    edges.push_back(edge);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return edges;
}

}  // namespace bulkhead::packet_test

namespace bulkhead::reference {

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  static constexpr const char* kReasons[] = BH_REASON_NAMES;
  out << (outcome.pass ? "pass" : "drop") << (outcome.established ? ", established" : "") << ", " << VerdictName(outcome.verdict)
      << ", " << kReasons[outcome.reason] << ", tag " << outcome.tag;
  return out << ", " << outcome.source_identity << " -> " << outcome.destination_identity;
}

}  // namespace bulkhead::reference
