// SPDX-License-Identifier: Apache-2.0
// What must hold for every report: each finding is true of all connections that there are, as the plain reading of the documents
// judges them.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/lint.h"
#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/match.h"
#include "controlplane/policy/print.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead::lint {
namespace {

// RapidCheck's own default is 100. RC_PARAMS in the environment goes first.
const bool kCases = [] { return setenv("RC_PARAMS", "max_success=100", 0) == 0; }();

// A rule by its policy's name and the words that findings use.
using RuleName = std::pair<std::string, std::string>;

struct RuleAt {
  const Policy* policy = nullptr;
  Direction direction = Direction::kIngress;
  size_t index = 0;

  const PolicyRule& rule() const { return policy->rules(direction)[index]; }
  RuleName name() const { return {PolicyRef(*policy), absl::StrCat(DirectionName(direction), "[", index, "]")}; }
};

// Most random selectors match nobody: lets this one match more.
void Widen(LabelSelector* selector) {
  if (Chance(2)) selector->match_expressions.clear();
  while (selector->match_labels.size() > (Chance(2) ? 1u : 0u)) selector->match_labels.erase(selector->match_labels.begin());
}

void Widen(Policy* policy) {
  Widen(&policy->pod_selector);
  Widen(&policy->namespace_selector);
  if (policy->tier != Tier::kNetworkPolicy && policy->name != "default") policy->priority = Draw(2);
  for (std::vector<PolicyRule>* rules : {&policy->ingress, &policy->egress}) {
    for (PolicyRule& rule : *rules) {
      for (PolicyPeer& peer : rule.peers) {
        if (peer.pod_selector) Widen(&*peer.pod_selector);
        if (peer.namespace_selector) Widen(&*peer.namespace_selector);
      }
      if (Chance(3)) rule.ports.clear();
    }
  }
}

// Policies of every tier, each rule in a line of its own, and those who live there.
struct Scene {
  Inventory inventory = RandomInventory();
  PolicyDocuments documents = RandomDocuments();
  std::vector<Party> parties;
  std::vector<std::pair<uint8_t, uint16_t>> ports;

  Scene() {
    for (int i = Draw(4); i > 0; --i) documents.policies.push_back(RandomTierPolicy(absl::StrCat("x", i)));
    int line = 0;
    for (Policy& policy : documents.policies) {
      Widen(&policy);
      policy.pos = {"p", ++line, 1};
      for (std::vector<PolicyRule>* rules : {&policy.ingress, &policy.egress}) {
        for (PolicyRule& rule : *rules) rule.pos = {"p", ++line, 1};
      }
    }
    MakeParties();
    for (const uint8_t protocol : {kProtoTcp, kProtoUdp, kProtoSctp}) {
      for (uint16_t port = 1; port <= 10; ++port) ports.emplace_back(protocol, port);
      ports.emplace_back(protocol, 65535);
    }
    ports.emplace_back(kProtoIcmp, 0);
    ports.emplace_back(47, 0);
  }

  void MakeParties() {
    std::set<IpAddress> taken;
    for (const InventoryWorkload& workload : inventory.workloads) {
      if (workload.host_network) continue;
      Party party;
      party.kind = Party::Kind::kWorkload;
      party.ns = workload.ns;
      party.labels = workload.labels;
      party.named_ports = workload.named_ports;
      party.id = workload.name;
      if (workload.addresses.empty()) parties.push_back(party);
      for (const IpAddress& address : workload.addresses) {
        taken.insert(address);
        party.address = address;
        parties.push_back(party);
      }
    }
    // The world: every address that a random prefix could tell apart: those of their own length, and of each shorter one what the next
    // longer leaves out.
    std::vector<std::string> world = {"203.0.113.9", "2001:db8::9", "fd01::9", "fd00:0:0:1::9", "198.21.9.9"};
    for (int i = 0; i < 7; ++i) world.push_back(absl::StrCat("fd00::", i));
    for (const char* net : {"198.18.", "198.19.", "198.20."}) {
      world.push_back(absl::StrCat(net, "9.9"));
      for (const char* low : {"0.", "1."}) {
        world.push_back(absl::StrCat(net, low, "200"));
        for (int i = 0; i < 7; ++i) world.push_back(absl::StrCat(net, low, i));
      }
    }
    for (const std::string& text : world) {
      Party party;
      party.address = IpAddress::Parse(text);
      if (!taken.contains(*party.address)) parties.push_back(party);
    }
  }

