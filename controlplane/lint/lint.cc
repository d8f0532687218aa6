// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/lint.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/checks.h"

namespace bulkhead::lint {
namespace {

Rule RuleOf(const compile::Plan& plan, uint32_t policy, Direction direction, size_t index) {
  const compile::PlanPolicy& planned = plan.policies[policy];
  const auto d = static_cast<size_t>(direction);
  Rule rule;
  rule.policy = planned.document;
  rule.plan = &plan.rules[d][planned.rules[d][index]];
  rule.document = rule.plan->rule;
  rule.direction = direction;
  rule.policy_index = policy;
  rule.index = index;
  rule.subject = SubjectEnds(*rule.policy);
  rule.peers = RuleEnds(*rule.policy, *rule.document);
  rule.ports = RulePorts::Of(rule.document->ports);
  return rule;
}

}  // namespace

const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kWarning: return "warning";
    case Severity::kError: return "error";
  }
  return "";
}

std::optional<Severity> ParseSeverity(std::string_view name) {
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kError}) {
    if (name == SeverityName(severity)) return severity;
  }
  return std::nullopt;
}

std::string Witness::Text() const { return absl::StrCat(from, " -> ", to, " ", PortText(protocol, port)); }

LintWorld WorldOf(const Inventory& inventory) {
  LintWorld world;
  world.namespaces = inventory.namespaces;
  world.nodes = inventory.nodes;
  for (const InventoryWorkload& workload : inventory.workloads) {
    world.workloads.push_back({absl::StrCat(workload.ns, "/", workload.name), workload.ns, workload.labels, workload.addresses,
                               workload.named_ports, workload.host_network, ""});
  }
  return world;
}

Linter::Linter(const PolicyDocuments& all, const LintWorld* living, const Options& how)
    : documents(all), world(living), options(how) {
  std::vector<RuleInfo> infos;
  plan = compile::MakePlan(documents, &infos);
  if (world) facts = Facts::Make(*world, &plan);
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto d = static_cast<size_t>(direction);
    for (uint32_t policy = 0; policy < plan.policies.size(); ++policy) {
      for (size_t i = 0; i < plan.policies[policy].rules[d].size(); ++i) rules[d].push_back(RuleOf(plan, policy, direction, i));
    }
  }
}

void Linter::Add(const Policy& policy, Finding finding) {
  if (About(policy)) findings_.push_back(std::move(finding));
}

void Linter::AddIncomplete(const char* check) {
  Finding finding;
  finding.severity = Severity::kInfo;
  finding.check = check;
  finding.message = "there is too much to compare: only the first part was judged";
  findings_.push_back(std::move(finding));
}

Report Linter::Take() {
  Report report;
  for (const Finding& finding : findings_) ++report.counts[static_cast<size_t>(finding.severity)];
  const auto place = [](const Finding& f) { return std::tie(f.pos, f.check, f.policy, f.rule, f.message); };
  if (findings_.size() > kMaxFindings) {
    std::sort(findings_.begin(), findings_.end(), [&](const Finding& a, const Finding& b) {
      return a.severity != b.severity ? a.severity > b.severity : place(a) < place(b);
    });
    findings_.resize(kMaxFindings);
  }
  std::sort(findings_.begin(), findings_.end(), [&](const Finding& a, const Finding& b) { return place(a) < place(b); });
  report.findings = std::move(findings_);
  return report;
}

Finding Of(const Policy& policy, Severity severity, const char* check, const SourcePos& pos, std::string message) {
  return {severity, check, PolicyRef(policy), "", pos, std::move(message), std::nullopt, std::nullopt};
}

Finding Of(const Rule& rule, Severity severity, const char* check, const SourcePos& pos, std::string message) {
  Finding finding = Of(*rule.policy, severity, check, pos, std::move(message));
  finding.rule = absl::StrCat(DirectionName(rule.direction), "[", rule.index, "]");
  return finding;
}

std::string RuleText(const Rule& rule) {
  return absl::StrCat(PolicyRef(*rule.policy), " ", DirectionName(rule.direction), "[", rule.index, "]");
}

std::string RuleWithPlace(const Rule& rule) { return absl::StrCat(RuleText(rule), " (", rule.document->pos.ToString(), ")"); }

std::string PeerText(const Rule& rule, size_t peer) {
  return absl::StrCat(rule.direction == Direction::kIngress ? ".from[" : ".to[", peer, "]");
}

std::string RulesWithPlaces(const std::vector<const Rule*>& rules) {
  std::vector<std::string> parts;
  for (const Rule* rule : rules) parts.push_back(RuleWithPlace(*rule));
  return ListText(parts, 3);
}

std::string ListText(const std::vector<std::string>& parts, size_t most) {
  std::string out;
  const size_t shown = parts.size() > most ? most - 1 : parts.size();
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ", parts[i]);
  }
  if (shown < parts.size()) absl::StrAppend(&out, " and ", parts.size() - shown, " more");
  return out;
}

Report Lint(const PolicyDocuments& documents, const LintWorld* world, const Options& options) {
  Linter linter(documents, world, options);
  CheckDocuments(&linter);
  CheckAllowAll(&linter);
  CheckNobody(&linter);
  CheckCover(&linter);
  CheckTiers(&linter);
  CheckConflicts(&linter);
  CheckDns(&linter);
  return linter.Take();
}

}  // namespace bulkhead::lint
