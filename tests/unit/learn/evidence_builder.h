// SPDX-License-Identifier: Apache-2.0
// Evidence for tests, written as one call for each edge.
#ifndef BULKHEAD_TESTS_UNIT_LEARN_EVIDENCE_BUILDER_H_
#define BULKHEAD_TESTS_UNIT_LEARN_EVIDENCE_BUILDER_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

class EvidenceBuilder {
 public:
  EvidenceBuilder() {
    for (const PartyKind kind : {PartyKind::kUnknown, PartyKind::kHost, PartyKind::kWorld}) {
      Party party;
      party.kind = kind;
      evidence_.parties.push_back(party);
    }
  }
  static constexpr size_t kUnknown = 0, kHost = 1, kWorld = 2;

  // Labels get the implicit one, as every workload's do.
  size_t Service(const std::string& ns, const std::string& service, Labels labels = {}, const std::string& digest = "") {
    labels["bulkhead.dev/service"] = service;
    evidence_.parties.push_back({PartyKind::kService, ns, service, std::move(labels), digest, kFirstIdentity});
    return evidence_.parties.size() - 1;
  }

  static constexpr uint64_t kBegin = 1'699'999'200, kWindow = 3600;

  // Seen in as many hours on end as there were answered flows, up to three; of nobody knows which workloads.
  Edge& Add(size_t source, size_t destination, uint8_t protocol, uint16_t port, uint64_t flows, uint64_t answered) {
    Edge edge;
    edge.source = source;
    edge.destination = destination;
    edge.protocol = protocol;
    edge.port = port;
    edge.flows = flows;
    edge.answered = answered;
    edge.first_seen = 1'700'000'000;
    edge.last_seen = 1'700'000'600;
    for (uint64_t hour = 0; hour < std::min<uint64_t>(answered, 3); ++hour) {
      edge.windows.push_back({kBegin + hour * kWindow, 1, 1, 0, 0, 0});
      edge.last_seen = 1'700'000'600 + hour * kWindow;
    }
    if (answered > 3) edge.windows.back().flows = edge.windows.back().answered = answered - 2;
    evidence_.edges.push_back(edge);
    return evidence_.edges.back();
  }
  Edge& Answered(size_t source, size_t destination, uint16_t port, uint64_t flows = 10) {
    return Add(source, destination, kProtoTcp, port, flows, flows);
  }
  void Outside(size_t source, size_t destination, uint16_t port, const IpAddress& peer, uint64_t flows = 10) {
    Answered(source, destination, port, flows).peer = peer;
  }

  // One flow in each of these windows (hours since kBegin), by the workloads whose bits are given: all told of in the first.
  Edge& InWindows(size_t source, size_t destination, uint16_t port, const std::vector<uint64_t>& windows, uint64_t workloads) {
    Edge& edge = Add(source, destination, kProtoTcp, port, windows.size(), windows.size());
    edge.windows.clear();
    edge.source_workloads = workloads;
    for (const uint64_t window : windows) edge.windows.push_back({kBegin + window * kWindow, 1, 1, 0, 0, 0});
    edge.windows.front().source_workloads = workloads;
    edge.first_seen = edge.windows.front().start;
    edge.last_seen = edge.windows.back().start;
    return edge;
  }

  // As the ledger does to save room: what all edges did until this window, and in it, is only counted.
  void Fold(uint64_t window) {
    for (Edge& edge : evidence_.edges) {
      edge.folded_windows +=
          std::erase_if(edge.windows, [window](const EdgeWindow& at) { return at.start <= kBegin + window * kWindow; });
    }
  }

  Evidence& Mutable() { return evidence_; }
  void Name(const IpAddress& address, const std::string& name) { evidence_.names.push_back({address, name, 0, 0}); }

  const Evidence& Get() const { return evidence_; }

 private:
  Evidence evidence_;
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_TESTS_UNIT_LEARN_EVIDENCE_BUILDER_H_