  Report Lint() const {
    const LintWorld living = WorldOf(inventory);
    return lint::Lint(documents, &living);
  }
  Question Ask(const PolicyDocuments& all, const Party& from, const Party& to) const {
    Question question;
    question.documents = &all;
    question.namespaces = &inventory.namespaces;
    question.nodes = &inventory.nodes;
    question.source = from;
    question.destination = to;
    return question;
  }
  // Calls `see(question)` for every connection to or from a workload that there can be. impossible: also for those of a workload to
  // itself and between families.
  void ForAll(const PolicyDocuments& all, const std::function<void(const Question&)>& see, bool impossible = false) const {
    for (const Party& from : parties) {
      for (const Party& to : parties) {
        if (from.kind != Party::Kind::kWorkload && to.kind != Party::Kind::kWorkload) continue;
        const bool self = !from.id.empty() && from.id == to.id;
        const bool mixed = from.address && to.address && from.address->family != to.address->family;
        if (!impossible && (self || mixed)) continue;
        Question question = Ask(all, from, to);
        for (const auto& [protocol, port] : ports) {
          question.protocol = protocol;
          question.port = port;
          see(question);
        }
      }
    }
  }
  std::vector<RuleAt> Rules() const {
    std::vector<RuleAt> out;
    for (const Policy& policy : documents.policies) {
      for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
        if (!policy.Judges(direction)) continue;
        for (size_t i = 0; i < policy.rules(direction).size(); ++i) out.push_back({&policy, direction, i});
      }
    }
    return out;
  }
  std::string Text(const Report& report) const {
    std::string out = PrintPolicies(documents);
    for (const InventoryWorkload& workload : inventory.workloads) {
      absl::StrAppend(&out, workload.ns, "/", workload.name, workload.host_network ? " host" : "");
      for (const auto& [key, value] : workload.labels) absl::StrAppend(&out, " ", key, "=", value);
      for (const IpAddress& address : workload.addresses) absl::StrAppend(&out, " ", address.ToString());
      for (const NamedPort& port : workload.named_ports) absl::StrAppend(&out, " ", port.name, ":", port.port, "/", int{port.protocol});
      absl::StrAppend(&out, "\n");
    }
    for (const Finding& finding : report.findings) {
      absl::StrAppend(&out, SeverityName(finding.severity), " ", finding.check, ": ", finding.message, "\n");
    }
    return out;
  }
};

// Whether the rule matches the connection, seen from the side that its policy judges.
bool MatchesRule(const RuleAt& at, const Question& question) {
  const bool ingress = at.direction == Direction::kIngress;
  const Party& own = ingress ? question.destination : question.source;
  const Party& peer = ingress ? question.source : question.destination;
  return Judges(*at.policy, at.direction, own, *question.namespaces) && RuleMatchesPeer(at.rule(), *at.policy, peer, question) &&
         RuleMatchesPort(at.rule(), question);
}

std::set<RuleName> Found(const Report& report, const std::string& check, const std::string& part = "") {
  std::set<RuleName> out;
  for (const Finding& finding : report.findings) {
    const bool said = part.empty() || finding.message.find(part) != std::string::npos;
    if (finding.check == check && said) out.emplace(finding.policy, finding.rule);
  }
  return out;
}

PolicyDocuments Without(const Scene& scene, const std::set<RuleName>& gone) {
  PolicyDocuments out;
  for (const Policy& policy : scene.documents.policies) {
    Policy& copy = out.policies.emplace_back(policy);
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      std::vector<PolicyRule>& rules = direction == Direction::kIngress ? copy.ingress : copy.egress;
      rules.clear();
      for (size_t i = 0; i < policy.rules(direction).size(); ++i) {
        const RuleAt at{&policy, direction, i};
        if (!gone.contains(at.name())) rules.push_back(at.rule());
      }
    }
  }
  return out;
}

RC_GTEST_PROP(LintProperty, ShadowedAndRedundantRulesCanBeRemovedTogether, ()) {
  RC_ASSERT(kCases);
  const Scene scene;
  const Report report = scene.Lint();
  std::set<RuleName> gone = Found(report, "shadowed-rule");
  gone.merge(Found(report, "redundant-rule"));
  if (gone.empty()) return;
  const PolicyDocuments rest = Without(scene, gone);
  RC_LOG() << scene.Text(report);
  scene.ForAll(scene.documents, [&](const Question& question) {
    Question again = question;
    again.documents = &rest;
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      const SideAnswer before = EvaluateSide(question, direction, nullptr), after = EvaluateSide(again, direction, nullptr);
      RC_ASSERT(before.allow == after.allow);
      RC_ASSERT(before.audit == after.audit);
    }
  });
}

