// SPDX-License-Identifier: Apache-2.0
// Replay: holds a draft against everything recorded: what that was answered would be denied, and what would be permitted that was never
// seen. Pure; any thread.
//
//   evidence of the asked time -> judged edge by edge -> permitted, rejected, apart
//   services and the world x services and the world x ports -> judged by subjects -> allowed, and of these escaped
#ifndef BULKHEAD_CONTROLPLANE_LEARN_REPLAY_H_
#define BULKHEAD_CONTROLPLANE_LEARN_REPLAY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/api/replay.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

inline constexpr size_t kMaxReplayRows = 1000;   // of each list in the answer
inline constexpr size_t kMaxReplayPorts = 4096;  // more ports than that are no services': those with most flows are taken

// Judges the evidence by the policies in force with those of the draft on top, in place of those of the same kind and name, as if
// everybody enforced. relations: what Sift made of all the evidence. since: Unix seconds, 0 = everything. kInvalidArgument,
// kResourceExhausted: the draft does not compile.
absl::StatusOr<api::Replay> ReplayHistory(const Evidence& evidence, const std::vector<Relation>& relations,
                                          const std::vector<Policy>& draft, const View& view, uint64_t since);

// The evidence of the time from `since` on: by windows where it has them.
Evidence Since(const Evidence& evidence, uint64_t since);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_REPLAY_H_
