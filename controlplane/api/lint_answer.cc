// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/lint_answer.h"

#include "absl/strings/str_cat.h"

namespace bulkhead::api {
namespace {

LintPlace PlaceOf(const SourcePos& pos) { return {pos.file, pos.line, pos.column}; }

LintWitness WitnessOf(const lint::Witness& witness) {
  const auto text = [](const std::optional<IpAddress>& address) { return address ? address->ToString() : ""; };
  return {witness.from,
          witness.to,
          text(witness.source),
          text(witness.destination),
          ProtocolName(witness.protocol),
          HasPorts(witness.protocol) ? witness.port : uint16_t{0},
          witness.Text()};
}

std::string CountOf(uint64_t count, const char* one, const char* more) { return absl::StrCat(count, " ", count == 1 ? one : more); }

}  // namespace

LintAnswer MakeLintAnswer(const lint::Report& report, const PolicyDocuments& documents, const lint::LintWorld* world) {
  LintAnswer answer;
  answer.policies = documents.policies.size();
  answer.world = world != nullptr;
  if (world != nullptr) answer.workloads = world->workloads.size();
  const auto count = [&](lint::Severity severity) { return report.counts[static_cast<size_t>(severity)]; };
  answer.errors = count(lint::Severity::kError);
  answer.warnings = count(lint::Severity::kWarning);
  answer.infos = count(lint::Severity::kInfo);
  answer.omitted = report.omitted();
  for (const lint::Finding& finding : report.findings) {
    LintFinding& out = answer.findings.emplace_back();
    out.severity = SeverityName(finding.severity);
    out.check = finding.check;
    out.policy = finding.policy;
    out.rule = finding.rule;
    out.file = finding.pos.file;
    out.line = finding.pos.line;
    out.column = finding.pos.column;
    out.message = finding.message;
    if (finding.related) out.related = PlaceOf(*finding.related);
    if (finding.witness) out.witness = WitnessOf(*finding.witness);
  }
  return answer;
}

void KeepFrom(lint::Severity severity, LintAnswer* answer) {
  std::erase_if(answer->findings, [&](const LintFinding& finding) {
    return lint::ParseSeverity(finding.severity).value_or(lint::Severity::kError) < severity;
  });
}

uint64_t CountFrom(lint::Severity severity, const LintAnswer& answer) {
  uint64_t count = answer.errors;
  if (severity <= lint::Severity::kWarning) count += answer.warnings;
  if (severity <= lint::Severity::kInfo) count += answer.infos;
  return count;
}

std::vector<std::string> LintLines(const LintAnswer& answer) {
  std::vector<std::string> lines;
  for (const LintFinding& finding : answer.findings) {
    const std::string where = finding.line == 0 ? "" : absl::StrCat(finding.file, ":", finding.line, ":", finding.column, ": ");
    lines.push_back(absl::StrCat(where, finding.severity, ": ", finding.message, " [", finding.check, "]"));
  }
  std::string summary = absl::StrCat(CountOf(answer.policies, "policy", "policies"), ": ", CountOf(answer.errors, "error", "errors"), ", ",
                                     CountOf(answer.warnings, "warning", "warnings"), ", ", CountOf(answer.infos, "info", "infos"));
  if (answer.omitted > 0) absl::StrAppend(&summary, " (", answer.omitted, " more than are listed)");
  absl::StrAppend(&summary, answer.world ? absl::StrCat("; judged with ", CountOf(answer.workloads, "workload", "workloads"))
                                         : "; judged without workloads: an inventory shows more");
  lines.push_back(std::move(summary));
  return lines;
}

}  // namespace bulkhead::api
