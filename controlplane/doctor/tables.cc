// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/tables.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/ebpf/census.h"
#include "dataplane/ebpf/loader.h"

namespace bulkhead::doctor {
namespace {

constexpr uint64_t kWarnPercent = 80, kFailPercent = 98;

std::string FillText(const TableFill& table) {
  return absl::StrCat(table.table, " ", table.used, "/", table.capacity, " (", table.used * 100 / std::max<uint64_t>(table.capacity, 1), "%)");
}

void CheckLayout(const TableFacts& facts, Findings* findings) {
  constexpr char kCheck[] = "map layout";
  const bool has = std::find(facts.layouts.begin(), facts.layouts.end(), facts.wanted) != facts.layouts.end();
  if (facts.layouts.empty()) {
    findings->Warn(kCheck, "nothing is pinned: nothing is enforced", "start bulkheadd");
  } else if (!has) {
    findings->Warn(kCheck, absl::StrCat(absl::StrJoin(facts.layouts, ", "), "; this build's is ", facts.wanted),
                   "start this build's bulkheadd, or use the bulkhead that belongs to the one that runs");
  } else if (facts.layouts.size() > 1) {
    findings->Warn(kCheck, absl::StrCat(absl::StrJoin(facts.layouts, ", "), ": one of an earlier build is left"),
                   "restart bulkheadd: it clears up");
  } else {
    findings->Ok(kCheck, facts.wanted);
  }
}

}  // namespace

TableFacts ReadTables(const Config& config) {
  TableFacts facts;
  facts.wanted = std::filesystem::path(PinBase(config.pin_root)).filename().string();
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(config.pin_root, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    facts.layouts.push_back(at->path().filename().string());
  }
  std::sort(facts.layouts.begin(), facts.layouts.end());
  facts.fills = CountTables(config.pin_root);
  return facts;
}

void CheckTables(const TableFacts& facts, Findings* findings) {
  CheckLayout(facts, findings);
  constexpr char kCheck[] = "table fill";
  if (!facts.fills.ok()) {
    if (std::find(facts.layouts.begin(), facts.layouts.end(), facts.wanted) != facts.layouts.end()) {
      findings->Fail(kCheck, std::string(facts.fills.status().message()), "run as root; if it stays so: bulkhead uninstall, then start bulkheadd");
    }
    return;
  }
  const TableFill* fullest = nullptr;
  for (const TableFill& table : *facts.fills) {
    if (table.gives_way || table.capacity == 0) continue;
    const uint64_t percent = table.used * 100 / table.capacity;
    if (fullest == nullptr || percent > fullest->used * 100 / fullest->capacity) fullest = &table;
    const bool flows = table.table.starts_with("flows_");
    const std::string advice = flows ? "set flow_table_entries higher and run bulkhead uninstall before the next start; see bulkhead top for who opens so many"
                                     : "see bulkhead top for who causes them; fewer workloads or rules with ports of their own";
    if (percent >= kFailPercent) {
      findings->Fail(kCheck, absl::StrCat(FillText(table), ": nothing new finds room"), advice);
    } else if (percent >= kWarnPercent) {
      findings->Warn(kCheck, FillText(table), advice);
    }
  }
  if (fullest != nullptr && fullest->used * 100 < fullest->capacity * kWarnPercent) {
    findings->Ok(kCheck, absl::StrCat("fullest: ", FillText(*fullest)));
  }
}

}  // namespace bulkhead::doctor
