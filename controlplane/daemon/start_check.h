// SPDX-License-Identifier: Apache-2.0
// `bulkheadd --check`. Thread safety: plain functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_START_CHECK_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_START_CHECK_H_

#include <string>

#include "controlplane/config/config.h"
#include "controlplane/daemon/daemon.h"
#include "dataplane/ebpf/start_report.h"

namespace bulkhead {

std::string StartText(const StartReport& report);
std::string StartJson(const StartReport& report);

// Prints what a start would do; the exit status: 0: nothing that matters, 1: something, or it would be refused; 2: cannot be told.
int PrintStartCheck(const Config& config, const StartOptions& start, bool json);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_START_CHECK_H_
