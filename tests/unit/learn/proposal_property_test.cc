// SPDX-License-Identifier: Apache-2.0
// Whatever was seen: the proposals, read and compiled again, permit between the services that were seen exactly what was answered.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "controlplane/learn/propose.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"
#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

constexpr uint8_t kProtocols[] = {kProtoTcp, kProtoUdp, kProtoSctp};
constexpr uint16_t kPorts[] = {22, 53, 80, 443, 5432, 8080, 30051};
using Fact = std::tuple<ServiceName, ServiceName, uint8_t, uint16_t>;

struct World {
  EvidenceBuilder seen;
  std::vector<size_t> parties;  // identities of the services
  std::set<Fact> answered;      // often enough
};

// Few labels with few values, so that services share most of them.
Labels RandomLabels() {
  Labels labels;
  for (const char* key : {"app", "role", "team"}) {
    const int value = *rc::gen::inRange(0, 4);
    if (value > 0) labels[key] = std::string(1, static_cast<char>('a' + value));
  }
  return labels;
}

World RandomWorld() {
  World world;
  const int services = *rc::gen::inRange(2, 7);
  for (int i = 0; i < services; ++i) {
    const std::string ns = *rc::gen::element<std::string>("shop", "lab");
    const int versions = *rc::gen::inRange(1, 3);
    for (int v = 0; v < versions; ++v) world.parties.push_back(world.seen.Service(ns, "s" + std::to_string(i), RandomLabels()));
  }
  std::map<Fact, uint64_t> counts;
  const int edges = *rc::gen::inRange(0, 25);
  for (int i = 0; i < edges; ++i) {
    const size_t source = *rc::gen::elementOf(world.parties);
    const size_t destination = *rc::gen::elementOf(world.parties);
    const uint8_t protocol = kProtocols[*rc::gen::inRange(0, 3)];
    const uint16_t port = kPorts[*rc::gen::inRange(0, 7)];
    const uint64_t flows = *rc::gen::inRange(1, 6);
    const uint64_t answered = *rc::gen::inRange<uint64_t>(0, flows + 1);
    Edge& edge = world.seen.Add(source, destination, protocol, port, flows, answered);
    edge.verdict = *rc::gen::weightedElement<Verdict>({{6, Verdict::kAllow}, {1, Verdict::kWouldDeny}});
    const auto name = [&world](size_t party) { return world.seen.Get().parties[party].Name(); };
    if (edge.verdict != Verdict::kAllow) continue;
    uint64_t& most = counts[{name(source), name(destination), protocol, port}];
    most = std::max(most, answered);  // several edges may have been in the same windows
  }
  for (const auto& [fact, answered] : counts) {
    if (answered >= Hygiene{}.occurrences) world.answered.insert(fact);
  }
  return world;
}

CompiledPolicy CompileText(const World& world, const std::vector<Proposal>& proposals) {
  auto documents = std::make_shared<PolicyDocuments>();
  for (const Proposal& proposal : proposals) {
    const PolicyFile file = ParsePolicies(proposal.yaml, "proposal");
    RC_ASSERT(file.errors.empty());
    for (const Policy& policy : file.documents.policies) documents->policies.push_back(policy);
  }
  CompileInput input;
  input.documents = documents;
  for (const size_t party : world.parties) {
    const Party& who = world.seen.Get().parties[party];
    KnownIdentity known;
    known.identity = {kFirstIdentity + static_cast<IdentityId>(party), who.ns, who.service, who.labels, ""};
    input.identities.push_back(known);
  }
  auto compiled = Compile(input);
  RC_ASSERT(compiled.ok());
  return *std::move(compiled);
}

TEST(ProposalProperty, PermitsExactlyWhatWasAnswered) {
  const bool holds = rc::check("permits what was answered and nothing else", [] {
    const World world = RandomWorld();
    const Evidence& evidence = world.seen.Get();
    const auto proposals = Propose(evidence, "", View{});
    if (evidence.edges.empty()) {
      RC_ASSERT(!proposals.ok());
      return;
    }
    RC_ASSERT(proposals.ok());
    const CompiledPolicy policy = CompileText(world, *proposals);
    std::set<size_t> seen;  // a service without any edge has no proposal: nothing is known of it
    std::set<ServiceName> names;
    for (const Edge& edge : evidence.edges) {
      for (const size_t side : {edge.source, edge.destination}) names.insert(evidence.parties[side].Name());
    }
    for (const size_t party : world.parties) {
      if (names.contains(evidence.parties[party].Name())) seen.insert(party);
    }
    for (const size_t source : seen) {
      for (const size_t destination : seen) {
        const SubjectId from = policy.FindSubject(kFirstIdentity + static_cast<IdentityId>(source)).value();
        const SubjectId to = policy.FindSubject(kFirstIdentity + static_cast<IdentityId>(destination)).value();
        for (const uint8_t protocol : kProtocols) {
          for (const uint16_t port : kPorts) {
            const Fact fact{evidence.parties[source].Name(), evidence.parties[destination].Name(), protocol, port};
            const bool permitted = Judge(policy, from, to, protocol, port).allow();
            RC_ASSERT(permitted == world.answered.contains(fact));
          }
        }
      }
    }
  });
  EXPECT_TRUE(holds);
}

TEST(ProposalProperty, CoverageIsWhatTheCompilerSays) {
  const bool holds = rc::check("covered flows are those of permitted edges", [] {
    const World world = RandomWorld();
    const Evidence& evidence = world.seen.Get();
    if (evidence.edges.empty()) return;
    const auto proposals = Propose(evidence, "", View{});
    RC_ASSERT(proposals.ok());
    std::map<ServiceName, std::pair<uint64_t, uint64_t>> expected;
    for (const Edge& edge : evidence.edges) {
      const ServiceName source = evidence.parties[edge.source].Name();
      const ServiceName destination = evidence.parties[edge.destination].Name();
      const bool permitted = world.answered.contains({source, destination, edge.protocol, edge.port});
      for (const ServiceName& service : std::set<ServiceName>{source, destination}) {
        expected[service].first += edge.answered;
        if (permitted) expected[service].second += edge.answered;
      }
    }
    for (const Proposal& proposal : *proposals) {
      const auto& [answered, covered] = expected[{proposal.ns, proposal.service}];
      RC_ASSERT(proposal.answered_flows == answered);
      RC_ASSERT(proposal.covered_flows == covered);
    }
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace bulkhead::learn
