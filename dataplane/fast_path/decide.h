// SPDX-License-Identifier: Apache-2.0
// Whether packets between two workloads of a bridge may go past it. Pure functions; any thread.
#ifndef BULKHEAD_DATAPLANE_FAST_PATH_DECIDE_H_
#define BULKHEAD_DATAPLANE_FAST_PATH_DECIDE_H_

#include <cstdint>
#include <set>
#include <string>

#include "dataplane/fast_path/facts.h"

namespace bulkhead::fast_path {

// Why not, in words for people; empty: they may, where a port forwards. endpoints: the ports (ifindexes) of the workloads; all of them
// decide.
//
// Rules of netfilter count only when they could refuse, change or report a packet of a flow whose first packets in both directions have
// passed them. Network address translation cannot: such a flow is none that goes past the bridge (bpf/fast_path.h). The engines' own
// chains are known by their names: what they do to packets within one bridge they do to a flow's first packet.
std::string WhyNot(const Facts& facts, uint32_t bridge, const std::set<uint32_t>& endpoints);

}  // namespace bulkhead::fast_path

#endif  // BULKHEAD_DATAPLANE_FAST_PATH_DECIDE_H_
