// SPDX-License-Identifier: Apache-2.0
// Direction: whether the port of a relation is its destination's service, by listening sockets and port ranges. See sift.h, 3.
// Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_DIRECTION_H_
#define BULKHEAD_CONTROLPLANE_LEARN_DIRECTION_H_

#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

class Directions {
 public:
  // Relations must have their answered flows added up.
  Directions(const Evidence& evidence, const std::vector<Relation>& relations);

  // kSupports: it is. kClientPort: it is the source's, seen from the wrong end. kUndecided.
  Standing Of(const Relation& relation) const;

 private:
  using Port = std::pair<uint8_t, uint16_t>;
  using Pair = std::tuple<Node, Node, uint8_t>;

  Standing OfHighPort(const Relation& relation, bool reversed) const;

  std::map<Node, std::map<Port, uint64_t>> listening_;  // -> windows it was seen in
  std::set<Pair> low_ports_;                            // pairs with an answered port below the clients' range
  std::map<Pair, size_t> high_ports_;                   // how many answered ones of the clients' range
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_DIRECTION_H_
