// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/policies.h"

#include <algorithm>
#include <string>
#include <utility>

#include "bench/dataplane/lab.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::bench {
namespace {

constexpr uint16_t kFirstSlot = 10;  // of those who live in a shape
constexpr uint32_t kPorts = 60'000;  // from 1 on: a ruleset's rules share them
constexpr ClassId kClassOfWeb = 1, kFirstClass = 2;

std::string Document(const char* ports) {
  return std::string("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec:\n") +
         "  podSelector: {matchLabels: {app: db}}\n"
         "  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: " +
         ports + "}]\n";
}

uint32_t LocalOf(const Shape& shape) { return std::min(shape.classes, kMostLocal); }

// Ruleset 0 allows everything; the others are `rulesets` in number, and share the shape's rules evenly.
void AddRulesets(const Shape& shape, uint32_t rulesets, CompiledPolicy& policy) {
  policy.rules.resize(kRuleFromHost + 1 + shape.rules);
  for (uint32_t i = 0; i < policy.rules.size(); ++i) policy.rules[i].id = i + 1;
  policy.rulesets.resize(1 + rulesets);
  for (uint32_t r = 0; r < rulesets; ++r) {
    Ruleset& ruleset = policy.rulesets[1 + r];
    ruleset.otherwise.allow = false;
    const uint32_t count = (shape.rules - r + rulesets - 1) / rulesets, width = kPorts / count;
    for (uint32_t k = 0; k < count; ++k) {
      const auto first = static_cast<uint16_t>(1 + k * width);
      const uint32_t rule = kRuleFromHost + 1 + r + k * rulesets;
      ruleset.intervals.push_back({kProtoTcp, first, static_cast<uint16_t>(first + width - 1), {true, rule, false}});
    }
  }
}

void AddSubject(CompiledPolicy& policy, IdentityId identity, std::vector<uint32_t> cidrs, uint32_t class_id, uint32_t row) {
  const auto number = static_cast<SubjectId>(policy.subjects.size());
  policy.subject_index.emplace(SubjectKey{identity, cidrs}, number);
  policy.subjects.push_back(
      {identity, std::move(cidrs), static_cast<ClassId>(class_id), static_cast<uint16_t>(row), Mode::kEnforce});
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CompiledPolicy>> ShopPolicy(bool draft) {
  const PolicyFile file =
      ParsePolicies(Document(draft ? "[{protocol: TCP, port: 1, endPort: 20000}]" : "[{protocol: TCP}]"), "bench");
  if (!file.errors.empty()) return absl::InvalidArgumentError(file.errors.front());
  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(file.documents);
  for (const auto& [slot, service] : {std::pair{kWeb, "web"}, {kDb, "db"}, {kEvil, "evil"}}) {
    KnownIdentity known;
    known.identity = {kFirstIdentity + slot, "shop", service, {{"app", service}}, {}};
    known.mode = Mode::kEnforce;
    known.addresses = {AddressOf(slot, 4), AddressOf(slot, 6)};
    input.identities.push_back(known);
  }
  input.global_mode = Mode::kEnforce;
  input.generation = draft ? 2 : 1;
  auto policy = Compile(input);
  if (!policy.ok()) return policy.status();
  return std::make_shared<const CompiledPolicy>(*std::move(policy));
}

std::vector<EndpointState> ShopEndpoints() {
  std::vector<EndpointState> out;
  for (const uint16_t slot : {kWeb, kDb, kEvil}) {
    out.push_back(EndpointOf(slot));
    out.back().addresses = {AddressOf(slot, 4), AddressOf(slot, 6)};
  }
  return out;
}

IpAddress FirstOf(const Shape&) { return IpAddress::V4(198, 18, 16, 0); }

uint32_t EndsOf(const Shape& shape) { return shape.addresses + shape.classes - LocalOf(shape); }

std::shared_ptr<const CompiledPolicy> PolicyOf(const Shape& shape) {
  auto policy = std::make_shared<CompiledPolicy>();
  const uint32_t local = LocalOf(shape), rulesets = std::min(shape.rules, shape.classes);
  policy->generation = 1;
  policy->global_mode = Mode::kEnforce;
  AddRulesets(shape, rulesets, *policy);
  std::vector<Prefix> outside;
  for (uint32_t i = local; i < shape.classes; ++i) outside.push_back({Plus(FirstOf(shape), shape.addresses + i - local), 32});
  policy->cidrs = CidrTable(outside);
  for (const IdentityId identity : {kIdentityUnknown, kIdentityHost, kIdentityWorld}) AddSubject(*policy, identity, {}, 0, kNoRow);
  AddSubject(*policy, kFirstIdentity + kWeb, {}, kClassOfWeb, 0);
  for (uint32_t i = 0; i < local; ++i) AddSubject(*policy, kFirstIdentity + kFirstSlot + i, {}, kFirstClass + i, 1 + i);
  for (uint32_t i = 0; i < outside.size(); ++i) {
    policy->world_prefixes.emplace_back(outside[i], static_cast<SubjectId>(policy->subjects.size()));
    AddSubject(*policy, kIdentityWorld, {i}, kFirstClass + local + i, kNoRow);
  }
  policy->classes = kFirstClass + shape.classes;
  policy->rows = 1 + local;
  for (auto& matrix : policy->matrix) matrix.assign(policy->rows, std::vector<uint32_t>(policy->classes, 0));
  for (uint32_t i = 0; i < shape.classes; ++i) {
    const uint32_t ruleset = 1 + i % rulesets;
    policy->matrix[static_cast<int>(Direction::kEgress)][0][kFirstClass + i] = ruleset;
    if (i < local) policy->matrix[static_cast<int>(Direction::kIngress)][1 + i][kClassOfWeb] = ruleset;
  }
  return policy;
}

std::vector<EndpointState> EndpointsOf(const Shape& shape) {
  std::vector<EndpointState> out = {EndpointOf(kWeb)};
  out.front().addresses = {AddressOf(kWeb, 4)};
  const uint32_t local = LocalOf(shape);
  for (uint32_t i = 0; i < local; ++i) {
    out.push_back(EndpointOf(static_cast<uint16_t>(kFirstSlot + i)));
    for (uint32_t n = i; n < shape.addresses; n += local) out.back().addresses.push_back(Plus(FirstOf(shape), n));
  }
  return out;
}

}  // namespace bulkhead::bench
