// SPDX-License-Identifier: Apache-2.0
// Observer: what learning needs to know beside the edges: how long workloads ran, which of their sockets listen, which names they were
// told for addresses. It collects on the control thread and writes on another.
//
// Thread safety: Write by any one thread at a time; everything else by the control thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_OBSERVER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_OBSERVER_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/daemon/edge_drain.h"
#include "controlplane/daemon/listener_scan.h"
#include "controlplane/daemon/name_listener.h"
#include "controlplane/daemon/presence_meter.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/learn/learner.h"
#include "dataplane/backend.h"

namespace bulkhead {

class Observer {
 public:
  // What has come together since the last Take.
  struct Batch {
    std::vector<Presence> presence;
    std::vector<SeenName> names;
    std::vector<ObservedWorkload> look_at;
  };
  struct Written {
    absl::Status status;
    absl::Status lost;                 // EdgeDrain::Lost
    bool presence = false;             // was written
    std::set<IdentityId> fresh_edges;  // identities at the ends of edges that are new
  };

  // All must outlive it. learner: nullptr, nothing is recorded.
  Observer(Backend* backend, Learner* learner, EdgeDrain* edges) : backend_(backend), learner_(learner), edges_(edges) {}

  // Whenever the inventory was derived anew. now: ns.
  void See(const InventoryState& state, uint64_t now) { presence_.See(state.observed, now); }
  // Reads the DNS answers that have come. state: who has which interface.
  absl::Status DrainAnswers(const InventoryState& state);
  // See NameListener.
  void Believe(const std::set<IpAddress>& servers) { names_.Believe(servers); }

  Batch Take(const InventoryState& state, uint64_t now);
  // Drains the edges, looks into namespaces, and hands all to the learner; may take its time. view: whose identities name them.
  Written Write(const Batch& batch, const View& view);
  void OnWritten(const Batch& batch, const Written& written);

 private:
  absl::Status WriteListeners(const Batch& batch, const Learner::IdentityLookup& lookup, const LearnMoment& now);

  Backend* const backend_;
  Learner* const learner_;
  EdgeDrain* const edges_;
  PresenceMeter presence_;
  ListenerScan listeners_;
  NameListener names_;
  bool listeners_told_ = false;  // that they cannot be read; Write's alone
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_OBSERVER_H_
