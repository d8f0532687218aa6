// SPDX-License-Identifier: Apache-2.0
// Comments: what people read above a rule and above a policy. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_COMMENTS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_COMMENTS_H_

#include <set>
#include <string>
#include <vector>

#include "controlplane/learn/outside.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

inline const Node& Other(const Relation& relation, Direction direction) {
  return direction == Direction::kIngress ? relation.source : relation.destination;
}

std::vector<OutsideBlock> BlocksOf(const Relation& relation, const std::set<IpAddress>& workloads);

// What "confidence" means above a rule.
std::vector<std::string> ConfidenceRule();

// What supports one peer on one port: one line, and one more for each block of peers outside.
void AddEvidence(const Relation& relation, Direction direction, const Surroundings& surroundings, std::vector<std::string>* out);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_COMMENTS_H_
