// SPDX-License-Identifier: Apache-2.0
// Rules that let everybody do everything.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

// Everybody whom the rule matches, when that is everybody of some kind; "" when it is not.
std::string Crowd(const Rule& rule) {
  static const LabelSelector kEvery;
  Ends workloads;
  workloads.kind = Ends::Kind::kWorkloads;
  workloads.namespaces = &kEvery;
  const auto addresses = [&](uint8_t family) {
    Ends ends;
    ends.kind = Ends::Kind::kAddresses;
    ends.cidr.address.family = family;
    return Contains(rule.peers, {ends});
  };
  if (Contains(rule.peers, {Ends()})) return "everybody";
  if (addresses(4)) return addresses(6) ? "every address" : "every IPv4 address";
  if (addresses(6)) return "every IPv6 address";
  return Contains(rule.peers, {workloads}) ? "every workload of every namespace" : "";
}

std::string PortsText(const Rule& rule) {
  if (rule.ports.numbers == PortSet::All()) return "every port";
  return rule.ports.numbers.Contains(PortSet::OfProtocol(kProtoTcp)) ? "every TCP port" : "";
}

void CheckRule(Linter* linter, const Rule& rule) {
  if (rule.action() != RuleAction::kAccept || rule.peers.empty()) return;
  const std::string crowd = Crowd(rule), ports = PortsText(rule);
  if (crowd.empty() || ports.empty()) return;
  const bool ingress = rule.direction == Direction::kIngress;
  const std::string what =
      ingress ? absl::StrCat("lets ", crowd, " in on ", ports) : absl::StrCat("lets out to ", crowd, " on ", ports);
  Severity severity = Severity::kWarning;
  std::string why;
  switch (rule.tier()) {
    case Tier::kAdmin:
      severity = Severity::kError;
      why = "and no NetworkPolicy can take that back: name peers and ports, or use Pass to leave it to the NetworkPolicies";
      break;
    case Tier::kNetworkPolicy:
      why = absl::StrCat("so isolating ", DirectionName(rule.direction),
                         " protects nothing: name the peers and ports that are needed (`bulkhead learn propose` lists what was seen)");
      break;
    case Tier::kBaseline:
    case Tier::kDefault:
      severity = Severity::kInfo;
      why = "so no later Baseline rule is asked about that: name peers and ports, or remove the rule if that is what is meant";
      break;
  }
  linter->Add(*rule.policy, Of(rule, severity, "allow-all", rule.document->pos, absl::StrCat(RuleText(rule), " ", what, ", ", why)));
}

}  // namespace

void CheckAllowAll(Linter* linter) {
  for (const std::vector<Rule>& rules : linter->rules) {
    for (const Rule& rule : rules) CheckRule(linter, rule);
  }
}

}  // namespace bulkhead::lint
