// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/direction.h"

#include <algorithm>

namespace bulkhead::learn {

Directions::Directions(const Evidence& evidence, const std::vector<Relation>& relations) {
  for (const ListeningPort& listener : evidence.listeners) {
    uint64_t& windows = listening_[NodeOf(evidence.parties[listener.party])][{listener.protocol, listener.port}];
    windows = std::max(windows, listener.windows);
  }
  for (const Relation& relation : relations) {
    if (relation.answered + relation.answered_would_deny == 0) continue;
    const Pair pair{relation.source, relation.destination, relation.protocol};
    if (relation.port < kFirstClientPort) {
      low_ports_.insert(pair);
    } else {
      ++high_ports_[pair];
    }
  }
}

Standing Directions::OfHighPort(const Relation& relation, bool reversed) const {
  const auto node = listening_.find(relation.destination);
  if (node != listening_.end()) {
    const auto port = node->second.find({relation.protocol, relation.port});
    const bool lasting = port != node->second.end() && port->second >= kServicePortWindows;
    // A client's unconnected UDP socket looks like a listening one; what its peer answers it is then this relation.
    if (lasting && !(reversed && relation.protocol == kProtoUdp)) return Standing::kSupports;
    return reversed || relation.protocol == kProtoUdp ? Standing::kClientPort : Standing::kUndecided;
  }
  const auto ports = high_ports_.find({relation.source, relation.destination, relation.protocol});
  const bool one_of_several = ports != high_ports_.end() && ports->second > 1;
  if (reversed || (one_of_several && relation.answered < kServicePortFlows)) return Standing::kClientPort;
  return relation.protocol == kProtoUdp ? Standing::kUndecided : Standing::kSupports;
}

Standing Directions::Of(const Relation& relation) const {
  const bool reversed = low_ports_.contains({relation.destination, relation.source, relation.protocol});
  if (relation.port >= kFirstClientPort) return OfHighPort(relation, reversed);
  if (relation.protocol != kProtoUdp) return Standing::kSupports;
  const auto node = listening_.find(relation.destination);
  if (node == listening_.end()) return Standing::kSupports;
  return node->second.contains({relation.protocol, relation.port}) ? Standing::kSupports : Standing::kUndecided;
}

}  // namespace bulkhead::learn
