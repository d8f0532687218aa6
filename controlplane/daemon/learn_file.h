// SPDX-License-Identifier: Apache-2.0
// OpenLearner: the learner's own file, learn.db beside the store's. SQLite has one writer at a time for each file: what the control
// thread stores before a container may start must not wait for thousands of edges that are being written down.
//
// Thread safety: plain functions, at the start.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_LEARN_FILE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_LEARN_FILE_H_

#include <memory>
#include <string>

#include "controlplane/learn/learner.h"

namespace bulkhead {

std::string LearnFile(const std::string& store_file);

// store_file: empty = nothing is remembered. A learner that cannot be had costs the proposals, not the enforcement: then nullptr,
// `problem` is a sentence for `status`, and there is a line in the log. A damaged file is moved aside to PATH.bad, or PATH.bad.2 and so
// on. One of a newer version stays as it is, with what people decided in it: nothing is learned until that version is back or somebody
// moves the file. Evidence that the store's file holds, as it once did, comes along.
std::unique_ptr<Learner> OpenLearner(const std::string& store_file, const LearnLimits& limits, std::string* problem);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_LEARN_FILE_H_
