// SPDX-License-Identifier: Apache-2.0
// What lint found, as it travels and as people read it: the same for a live daemon and for files. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_LINT_ANSWER_H_
#define BULKHEAD_CONTROLPLANE_API_LINT_ANSWER_H_

#include <string>
#include <vector>

#include "bulkhead/api/lint.h"
#include "controlplane/lint/lint.h"

namespace bulkhead::api {

// world null: it was judged without one.
LintAnswer MakeLintAnswer(const lint::Report& report, const PolicyDocuments& documents, const lint::LintWorld* world);

// Leaves out the findings below that severity; the counts stay.
void KeepFrom(lint::Severity severity, LintAnswer* answer);
// Of that severity or above, all that were found.
uint64_t CountFrom(lint::Severity severity, const LintAnswer& answer);

// "FILE:LINE:COLUMN: warning: MESSAGE [check]" for each finding, then a line of counts.
std::vector<std::string> LintLines(const LintAnswer& answer);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_LINT_ANSWER_H_
