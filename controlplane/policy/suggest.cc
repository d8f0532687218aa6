// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/suggest.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/match.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead {
namespace {

using What = Change::What;
using Changes = std::vector<Change>;

// The label that tells the service: what people write first, what is implicit last.
LabelSelector ServiceSelector(const Labels& labels) {
  LabelSelector selector;
  for (const char* key : {"app.kubernetes.io/name", "app", "com.docker.compose.service", "com.docker.swarm.service.name", "k8s-app",
                          "bulkhead.dev/service"}) {
    const auto label = labels.find(key);
    if (label == labels.end()) continue;
    selector.match_labels.insert(*label);
    return selector;
  }
  if (!labels.empty()) selector.match_labels.insert(*labels.begin());
  return selector;
}

// A peer of a policy of that kind which names the party. nullopt: none can. A tier's ingress rules know no addresses.
std::optional<PolicyPeer> PeerOf(const Party& party, PolicyKind kind, Direction direction, const std::string& own_ns) {
  const bool network_policy = kind == PolicyKind::kNetworkPolicy;
  PolicyPeer peer;
  if (party.kind == Party::Kind::kWorkload) {
    peer.pod_selector = ServiceSelector(party.labels);
    if (network_policy && party.ns == own_ns) return peer;
    peer.namespace_selector.emplace();
    peer.namespace_selector->match_labels[kNamespaceNameLabel] = party.ns;
    return peer;
  }
  if (!party.address || party.kind == Party::Kind::kUnknown) return std::nullopt;
  if (network_policy) {
    peer.ip_block = IpBlock{Prefix::Host(*party.address), {}};
  } else if (direction == Direction::kEgress) {
    peer.networks.push_back(Prefix::Host(*party.address));
  } else {
    return std::nullopt;
  }
  return peer;
}

bool IsOnePort(const PolicyRule& rule) {
  return rule.ports.size() == 1 &&
         (!rule.ports[0].name.empty() || (rule.ports[0].first != 0 && rule.ports[0].first == rule.ports[0].last));
}

class Suggester {
 public:
  Suggester(const Question& question, Direction direction, const SideAnswer& answer, const Trace& trace)
      : question_(question),
        direction_(direction),
        answer_(answer),
        trace_(trace),
        own_(direction == Direction::kIngress ? question.destination : question.source),
        peer_(direction == Direction::kIngress ? question.source : question.destination) {
    for (const Policy& policy : question.documents->policies) {
      if (Judges(policy, direction, own_, *question.namespaces)) about_own_.policies.push_back(policy);
    }
  }

  Suggestion Best() const {
    const std::vector<Changes> candidates = answer_.allow ? ToDeny() : ToAllow();
    for (const bool strictly : {true, false}) {
      for (const Changes& changes : candidates) {
        if (Flips(changes, strictly)) return {changes, ""};
      }
    }
    return {{}, answer_.allow ? NothingDenies() : NothingAllows()};
  }

 private:
  // strictly: what is denied shall be allowed rather than denied by another policy, in audit.
  bool Flips(const Changes& changes, bool strictly) const {
    PolicyDocuments changed = about_own_;
    for (const Change& change : changes) Apply(change, &changed);
    Question again = question_;
    again.documents = &changed;
    const SideAnswer after = EvaluateSide(again, direction_, nullptr);
    if (answer_.allow) return after.drops();
    return after.allow || (!strictly && !answer_.audit && !after.drops());
  }

  std::vector<PolicyPort> Ports() const {
    if (!HasPorts(question_.protocol)) return {};
    return {{question_.protocol, question_.port, question_.port, "", {}}};
  }

  Change Edit(What what, const Policy& policy, size_t rule) const { return {what, policy, direction_, rule, 0, {}}; }

  // ---- what is denied ----

  std::vector<Changes> ToAllow() const {
    std::vector<Changes> out;
    if (trace_.decided == nullptr) {
      if (auto policy = NewPolicy(true)) out.push_back({*policy});
    } else if (trace_.decided->tier == Tier::kNetworkPolicy) {
      ExtendNetworkPolicies(&out);
    } else {
      InsertRule(RuleAction::kAccept, &out);
      out.push_back({Narrowed(*trace_.decided, static_cast<size_t>(trace_.rule))});
      // Only before Baseline has a NetworkPolicy a say.
      if (auto policy = NewPolicy(true)) out.push_back({*policy});
    }
    return out;
  }

