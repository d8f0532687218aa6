// SPDX-License-Identifier: Apache-2.0
// Wire types of a draft that is held against everything recorded. Conventions: wire.h.
#ifndef BULKHEAD_API_REPLAY_H_
#define BULKHEAD_API_REPLAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/api/change.h"

namespace bulkhead::api {

struct ReplayRequest {
  std::vector<PolicyFile> files;  // in place of objects of the same kind and name that are in force
  uint64_t since = 0;             // seconds back from now; 0: all that is recorded

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("files", self.files);
    visit("since", self.since);
  }
};

// Of one service, on either side, or of all. An edge: one pair of services on one port. `possible` counts every pair of services
// seen, and of each of them and the world, on every port on which anything was answered or that a policy names (both ends of a range; one
// that is unused where a rule is for all ports); `allowed` those that the draft permits, `escaped` those of them that were never seen.
struct ReplayCounts {
  uint64_t permitted_edges = 0, permitted_flows = 0;  // answered, and would pass
  uint64_t rejected_edges = 0, rejected_flows = 0;    // answered, and would be denied
  uint64_t apart_edges = 0, apart_flows = 0;          // answered, and no evidence of use: see ReplayEdge::standing
  uint64_t apart_denied_edges = 0;                    // those of them of which anything would be denied
  uint64_t possible = 0, allowed = 0, escaped = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("permitted_edges", self.permitted_edges);
    visit("permitted_flows", self.permitted_flows);
    visit("rejected_edges", self.rejected_edges);
    visit("rejected_flows", self.rejected_flows);
    visit("apart_edges", self.apart_edges);
    visit("apart_flows", self.apart_flows);
    visit("apart_denied_edges", self.apart_denied_edges);
    visit("possible", self.possible);
    visit("allowed", self.allowed);
    visit("escaped", self.escaped);
  }
};

struct ReplayService {
  std::string ns, service;
  ReplayCounts counts;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("counts", self.counts);
  }
};

struct ReplayEdge {
  std::string from, to;  // "shop/web"; "host", "world", "unknown"
  std::string protocol;
  uint16_t port = 0;
  std::string peers;      // of the outside: "198.18.0.9", "198.18.0.9 and 3 more"
  uint64_t answered = 0;  // flows of it that would be denied; of what is apart: all
  uint64_t first_seen_unix = 0, last_seen_unix = 0;
  bool denied = true;     // of what is apart: whether any of it would be
  std::string side, policy, rule, position;  // that deny: "egress", "shop/web", "egress isolated", "web.yaml:3:1"
  std::string standing;  // why it is no evidence of use, or waits for review: "answered once only", ...; else empty

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("peers", self.peers);
    visit("answered", self.answered);
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
    visit("denied", self.denied);
    visit("side", self.side);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("position", self.position);
    visit("standing", self.standing);
  }
};

// What the draft permits from one service to another beyond what was seen.
struct ReplayEscape {
  std::string from, to;
  std::string ports;   // "22/tcp, 80/tcp and 5 more"
  uint64_t count = 0;  // of ports

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("ports", self.ports);
    visit("count", self.count);
  }
};

struct Replay {
  uint64_t first_seen_unix = 0, last_seen_unix = 0;  // of what was judged; 0: nothing was
  uint64_t services = 0, ports = 0;                  // seen; tried, see ReplayCounts
  ReplayCounts total;
  std::vector<ReplayService> by_service;
  // The first of each; the counts are of all.
  std::vector<ReplayEdge> rejected, apart;
  std::vector<ReplayEscape> escaped;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
    visit("services", self.services);
    visit("ports", self.ports);
    visit("total", self.total);
    visit("by_service", self.by_service);
    visit("rejected", self.rejected);
    visit("apart", self.apart);
    visit("escaped", self.escaped);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_REPLAY_H_
