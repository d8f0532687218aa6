// SPDX-License-Identifier: Apache-2.0
// Escapes: what policy permits between the services that were seen, on the ports that were seen, and nobody was seen to use. Pure; any
// thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_ESCAPES_H_
#define BULKHEAD_CONTROLPLANE_LEARN_ESCAPES_H_

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/learn/evidence_judge.h"

namespace bulkhead::learn {

using PortKey = std::pair<uint8_t, uint16_t>;                        // protocol, port
using UseKey = std::tuple<ServiceName, ServiceName, uint8_t, uint16_t>;  // from, to

struct Escape {
  ServiceName source, destination;
  std::vector<PortKey> ports;
};

struct PairCounts {
  uint64_t possible = 0, allowed = 0, escaped = 0;
};

struct Escapes {
  PairCounts total;
  std::map<ServiceName, PairCounts> services;  // on either side
  std::vector<Escape> pairs;                   // the widest first, then by names; at most `most`
};

// Permitted: on some subject of the one service to some of the other. used: what was answered.
Escapes FindEscapes(const Evidence& evidence, const EvidenceJudge& judge, const std::set<ServiceName>& services,
                    const std::set<PortKey>& ports, const std::set<UseKey>& used, size_t most);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_ESCAPES_H_
