// SPDX-License-Identifier: Apache-2.0
// Whatever was seen: the proposals, read and compiled again, permit between the services that were seen exactly what was answered.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "controlplane/learn/propose.h"
#include "controlplane/learn/sift.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"
#include "tests/unit/learn/evidence_builder.h"
#include "tests/unit/learn/kubernetes_schema.h"

namespace bulkhead::learn {
namespace {

constexpr uint8_t kProtocols[] = {kProtoTcp, kProtoUdp, kProtoSctp};
constexpr uint16_t kPorts[] = {22, 53, 80, 443, 5432, 8080, 30051};
using Fact = std::tuple<ServiceName, ServiceName, uint8_t, uint16_t>;

// One peer outside: the service, whether it is the client, the address.
using OutsideFact = std::tuple<ServiceName, bool, uint8_t, uint16_t, IpAddress>;

struct World {
  EvidenceBuilder seen;
  std::vector<size_t> parties;  // identities of the services
  std::set<Fact> answered;      // what supports a rule, and on port 53 the other protocol
  std::set<OutsideFact> outside;
};

// Few networks with few addresses, so that some are crowded; none is crowded enough for the internet.
std::vector<IpAddress> OutsideAddresses() {
  std::vector<IpAddress> out;
  for (uint8_t host = 1; host <= 6; ++host) {
    for (const uint8_t net : {uint8_t{1}, uint8_t{2}}) {
      out.push_back(IpAddress::V4(203, 0, net, host));
      out.push_back(IpAddress::V4(10, 0, net, host));
      out.push_back(*IpAddress::Parse("2001:db8:0:" + std::to_string(net) + "::" + std::to_string(host)));
    }
  }
  return out;
}

Prefix Net(const IpAddress& address) { return Prefix::Of(address, address.IsV4() ? 24 : 64); }

// Addresses of the networks of which four were seen, and those that were seen often enough by themselves.
void Grow(const std::set<OutsideFact>& seen, const std::set<OutsideFact>& alone, std::set<OutsideFact>* out) {
  for (const auto& [service, inward, protocol, port, address] : seen) {
    for (const IpAddress& other : OutsideAddresses()) {
      if (Net(other) != Net(address)) continue;
      size_t members = 0;
      for (const IpAddress& member : OutsideAddresses()) {
        if (Net(member) == Net(address)) members += seen.contains({service, inward, protocol, port, member});
      }
      const bool by_itself = other == address && alone.contains({service, inward, protocol, port, address});
      if (by_itself || members >= 4) out->insert({service, inward, protocol, port, other});
    }
  }
}


// Few labels with few values, so that services share most of them.
Labels RandomLabels() {
  Labels labels;
  for (const char* key : {"app", "role", "team"}) {
    const int value = *rc::gen::inRange(0, 4);
    if (value > 0) labels[key] = std::string(1, static_cast<char>('a' + value));
  }
  return labels;
}

// What the proposals are to permit: what supports a rule, in the words of this test.
void Expect(World* world) {
  std::map<std::tuple<Node, Node, uint8_t, uint16_t>, Relation> relations;
  for (Relation& relation : Sift(world->seen.Get())) {
    relations[{relation.source, relation.destination, relation.protocol, relation.port}] = relation;
  }
  std::set<OutsideFact> seen, alone;
  const auto add = [&](const Relation& relation, uint8_t protocol) {
    const Node &from = relation.source, &to = relation.destination;
    if (from.IsService() && to.IsService()) {
      world->answered.insert({{from.ns, from.service}, {to.ns, to.service}, protocol, relation.port});
    }
    if (from.IsService() == to.IsService()) return;
    const Node& service = from.IsService() ? from : to;
    for (const auto& [address, answered] : relation.peers) {
      seen.insert({{service.ns, service.service}, to.IsService(), protocol, relation.port, address});
      if (!relation.thin_peers.contains(address)) {
        alone.insert({{service.ns, service.service}, to.IsService(), protocol, relation.port, address});
      }
    }
  };
  for (const auto& [key, relation] : relations) {
    if (relation.standing != Standing::kSupports) continue;
    add(relation, relation.protocol);
    if (relation.port != 53 || relation.protocol == kProtoSctp) continue;
    const uint8_t other = relation.protocol == kProtoTcp ? kProtoUdp : kProtoTcp;
    const auto twin = relations.find({relation.source, relation.destination, other, uint16_t{53}});
    const bool decided_against = twin != relations.end() && twin->second.standing == Standing::kDenied;
    if (!decided_against) add(relation, other);
  }
  Grow(seen, alone, &world->outside);
}

World RandomWorld() {
  World world;
  const int services = *rc::gen::inRange(2, 7);
  for (int i = 0; i < services; ++i) {
    const std::string ns = *rc::gen::element<std::string>("shop", "lab");
    const int versions = *rc::gen::inRange(1, 3);
    for (int v = 0; v < versions; ++v) world.parties.push_back(world.seen.Service(ns, "s" + std::to_string(i), RandomLabels()));
  }
  const int edges = *rc::gen::inRange(0, 25);
  const std::vector<IpAddress> addresses = OutsideAddresses();
  for (int i = 0; i < edges; ++i) {
    size_t source = *rc::gen::elementOf(world.parties);
    size_t destination = *rc::gen::elementOf(world.parties);
    const int outside = *rc::gen::inRange(0, 8);
    if (outside == 0) source = EvidenceBuilder::kWorld;
    if (outside == 1) destination = EvidenceBuilder::kWorld;
    const uint8_t protocol = kProtocols[*rc::gen::inRange(0, 3)];
    const uint16_t port = kPorts[*rc::gen::inRange(0, 7)];
    const int peers = outside > 1 ? 1 : *rc::gen::inRange(1, 8);
    const auto verdict = *rc::gen::weightedElement<Verdict>({{6, Verdict::kAllow}, {1, Verdict::kWouldDeny}});
    for (int peer = 0; peer < peers; ++peer) {
      const uint64_t flows = *rc::gen::inRange(1, 6);
      const uint64_t answered = *rc::gen::inRange<uint64_t>(0, flows + 1);
      Edge& edge = world.seen.Add(source, destination, protocol, port, flows, answered);
      edge.verdict = verdict;
      edge.source_workloads = *rc::gen::inRange<uint64_t>(0, 8);
      if (outside <= 1) edge.peer = *rc::gen::elementOf(addresses);
    }
  }
  Expect(&world);
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

// A cluster takes each text, it does not have more rules than the service has edges, and it is the same the second time.
void CheckTexts(const World& world, const std::vector<Proposal>& proposals) {
  for (const Proposal& proposal : proposals) {
    RC_ASSERT(CheckAgainstKubernetes(proposal.yaml) == std::vector<std::string>{});
    const PolicyFile file = ParsePolicies(proposal.yaml, "proposal");
    size_t edges = 0;
    const ServiceName service(proposal.ns, proposal.service);
    for (const auto& [from, to, protocol, port] : world.answered) edges += (from == service) + (to == service);
    std::set<std::tuple<bool, uint8_t, uint16_t>> outside;
    for (const auto& [owner, inward, protocol, port, address] : world.outside) {
      if (owner == service) outside.insert({inward, protocol, port});
    }
    for (const Policy& policy : file.documents.policies) RC_ASSERT(policy.ingress.size() + policy.egress.size() <= edges + outside.size());
  }
  const auto again = Propose(world.seen.Get(), "", View{});
  RC_ASSERT(again.ok());
  for (size_t i = 0; i < proposals.size(); ++i) RC_ASSERT((*again)[i].yaml == proposals[i].yaml);
}

void CheckOutside(const World& world, const CompiledPolicy& policy, size_t party) {
  const ServiceName service = world.seen.Get().parties[party].Name();
  const SubjectId own = policy.FindSubject(kFirstIdentity + static_cast<IdentityId>(party)).value();
  for (const IpAddress& address : OutsideAddresses()) {
    const SubjectId peer = policy.WorldSubject(address);
    for (const uint8_t protocol : kProtocols) {
      for (const uint16_t port : kPorts) {
        RC_ASSERT(Judge(policy, peer, own, protocol, port).allow() == world.outside.contains({service, true, protocol, port, address}));
        RC_ASSERT(Judge(policy, own, peer, protocol, port).allow() == world.outside.contains({service, false, protocol, port, address}));
      }
    }
  }
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
    CheckTexts(world, *proposals);
    const CompiledPolicy policy = CompileText(world, *proposals);
    std::set<size_t> seen;  // a service without any edge has no proposal: nothing is known of it
    std::set<ServiceName> names;
    for (const Edge& edge : evidence.edges) {
      for (const size_t side : {edge.source, edge.destination}) {
        if (evidence.parties[side].IsService()) names.insert(evidence.parties[side].Name());
      }
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
            const Judgement judged = Judge(policy, from, to, protocol, port);
            RC_ASSERT(judged.source.allow == judged.destination.allow);
            RC_ASSERT(judged.allow() == world.answered.contains(fact));
          }
        }
      }
    }
    for (const size_t party : seen) CheckOutside(world, policy, party);
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
      const Party &from = evidence.parties[edge.source], &to = evidence.parties[edge.destination];
      const bool inward = !from.IsService();
      const bool inside = from.IsService() && to.IsService();
      const bool permitted =
          inside ? world.answered.contains({from.Name(), to.Name(), edge.protocol, edge.port})
                 : world.outside.contains({inward ? to.Name() : from.Name(), inward, edge.protocol, edge.port, edge.peer});
      std::set<ServiceName> services;
      if (from.IsService()) services.insert(from.Name());
      if (to.IsService()) services.insert(to.Name());
      for (const ServiceName& service : services) {
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
