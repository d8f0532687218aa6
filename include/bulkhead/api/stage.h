// SPDX-License-Identifier: Apache-2.0
// Wire types of a staged policy: a candidate that is judged beside the policy in force and decides nothing. Conventions: wire.h.
#ifndef BULKHEAD_API_STAGE_H_
#define BULKHEAD_API_STAGE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::api {

// Flows of which the candidate says something else than the policy in force.
struct StagedRow {
  std::string from, to, protocol;
  uint16_t port = 0;
  std::string peer;         // address of the side that is no workload
  std::string now, staged;  // verdicts
  std::string rule;         // of the candidate, that decides
  std::string position;     // FILE:LINE:COLUMN of it; may be empty
  uint64_t flows = 0;       // judged since it was staged; those that existed then, on their next packet
  uint64_t denied = 0;      // packets that the policy in force denied
  uint64_t last_seen_unix = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("peer", self.peer);
    visit("now", self.now);
    visit("staged", self.staged);
    visit("rule", self.rule);
    visit("position", self.position);
    visit("flows", self.flows);
    visit("denied", self.denied);
    visit("last_seen_unix", self.last_seen_unix);
  }
};

struct StageStatus {
  uint64_t generation = 0;            // of the policy in force
  uint64_t since_unix = 0;            // 0: nothing is staged
  std::vector<std::string> policies;  // that are staged: "shop/db", "cnp:guard"
  std::vector<StagedRow> changes;
  uint64_t same_flows = 0;  // judged alike by both

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation);
    visit("since_unix", self.since_unix);
    visit("policies", self.policies);
    visit("changes", self.changes);
    visit("same_flows", self.same_flows);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_STAGE_H_
