// SPDX-License-Identifier: Apache-2.0
// Tried ports: on which ports a draft is tried for what it permits beyond what was seen. History alone does not do: what a draft opens
// and nobody ever used is on none of its ports. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_TRIED_PORTS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_TRIED_PORTS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"

namespace bulkhead::learn {

using PortKey = std::pair<uint8_t, uint16_t>;  // protocol, port

inline constexpr size_t kMaxNamedPorts = 1024;  // of those that policies name; the lowest are taken

// `seen`, and what rules that accept name: ports, both ends of ranges, and the numbers that a port's name has on workloads that are here.
// A rule for all ports of a protocol (without any ports: of TCP and UDP) is tried on one that is in neither: the lowest.
std::set<PortKey> TriedPorts(std::set<PortKey> seen, const PolicyDocuments& documents, const View& view);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_TRIED_PORTS_H_
