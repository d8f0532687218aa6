// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/propose.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/learn/comments.h"
#include "controlplane/learn/coverage.h"
#include "controlplane/learn/dns.h"
#include "controlplane/learn/evidence_judge.h"
#include "controlplane/learn/outside.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/selectors.h"
#include "controlplane/learn/sift.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/validate.h"

namespace bulkhead::learn {
namespace {

constexpr size_t kMaxShownSetAside = 20;

struct Draft {
  ServiceName service;
  std::string why_not;  // no policy can be written
  Policy policy;
  PolicyComments comments;
  std::vector<const Relation*> set_aside;
  std::vector<const Relation*> from_host;
};

Node NodeFor(const ServiceName& service) { return {PartyKind::kService, service.first, service.second}; }

// An object's name from a service's, which may be any bytes; `taken` are those of the same namespace.
std::string ObjectName(const std::string& service, std::set<std::string>* taken) {
  constexpr size_t kMaxName = 200;
  std::string name;
  for (const char c : service.substr(0, kMaxName)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    name += fits ? lower : '-';
  }
  while (!name.empty() && name.front() == '-') name.erase(0, 1);
  while (!name.empty() && name.back() == '-') name.pop_back();
  if (name.empty()) name = "service";
  std::string unique = name;
  for (int i = 2; !taken->insert(unique).second; ++i) unique = absl::StrCat(name, "-", i);
  return unique;
}

std::string SetAsideLine(const Relation& relation, const Node& self) {
  const bool ingress = relation.destination == self;
  std::string line = absl::StrCat(ingress ? "from " : "to ", NodeText(ingress ? relation.source : relation.destination), " ",
                                  PortText(relation.protocol, relation.port), ": ", StandingReason(relation.standing), " (");
  std::vector<std::string> counts;
  const uint64_t answered = relation.answered + relation.answered_would_deny;
  if (answered > 0) counts.push_back(CountText(answered, "answered flow"));
  if (relation.quarantined > 0) counts.push_back(CountText(relation.quarantined, "answered flow") + " in quarantine");
  if (relation.unanswered > 0) counts.push_back(CountText(relation.unanswered, "unanswered flow"));
  if (relation.denied > 0) counts.push_back(CountText(relation.denied, "denied packet"));
  return absl::StrCat(line, absl::StrJoin(counts, ", "), ", ", SpanText(relation.first_seen, relation.last_seen), ")");
}

std::vector<std::string> Heading(const Draft& draft, const Coverage& coverage, const View& view) {
  const Node self = NodeFor(draft.service);
  std::vector<std::string> lines;
  lines.push_back(absl::StrCat(NodeText(self), ": covers ", coverage.covered, "/", coverage.answered, " answered flows; ",
                               draft.set_aside.size(), " set aside"));
  if (!draft.why_not.empty()) lines.push_back(absl::StrCat("No policy can be written for this service: ", draft.why_not));
  const auto add = [&lines](const std::vector<std::string>& more) { lines.insert(lines.end(), more.begin(), more.end()); };
  if (draft.why_not.empty()) {
    add(GroupingText());
    add(DnsText(view));
    add(ConfidenceRule());
  }
  for (const Relation* relation : draft.from_host) {
    lines.push_back(absl::StrCat("From the host ", PortText(relation->protocol, relation->port), ": ",
                                 CountText(relation->answered, "answered flow"),
                                 "; permitted by default (allow_from_host), no rule"));
  }
  if (!draft.set_aside.empty()) lines.push_back("Set aside for review, not permitted by this policy:");
  for (size_t i = 0; i < draft.set_aside.size() && i < kMaxShownSetAside; ++i) {
    lines.push_back(absl::StrCat("  ", SetAsideLine(*draft.set_aside[i], self)));
  }
  if (draft.set_aside.size() > kMaxShownSetAside) {
    lines.push_back(absl::StrCat("  and ", draft.set_aside.size() - kMaxShownSetAside, " more: see bulkhead learn edges"));
  }
  return lines;
}

std::set<IpAddress> WorkloadAddresses(const View& view) {
  std::set<IpAddress> out;
  for (const auto& [key, workload] : view.workloads) {
    for (const Endpoint& endpoint : workload.endpoints) out.insert(endpoint.addresses.begin(), endpoint.addresses.end());
  }
  return out;
}

std::map<IpAddress, std::set<std::string>> NamesByAddress(const Evidence& evidence) {
  std::map<IpAddress, std::set<std::string>> out;
  for (const AddressName& known : evidence.names) out[known.address].insert(known.name);
  return out;
}

Draft MakeDraft(const ServiceName& service, const std::vector<Relation>& relations, const Surroundings& surroundings,
                std::set<std::string>* taken) {
  Draft draft;
  draft.service = service;
  const Node self = NodeFor(service);
  for (const Relation& relation : relations) {
    if (relation.source != self && relation.destination != self) continue;
    if (IsSetAside(relation.standing)) draft.set_aside.push_back(&relation);
    if (relation.standing == Standing::kNeedsNoRule) draft.from_host.push_back(&relation);
  }
  draft.why_not = WhyNotSelectable(service, surroundings.selectors.at(service));
  if (!draft.why_not.empty()) return draft;
  Policy& policy = draft.policy;
  policy.ns = service.first;
  policy.name = ObjectName(service.second, taken);
  policy.pod_selector = surroundings.selectors.at(service);
  policy.isolates_ingress = policy.isolates_egress = true;
  Rules ingress = MakeRules(relations, service, Direction::kIngress, surroundings);
  Rules egress = MakeRules(relations, service, Direction::kEgress, surroundings);
  policy.ingress = std::move(ingress.rules);
  policy.egress = std::move(egress.rules);
  const auto note = [&draft](Direction direction, Rules* rules) {
    for (size_t i = 0; i < rules->comments.size(); ++i) draft.comments.rules[{direction, i}] = std::move(rules->comments[i]);
  };
  note(Direction::kIngress, &ingress);
  note(Direction::kEgress, &egress);
  return draft;
}

// What was written, read again: coverage is of the text that people get, not of what it was made from.
absl::StatusOr<std::vector<Policy>> Reparse(const std::vector<Draft>& drafts) {
  std::vector<Policy> out;
  for (const Draft& draft : drafts) {
    if (!draft.why_not.empty()) continue;
    PolicyFile file = ParsePolicies(PrintPolicy(draft.policy, draft.comments), "proposal");
    if (!file.errors.empty()) {
      return absl::InternalError(
          absl::StrCat("the proposal for ", NodeText(NodeFor(draft.service)), " does not parse: ", file.errors.front()));
    }
    for (Policy& policy : file.documents.policies) out.push_back(std::move(policy));
  }
  return out;
}

std::string Text(Draft* draft, const Coverage& coverage, const View& view) {
  std::vector<std::string> heading = Heading(*draft, coverage, view);
  if (!draft->why_not.empty()) return absl::StrCat("# ", absl::StrJoin(heading, "\n# "), "\n");
  draft->comments.policy = std::move(heading);
  return PrintPolicy(draft->policy, draft->comments);
}

// A bare word is a namespace if there is one of that name, else the only service of that name.
absl::StatusOr<std::string> WholeScope(std::string_view scope, const std::set<ServiceName>& services) {
  std::vector<std::string> named;
  for (const auto& [ns, service] : services) {
    if (ns == scope) return std::string(scope);
    if (service == scope) named.push_back(absl::StrCat(ns, "/", service));
  }
  if (named.size() <= 1) return named.empty() ? std::string(scope) : named.front();
  return absl::InvalidArgumentError(absl::StrCat("\"", Printable(scope), "\" could be ", absl::StrJoin(named, ", ")));
}

std::set<ServiceName> ServicesOf(const std::vector<Relation>& relations) {
  std::set<ServiceName> out;
  for (const Relation& relation : relations) {
    for (const Node* node : {&relation.source, &relation.destination}) {
      if (node->IsService()) out.insert({node->ns, node->service});
    }
  }
  return out;
}

// No rule on either end for what one end cannot name.
void SetAsideNameless(const Selectors& selectors, std::vector<Relation>* relations) {
  for (Relation& relation : *relations) {
    for (const Node* node : {&relation.source, &relation.destination}) {
      if (!node->IsService() || relation.standing != Standing::kSupports) continue;
      const ServiceName service(node->ns, node->service);
      if (!WhyNotSelectable(service, selectors.at(service)).empty()) relation.standing = Standing::kNoName;
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<Proposal>> Propose(const Evidence& evidence, std::string_view scope, const View& view) {
  const Surroundings surroundings{SelectServices(TakeCensus(evidence, view)), HostAddresses(view), WorkloadAddresses(view), NamesByAddress(evidence)};
  std::vector<Relation> relations = Sift(evidence);
  const std::set<ServiceName> services = ServicesOf(relations);
  const absl::StatusOr<std::string> whole = WholeScope(scope, services);
  if (!whole.ok()) return whole.status();
  AddResolvers(view, services, &relations);
  SetAsideNameless(surroundings.selectors, &relations);
  std::vector<Draft> drafts;
  std::map<std::string, std::set<std::string>> taken;
  for (const ServiceName& service : services) drafts.push_back(MakeDraft(service, relations, surroundings, &taken[service.first]));
  const auto policies = Reparse(drafts);
  if (!policies.ok()) return policies.status();
  auto coverage = Cover(evidence, *policies, view);
  if (!coverage.ok()) return coverage.status();

  std::vector<Proposal> out;
  for (Draft& draft : drafts) {
    if (!InScope(*whole, NodeFor(draft.service))) continue;
    const Coverage& mine = (*coverage)[draft.service];
    out.push_back({draft.service.first, draft.service.second, Text(&draft, mine, view), mine.answered, mine.covered,
                   draft.set_aside.size()});
  }
  if (!out.empty()) return out;
  return NothingSeen(scope);
}

}  // namespace bulkhead::learn