// The other way round: a rule of the ordered tiers that matches somebody and is not reported decides something, if only between
// two who cannot meet: classes do not tell that.
RC_GTEST_PROP(LintProperty, RulesThatAreNotShadowedDecide, ()) {
  const Scene scene;
  const Report report = scene.Lint();
  const std::set<RuleName> shadowed = Found(report, "shadowed-rule");
  std::set<RuleName> matches, first;
  for (const RuleAt& at : scene.Rules()) {
    if (at.policy->kind == PolicyKind::kNetworkPolicy) continue;
    PolicyDocuments tier;
    for (const Policy& policy : scene.documents.policies) {
      if (policy.tier == at.policy->tier) tier.policies.push_back(policy);
    }
    const Policy* mine = nullptr;
    for (const Policy& policy : tier.policies) {
      if (PolicyRef(policy) == PolicyRef(*at.policy)) mine = &policy;
    }
    scene.ForAll(tier, [&](const Question& question) {
      if (first.contains(at.name()) || !MatchesRule(at, question)) return;
      matches.insert(at.name());
      Trace trace;
      EvaluateSide(question, at.direction, &trace);
      const auto asked = [&](const Trace::Step& step) { return step.policy == mine && step.rule == at.index && step.matches; };
      if (std::any_of(trace.steps.begin(), trace.steps.end(), asked)) first.insert(at.name());
    }, true);
  }
  RC_LOG() << scene.Text(report);
  for (const RuleName& name : matches) {
    RC_LOG() << name.first << " " << name.second << "\n";
    RC_ASSERT(shadowed.contains(name) == !first.contains(name));
  }
}

// An answer of the Admin tier alone, on either side.
bool AdminDenies(const Question& question, const PolicyDocuments& admin) {
  Question asked = question;
  asked.documents = &admin;
  return Evaluate(asked).drops();
}

RC_GTEST_PROP(LintProperty, RulesThatAllowNothingAreDeniedByTheAdminTier, ()) {
  const Scene scene;
  const Report report = scene.Lint();
  PolicyDocuments admin;
  for (const Policy& policy : scene.documents.policies) {
    if (policy.tier == Tier::kAdmin) admin.policies.push_back(policy);
  }
  std::map<RuleName, std::pair<bool, bool>> fates;  // some are denied; some are not
  const std::vector<RuleAt> rules = scene.Rules();
  scene.ForAll(scene.documents, [&](const Question& question) {
    std::optional<bool> denied;
    for (const RuleAt& at : rules) {
      if (at.policy->kind != PolicyKind::kNetworkPolicy || !MatchesRule(at, question)) continue;
      if (!denied) denied = AdminDenies(question, admin);
      auto& fate = fates[at.name()];
      (*denied ? fate.first : fate.second) = true;
    }
  });
  RC_LOG() << scene.Text(report);
  const std::set<RuleName> nothing = Found(report, "overridden-by-tier", "] allows nothing: ");
  const std::set<RuleName> in_part = Found(report, "overridden-by-tier", " is denied in part by ");
  for (const auto& [name, fate] : fates) {
    RC_LOG() << name.first << " " << name.second << "\n";
    if (in_part.contains(name)) RC_ASSERT(fate.first);
    if (fate.first && !fate.second) RC_ASSERT(nothing.contains(name) || in_part.contains(name));
    if (!fate.first) RC_ASSERT(!nothing.contains(name));
  }
}

std::optional<RuleAction> FirstMatch(const Policy& policy, Direction direction, const Question& question) {
  for (size_t i = 0; i < policy.rules(direction).size(); ++i) {
    const RuleAt at{&policy, direction, i};
    if (policy.audit && at.rule().action == RuleAction::kDeny) continue;
    if (MatchesRule(at, question)) return at.rule().action;
  }
  return std::nullopt;
}

