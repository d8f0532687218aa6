// SPDX-License-Identifier: Apache-2.0
// The tables of the ledger, as steps for Database::Migrate("learn"). Steps are appended, never changed. Pure; any thread.
//
//   learn_parties     who: kind, namespace, service, labels, image digest
//   learn_edges       evidence: totals over all time, one row for each (source, destination, protocol, port, verdict, peer)
//   learn_windows     of each edge, what it did within each window of time; the oldest are folded into the edge (folded_windows)
//   learn_baselines   the dataplane's own totals at the last drain, by the dataplane's key; the next drain takes differences to
//   them learn_presence    how long the workloads of a party ran, by window learn_listeners   ports that workloads of a party
//   listen on learn_names       names that DNS answers gave for addresses learn_decisions   what people accepted or rejected, and
//   when, by names: outlives everything else learn_quarantine  who scanned, in which window
//
// Times are Unix seconds, a window is named by its start. peer: "" or an address. Bitmaps are of workloads, as in EdgeRecord.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_SCHEMA_H_
#define BULKHEAD_CONTROLPLANE_LEARN_SCHEMA_H_

#include <string>
#include <vector>

namespace bulkhead::learn {

const std::vector<std::string>& SchemaSteps();

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_SCHEMA_H_
