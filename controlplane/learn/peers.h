// SPDX-License-Identifier: Apache-2.0
// Peers: which addresses outside that a service calls are proven enough to stand for a network or for everybody. Pure; any thread.
//
// A content network has many addresses, each seen once or twice, so a rule must be made of what they have in common (outside.h).
// But who sits in one workload can make such addresses: one flow to each of seventeen would open the internet. So a group that
// peers seen too seldom are needed for (Relation::thin_peers) must
//   - stand without those of any one workload. Of L workloads that the service ever had, R at once, L-R+1 may be the lives of one,
//     which was started again and again: so it must stand without the L-R+1 that brought most alone;
//   - come from as many windows as an edge needs that supports a rule.
// What no group stands with is set aside, until somebody accepts the relation; what was there when somebody did is proven by that.
//
// Clients outside, of a service that is called, are not asked for this: there is nobody inside who makes them, each is another
// party of its own, and a public service is known by being called by many, each once.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_PEERS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_PEERS_H_

#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

// Moves what is not proven from peers to set_aside_peers. relation: of a service to peers outside. lives: workloads that the
// service ever had. occurrences: Hygiene's.
void SetPeersAside(uint64_t lives, uint64_t occurrences, Relation* relation);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_PEERS_H_
