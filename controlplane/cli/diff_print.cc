// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/diff_print.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bulkhead/api/paths.h"
#include "controlplane/api/client.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

Cell VerdictCell(const api::DiffVerdict& verdict, bool with_modes) {
  if (verdict.verdict == "allow") return {"allowed", Colour::kGreen};
  if (verdict.verdict == "audit") return {"would be denied, policy in audit", Colour::kYellow};
  if (!with_modes) return {"denied", Colour::kRed};
  if (verdict.effect == "dropped") return {"denied, enforced", Colour::kRed};
  return {verdict.effect == "reported" ? "would be denied, audit" : "would be denied, learn", Colour::kYellow};
}

std::string RuleCell(const api::DiffVerdict& verdict) {
  std::string text = verdict.policy.empty() ? verdict.rule : absl::StrCat(verdict.policy, " ", verdict.rule);
  if (!verdict.position.empty()) absl::StrAppend(&text, " ", verdict.position);
  return text;
}

std::string Count(uint64_t count, const char* one, const char* many) { return absl::StrCat(count, " ", count == 1 ? one : many); }

}  // namespace

void PrintDiff(const api::Diff& diff, bool with_modes) {
  if (!diff.rows.empty() || !diff.rule_rows.empty()) {
    Table table({"FROM", "TO", "PORT", "BEFORE", "AFTER", "RULE-BEFORE", "RULE-AFTER"});
    for (const auto* rows : {&diff.rows, &diff.rule_rows}) {
      for (const api::DiffRow& row : *rows) {
        table.Add({row.from, row.to, row.ports.text, VerdictCell(row.before, with_modes), VerdictCell(row.after, with_modes),
                   RuleCell(row.before), RuleCell(row.after)});
      }
    }
  }
  const uint64_t changed = diff.denied + diff.allowed + diff.others;
  if (changed > diff.rows.size())
    std::printf("... and %s (--all shows them)\n", Count(changed - diff.rows.size(), "more row", "more rows").c_str());
  std::vector<std::string> parts;
  if (diff.denied > 0) parts.push_back(absl::StrCat(diff.denied, " denied from now on"));
  if (diff.allowed > 0) parts.push_back(absl::StrCat(diff.allowed, " allowed from now on"));
  if (diff.others > 0) parts.push_back(absl::StrCat(diff.others, " with another effect"));
  std::string line =
      changed == 0 ? "no verdict changes" : absl::StrCat(Count(changed, "change", "changes"), ": ", absl::StrJoin(parts, ", "));
  if (diff.rule_changes > 0) {
    absl::StrAppend(&line, "; ", Count(diff.rule_changes, "verdict stays", "verdicts stay"), " the same by another rule",
                    diff.rule_rows.empty() ? " (--verbose shows them)" : "");
  }
  std::printf("%s\n", line.c_str());
}

absl::StatusOr<api::LiveDiff> AskDiff(const Globals& globals, const api::LiveDiffRequest& request) {
  api::ApiClient client(globals.socket);
  return client.Send<api::LiveDiff>("POST", api::kDiffPath, request);
}

void PrintLiveDiff(const api::LiveDiff& live) {
  PrintDiff(live.diff, true);
  if (!live.cut.empty()) {
    std::printf("\n");
    Table table({"CUT", "TO", "PORT", "FROM-ADDRESS", "TO-ADDRESS", "BYTES", "RULE"});
    for (const api::CutFlow& flow : live.cut) {
      table.Add({{flow.from, Colour::kRed}, flow.to, PortText(flow.port, flow.protocol), flow.from_address, flow.to_address,
                 SizeText(flow.bytes), flow.position.empty() ? flow.rule : absl::StrCat(flow.rule, " ", flow.position)});
    }
  }
  std::printf("%s of %llu would be cut\n", Count(live.cut_flows, "live flow", "live flows").c_str(),
              static_cast<unsigned long long>(live.live_flows));
  std::printf("%s of %llu would get another verdict; %s of those that would be denied\n",
              Count(live.changed_edges, "recorded edge", "recorded edges").c_str(), static_cast<unsigned long long>(live.edges),
              Count(live.denied_answered, "answered flow is", "answered flows are").c_str());
}

}  // namespace bulkhead::cli