  void ExtendNetworkPolicies(std::vector<Changes>* out) const {
    const auto peer = PeerOf(peer_, PolicyKind::kNetworkPolicy, direction_, own_.ns);
    if (!peer) return;
    std::vector<Changes> new_rules;
    for (const Policy* policy : trace_.isolating) {
      ExtendRules(*policy, *peer, out);
      Change change = Edit(What::kInsertRule, *policy, policy->rules(direction_).size());
      change.part.peers.push_back(*peer);
      change.part.ports = Ports();
      // Rather into a policy about this workload than into one about everybody.
      const bool specific = !policy->pod_selector.match_labels.empty() || !policy->pod_selector.match_expressions.empty();
      new_rules.insert(specific ? new_rules.begin() : new_rules.end(), {change});
    }
    out->insert(out->end(), new_rules.begin(), new_rules.end());
  }

  // One more peer where that opens just this port, or one more port where that opens it to just this peer.
  void ExtendRules(const Policy& policy, const PolicyPeer& peer, std::vector<Changes>* out) const {
    const std::vector<PolicyRule>& rules = policy.rules(direction_);
    for (size_t i = 0; i < rules.size(); ++i) {
      if (!rules[i].peers.empty() && IsOnePort(rules[i]) && RuleMatchesPort(rules[i], question_)) {
        Change change = Edit(What::kAddPeer, policy, i);
        change.part.peers.push_back(peer);
        out->push_back({change});
      }
      const bool this_peer = rules[i].peers.size() == 1 && RuleMatchesPeer(rules[i], policy, peer_, question_);
      if (this_peer && !rules[i].ports.empty() && HasPorts(question_.protocol)) {
        Change change = Edit(What::kAddPort, policy, i);
        change.part.ports = Ports();
        out->push_back({change});
      }
    }
  }

  std::string NothingAllows() const {
    if (own_.kind != Party::Kind::kWorkload) return "no policy can select this side: it is no known workload";
    if (peer_.kind == Party::Kind::kUnknown || (peer_.kind != Party::Kind::kWorkload && !peer_.address))
      return "no rule can name this peer: it is no known workload and has no known address";
    return "no single change does it";
  }

  // ---- what is allowed ----

  std::vector<Changes> ToDeny() const {
    std::vector<Changes> out;
    const auto isolate = NewPolicy(false);
    if (trace_.decided != nullptr && trace_.decided->tier == Tier::kNetworkPolicy) {
      const Changes narrowed = NarrowedNetworkPolicies();
      out.push_back(narrowed);
      if (!isolate) return out;
      out.push_back(narrowed);  // where all that isolate are in audit
      out.back().push_back(*isolate);
      return out;
    }
    if (trace_.decided != nullptr) {
      InsertRule(RuleAction::kDeny, &out);
      out.push_back({Narrowed(*trace_.decided, static_cast<size_t>(trace_.rule))});
    }
    if (isolate) out.push_back({*isolate});
    return out;
  }

  // The rules of every policy that allow this, from the last to the first: the places of those before stay what they are.
  Changes NarrowedNetworkPolicies() const {
    Changes out;
    for (const Policy* policy : trace_.isolating) {
      const std::vector<PolicyRule>& rules = policy->rules(direction_);
      for (size_t i = rules.size(); i-- > 0;) {
        if (RuleMatchesPeer(rules[i], *policy, peer_, question_) && RuleMatchesPort(rules[i], question_))
          out.push_back(Narrowed(*policy, i));
      }
    }
    return out;
  }

  // The rule without what matches, where that is one of several peers or ports; else no such rule.
  Change Narrowed(const Policy& policy, size_t index) const {
    const PolicyRule& rule = policy.rules(direction_)[index];
    const auto peer = Single(rule.peers, [&](const PolicyPeer& item) { return PeerMatches(item, policy, peer_, question_); });
    const auto port = Single(rule.ports, [&](const PolicyPort& item) { return PortMatches(item, question_); });
    Change change = Edit(What::kRemoveRule, policy, index);
    if (peer && rule.peers[*peer].ip_block && rule.peers[*peer].ip_block->cidr != Prefix::Host(*peer_.address)) {
      change.what = What::kExcept;
      change.item = *peer;
      change.part.peers.emplace_back().ip_block = IpBlock{Prefix::Host(*peer_.address), {}};
    } else if (peer && rule.peers.size() > 1) {
      change.what = What::kRemovePeer;
      change.item = *peer;
    } else if (port && rule.ports.size() > 1) {
      change.what = What::kRemovePort;
      change.item = *port;
    }
    return change;
  }

  // The place of the only one that matches; nullopt: none does, or several do.
  template <class Items, class Matches>
  static std::optional<size_t> Single(const Items& items, const Matches& matches) {
    const auto found = std::find_if(items.begin(), items.end(), matches);
    if (found == items.end() || std::any_of(found + 1, items.end(), matches)) return std::nullopt;
    return static_cast<size_t>(found - items.begin());
  }