// Two policies clash when, each alone, they answer some connection differently: then and only then it is reported, with a witness
// that shows it.
RC_GTEST_PROP(LintProperty, ConflictsAreThoseThatAConnectionShows, ()) {
  const Scene scene;
  const Report report = scene.Lint();
  RC_LOG() << scene.Text(report);
  std::set<std::pair<int, int>> reported, real;  // lines of policies
  const std::vector<RuleAt> rules = scene.Rules();
  const auto policy_at = [&](const SourcePos& pos) {
    const auto found = std::find_if(rules.begin(), rules.end(), [&](const RuleAt& at) { return at.rule().pos == pos; });
    RC_ASSERT(found != rules.end());
    return *found;
  };
  const auto party = [&](const std::string& name, const std::optional<IpAddress>& address) {
    for (const Party& one : scene.parties) {
      if (one.address == address && name == absl::StrCat(one.ns, "/", one.id)) return one;
    }
    Party world;
    world.address = address;
    return world;
  };
  for (const Finding& finding : report.findings) {
    if (finding.check != "conflict") continue;
    const RuleAt a = policy_at(finding.pos), b = policy_at(*finding.related);
    RC_ASSERT(finding.witness.has_value());
    Question question = scene.Ask(scene.documents, party(finding.witness->from, finding.witness->source),
                                  party(finding.witness->to, finding.witness->destination));
    question.protocol = finding.witness->protocol;
    question.port = finding.witness->port;
    RC_ASSERT(FirstMatch(*a.policy, a.direction, question) == a.rule().action);
    RC_ASSERT(FirstMatch(*b.policy, a.direction, question) == b.rule().action);
    RC_ASSERT(a.rule().action != b.rule().action);
    reported.emplace(std::min(a.policy->pos.line, b.policy->pos.line), std::max(a.policy->pos.line, b.policy->pos.line));
  }
  for (const Policy& a : scene.documents.policies) {
    for (const Policy& b : scene.documents.policies) {
      if (a.pos.line >= b.pos.line || a.tier == Tier::kNetworkPolicy || a.tier != b.tier || a.priority != b.priority) continue;
      scene.ForAll(scene.documents, [&](const Question& question) {
        for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
          const auto one = FirstMatch(a, direction, question), other = FirstMatch(b, direction, question);
          if (one && other && *one != *other) real.emplace(a.pos.line, b.pos.line);
        }
      });
    }
  }
  RC_ASSERT(reported == real);
}

// Rules that clash by the documents alone clash about every connection that both match.
RC_GTEST_PROP(LintProperty, ConflictsOfDocumentsHoldWhoeverLivesThere, ()) {
  const Scene scene;
  const Report report = lint::Lint(scene.documents, nullptr);
  RC_LOG() << scene.Text(report);
  const std::vector<RuleAt> rules = scene.Rules();
  const auto rule_at = [&](const SourcePos& pos) {
    return *std::find_if(rules.begin(), rules.end(), [&](const RuleAt& at) { return at.rule().pos == pos; });
  };
  for (const Finding& finding : report.findings) {
    if (finding.check != "conflict") continue;
    const RuleAt a = rule_at(finding.pos), b = rule_at(*finding.related);
    RC_ASSERT(a.rule().action != b.rule().action);
    scene.ForAll(scene.documents, [&](const Question& question) {
      if (!MatchesRule(a, question) || !MatchesRule(b, question)) return;
      RC_ASSERT(FirstMatch(*a.policy, a.direction, question) == a.rule().action);
      RC_ASSERT(FirstMatch(*b.policy, b.direction, question) == b.rule().action);
    });
  }
}

// What the documents alone tell holds in every world.
RC_GTEST_PROP(LintProperty, WhatDocumentsShowHoldsWhoeverLivesThere, ()) {
  const Scene scene;
  const Report report = lint::Lint(scene.documents, nullptr);
  RC_LOG() << scene.Text(report);
  std::set<RuleName> gone = Found(report, "shadowed-rule");
  gone.merge(Found(report, "redundant-rule"));
  const PolicyDocuments rest = Without(scene, gone);
  PolicyDocuments admin;
  for (const Policy& policy : scene.documents.policies) {
    if (policy.tier == Tier::kAdmin) admin.policies.push_back(policy);
  }
  const std::set<RuleName> nothing = Found(report, "overridden-by-tier", "] allows nothing: ");
  std::vector<RuleAt> dead;
  for (const RuleAt& at : scene.Rules()) {
    // A finding about a part of the rule names the part.
    bool whole = false;
    for (const Finding& f : report.findings) {
      whole = whole || (f.check == "overridden-by-tier" && f.pos == at.rule().pos && f.message.find("] allows nothing") != std::string::npos);
    }
    if (whole) dead.push_back(at);
  }
  scene.ForAll(scene.documents, [&](const Question& question) {
    Question again = question;
    again.documents = &rest;
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      RC_ASSERT(EvaluateSide(question, direction, nullptr).allow == EvaluateSide(again, direction, nullptr).allow);
    }
    for (const RuleAt& at : dead) {
      if (MatchesRule(at, question)) RC_ASSERT(AdminDenies(question, admin));
    }
  });
}

}  // namespace
}  // namespace bulkhead::lint
