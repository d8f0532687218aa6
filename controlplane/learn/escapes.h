// SPDX-License-Identifier: Apache-2.0
// Escapes: what policy permits between the services that were seen, and between each of them and the world, and nobody was seen to use.
// Pure; any thread.
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
#include "controlplane/learn/tried_ports.h"

namespace bulkhead::learn {

using UseKey = std::tuple<ServiceName, ServiceName, uint8_t, uint16_t>;  // from, to

// Stands for everybody outside; no service is without a namespace.
inline const ServiceName kWorldName = {"", "world"};

struct Escape {
  ServiceName source, destination;
  std::vector<PortKey> ports;
};

struct PairCounts {
  uint64_t possible = 0, allowed = 0, escaped = 0;
};

struct Escapes {
  PairCounts total;
  std::map<ServiceName, PairCounts> services;  // on either side; the world is none
  std::vector<Escape> pairs;                   // the widest first, then by names; at most `most`
};

// Permitted: on some subject of the one to some of the other; a subject of the world is a set of addresses that rules tell apart.
// used: what was answered.
Escapes FindEscapes(const Evidence& evidence, const EvidenceJudge& judge, const std::set<ServiceName>& services,
                    const std::set<PortKey>& ports, const std::set<UseKey>& used, size_t most);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_ESCAPES_H_