  std::string NothingDenies() const {
    if (own_.kind == Party::Kind::kUnknown) return "no policy can select this side: it is no known workload";
    if (own_.kind != Party::Kind::kWorkload) return "no policy is about the host or the world";
    if (peer_.kind == Party::Kind::kHost && direction_ == Direction::kIngress && question_.options.allow_from_host)
      return "allow_from_host in the daemon's configuration lets the host in";
    return "no single change does it";
  }

  // ---- both ----

  // Before the rule that decided, for just this connection.
  void InsertRule(RuleAction action, std::vector<Changes>* out) const {
    const Policy& policy = *trace_.decided;
    const auto peer = PeerOf(peer_, policy.kind, direction_, own_.ns);
    if (!peer || policy.rules(direction_).size() >= MaxItems(policy.kind)) return;
    Change change = Edit(What::kInsertRule, policy, static_cast<size_t>(trace_.rule));
    change.part.action = action;
    change.part.peers.push_back(*peer);
    change.part.ports = Ports();
    out->push_back({change});
  }

  // A NetworkPolicy about this side that allows just this connection, or nothing.
  std::optional<Change> NewPolicy(bool allow) const {
    const auto peer = PeerOf(peer_, PolicyKind::kNetworkPolicy, direction_, own_.ns);
    if (own_.kind != Party::Kind::kWorkload || (allow && !peer)) return std::nullopt;
    Policy policy;
    policy.ns = own_.ns;
    policy.name = FreeName(absl::StrCat("isolate-", DirectionName(direction_)));
    policy.pod_selector = ServiceSelector(own_.labels);
    policy.isolates_ingress = direction_ == Direction::kIngress;
    policy.isolates_egress = direction_ == Direction::kEgress;
    if (allow) {
      PolicyRule rule;
      rule.peers.push_back(*peer);
      rule.ports = Ports();
      (policy.isolates_ingress ? policy.ingress : policy.egress).push_back(std::move(rule));
    }
    return Edit(What::kAddPolicy, policy, 0);
  }

  std::string FreeName(const std::string& wanted) const {
    std::string name = wanted;
    const auto taken = [&](const Policy& policy) {
      return policy.kind == PolicyKind::kNetworkPolicy && policy.ns == own_.ns && policy.name == name;
    };
    const std::vector<Policy>& policies = question_.documents->policies;
    for (int i = 2; std::any_of(policies.begin(), policies.end(), taken); ++i) name = absl::StrCat(wanted, "-", i);
    return name;
  }

  const Question& question_;
  const Direction direction_;
  const SideAnswer& answer_;
  const Trace& trace_;
  const Party& own_;
  const Party& peer_;
  PolicyDocuments about_own_;  // the others have no say, before or after a change
};

void ApplyToRules(const Change& change, std::vector<PolicyRule>* rules) {
  const auto at = [](auto& items, size_t index) { return items.begin() + static_cast<std::ptrdiff_t>(index); };
  switch (change.what) {
    case What::kInsertRule:
      rules->insert(at(*rules, change.rule), change.part);
      return;
    case What::kRemoveRule:
      rules->erase(at(*rules, change.rule));
      return;
    case What::kAddPolicy:
      return;
    default:
      break;
  }
  PolicyRule& rule = (*rules)[change.rule];
  switch (change.what) {
    case What::kAddPeer:
      rule.peers.push_back(change.part.peers[0]);
      return;
    case What::kAddPort:
      rule.ports.push_back(change.part.ports[0]);
      return;
    case What::kRemovePeer:
      rule.peers.erase(at(rule.peers, change.item));
      return;
    case What::kRemovePort:
      rule.ports.erase(at(rule.ports, change.item));
      return;
    default:
      rule.peers[change.item].ip_block->except.push_back(change.part.peers[0].ip_block->cidr);
      return;
  }
}

}  // namespace

Suggestion Suggest(const Question& question, Direction direction, const SideAnswer& answer, const Trace& trace) {
  return Suggester(question, direction, answer, trace).Best();
}

void Apply(const Change& change, PolicyDocuments* documents) {
  if (change.what == What::kAddPolicy) documents->policies.push_back(change.policy);
  for (Policy& policy : documents->policies) {
    if (change.what == What::kAddPolicy || PolicyRef(policy) != PolicyRef(change.policy)) continue;
    ApplyToRules(change, change.direction == Direction::kIngress ? &policy.ingress : &policy.egress);
  }
}

}  // namespace bulkhead
