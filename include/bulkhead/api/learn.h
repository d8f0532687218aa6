// SPDX-License-Identifier: Apache-2.0
// Wire types of what was learned, beside edges and proposals (change.h). Conventions: wire.h.
#ifndef BULKHEAD_API_LEARN_H_
#define BULKHEAD_API_LEARN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::api {

struct ReadinessRow {
  std::string ns, service, image;  // image: its digest; empty = not known
  double hours = 0;                // workload-hours observed
  uint64_t edges = 0, review = 0, seen_once = 0;
  uint64_t first_seen_unix = 0, last_seen_unix = 0, last_new_unix = 0;  // last_new: 0 = it has no edge
  std::optional<double> new_per_hour;  // 95% bound
  std::vector<uint32_t> unseen_hours;  // of the week, 0 = Monday 00:00 UTC
  bool ready = false;
  std::vector<std::string> missing;  // sentences

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("image", self.image);
    visit("hours", self.hours);
    visit("edges", self.edges);
    visit("review", self.review);
    visit("seen_once", self.seen_once);
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
    visit("last_new_unix", self.last_new_unix);
    visit("new_per_hour", self.new_per_hour);
    visit("unseen_hours", self.unseen_hours);
    visit("ready", self.ready);
    visit("missing", self.missing);
  }
};

// An edge that waits for a decision, or a source that scanned.
struct ReviewRow {
  std::string kind;  // edge, scan
  std::string name;  // of the edge: "shop/web->shop/db:5432/tcp"; of the source
  std::string why;
  uint64_t answered = 0, would_denied = 0, quarantined = 0, clients = 0;  // edge
  uint64_t contacts = 0, failures = 0;                                    // scan
  uint64_t windows = 0;
  uint64_t first_seen_unix = 0, last_seen_unix = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("name", self.name);
    visit("why", self.why);
    visit("answered", self.answered);
    visit("would_denied", self.would_denied);
    visit("quarantined", self.quarantined);
    visit("clients", self.clients);
    visit("contacts", self.contacts);
    visit("failures", self.failures);
    visit("windows", self.windows);
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
  }
};

struct DecisionRequest {
  std::string edge;
  bool accept = false;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("edge", self.edge);
    visit("accept", self.accept);
  }
};

struct DecisionAnswer {
  std::string edge;
  bool accepted = false;
  std::string who;  // the user at the other end of the connection

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("edge", self.edge);
    visit("accepted", self.accepted);
    visit("who", self.who);
  }
};

struct VersionEdgeRow {
  std::string change;     // added, gone, changed
  std::string edge, was;  // was: of the old version, when it changed
  uint64_t answered = 0;
  uint64_t first_seen_unix = 0, last_seen_unix = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("change", self.change);
    visit("edge", self.edge);
    visit("was", self.was);
    visit("answered", self.answered);
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
  }
};

struct VersionDiffAnswer {
  std::string old_image, new_image;  // digests
  std::vector<VersionEdgeRow> edges;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("old_image", self.old_image);
    visit("new_image", self.new_image);
    visit("edges", self.edges);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_LEARN_H_
