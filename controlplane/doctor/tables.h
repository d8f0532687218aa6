// SPDX-License-Identifier: Apache-2.0
// The pinned maps: which layout, and how full. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_TABLES_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_TABLES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/table_fill.h"
#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct TableFacts {
  std::vector<std::string> layouts;  // that are pinned: "v5"
  std::string wanted;                // this build's
  absl::StatusOr<std::vector<TableFill>> fills;
};

TableFacts ReadTables(const Config& config);
void CheckTables(const TableFacts& facts, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_TABLES_H_
