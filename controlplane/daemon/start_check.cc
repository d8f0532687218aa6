// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/start_check.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/daemon/start_checks.h"
#include "nlohmann/json.hpp"

namespace bulkhead {
namespace {

std::string FirstLine(const StartReport& report) {
  switch (report.kind) {
    case StartKind::kNew: return "nothing of Bulkhead is in the kernel: a start makes a new dataplane";
    case StartKind::kAdopt: return absl::StrCat("a start takes over what is there, of this build's layout (", report.layout, ")");
    case StartKind::kUpgrade:
      return absl::StrCat("a start moves from layout ", report.from, " to ", report.layout,
                          ": the programs that are there judge until every source has listed its workloads, then each is replaced in place");
    case StartKind::kReset:
      return report.from == 0 ? "there is nothing to reset: a start makes a new dataplane"
                              : absl::StrCat("a start with --reset carries nothing over from layout ", report.from,
                                             ": connections are judged anew, counters begin at 0");
  }
  return "";
}

std::string FlowsLine(const StartReport& report) {
  if (report.kind != StartKind::kUpgrade) return "";
  return report.flows_carried ? "flows are kept\n"
                              : "flows are not kept: TCP connections go on where policy allows them, others begin anew\n";
}

}  // namespace

std::string StartText(const StartReport& report) {
  if (!report.refused.empty()) return absl::StrCat("a start would be refused: ", report.refused, "\n");
  std::string out = absl::StrCat(FirstLine(report), "\n", FlowsLine(report));
  if (!report.carried.empty()) absl::StrAppend(&out, "maps that are used on: ", absl::StrJoin(report.carried, ", "), "\n");
  if (report.interfaces != 0) absl::StrAppend(&out, "interfaces with programs: ", report.interfaces, "\n");
  if (report.other_build != 0) absl::StrAppend(&out, "of these with programs of another build, to be replaced: ", report.other_build, "\n");
  for (const std::string& sentence : report.wrong) absl::StrAppend(&out, "to be put right: ", sentence, "\n");
  return out;
}

std::string StartJson(const StartReport& report) {
  const nlohmann::ordered_json out = {{"start", report.refused.empty() ? StartKindName(report.kind) : "refused"},
                                      {"refused", report.refused},
                                      {"layout", report.layout},
                                      {"from", report.from},
                                      {"changes", report.Changes()},
                                      {"interfaces", report.interfaces},
                                      {"other_build", report.other_build},
                                      {"wrong", report.wrong},
                                      {"flows_carried", report.flows_carried},
                                      {"carried", report.carried}};
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int PrintStartCheck(const Config& config, const StartOptions& start, bool json) {
  absl::Status status = CheckRights();
  absl::StatusOr<StartReport> report = status.ok() ? ReportStart(EbpfOptionsOf(config, start)) : status;
  if (!report.ok()) {
    std::fprintf(stderr, "bulkheadd: %s\n", std::string(report.status().message()).c_str());
    return 2;
  }
  std::fputs((json ? StartJson(*report) : StartText(*report)).c_str(), stdout);
  return report->Changes() ? 1 : 0;
}

}  // namespace bulkhead
