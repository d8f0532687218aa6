// SPDX-License-Identifier: Apache-2.0
// Wire types of what another policy would change. Conventions: wire.h.
#ifndef BULKHEAD_API_DIFF_H_
#define BULKHEAD_API_DIFF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/api/change.h"
#include "bulkhead/api/wire.h"

namespace bulkhead::api {

struct DiffPortRange {
  std::string protocol;
  uint16_t first = 0, last = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("protocol", self.protocol);
    visit("first", self.first);
    visit("last", self.last);
  }
};

struct DiffPorts {
  std::string text;      // "80-90/tcp, all udp"
  bool all_but = false;  // every protocol and port but the ranges
  std::vector<DiffPortRange> ranges;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("text", self.text);
    visit("all_but", self.all_but);
    visit("ranges", self.ranges);
  }
};

struct DiffVerdict {
  std::string verdict;       // what policy says: allow; deny; audit (only a policy in audit denies)
  std::string effect;        // with the modes: passes, recorded, reported, dropped
  std::string side;          // that decides: egress, ingress
  std::string policy, rule;  // that decide: "shop/db", "ingress[0]"; policy is empty for "default"
  std::string position;      // file:line:column; empty when no document decides

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("verdict", self.verdict);
    visit("effect", self.effect);
    visit("side", self.side);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("position", self.position);
  }
};

struct DiffRow {
  std::string from, to;  // "shop/web", "shop/web version=v2", "world 203.0.113.0/24", "world (elsewhere)", "host", "unknown"
  DiffPorts ports;
  DiffVerdict before, after;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("ports", self.ports);
    visit("before", self.before);
    visit("after", self.after);
  }
};

// Counts are of all rows, whether they are listed or not.
struct Diff {
  bool differs = false;              // some verdict, or what it does
  uint64_t denied = 0, allowed = 0;  // by policy from now on, and not before
  uint64_t others = 0;               // what a denial does
  uint64_t rule_changes = 0;         // the same verdict by another rule
  std::vector<DiffRow> rows;
  std::vector<DiffRow> rule_rows;  // if asked for

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("differs", self.differs);
    visit("denied", self.denied);
    visit("allowed", self.allowed);
    visit("others", self.others);
    visit("rule_changes", self.rule_changes);
    visit("rows", self.rows);
    visit("rule_rows", self.rule_rows);
  }
};

struct DiffRequest {
  std::vector<PolicyFile> files;    // as they would be applied: on top of what is in force
  std::optional<std::string> mode;  // for the services that the policies select
  bool all = false;                 // every row, not only the first thousand
  bool rule_rows = false;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("files", self.files);
    visit("mode", self.mode);
    visit("all", self.all);
    visit("rule_rows", self.rule_rows);
  }
};

// What policy files would change here and now.
struct LiveDiff {
  Change change;  // as applying them would answer; its generation is the one in force
  Diff diff;
  uint64_t flows = 0;          // of the flow table, that are not over
  uint64_t cut_flows = 0;      // of these: they pass now, and would be dropped
  std::vector<FlowRow> cut;    // the first of them
  uint64_t edges = 0;          // recorded, that could be judged by both
  uint64_t denied_edges = 0, allowed_edges = 0, other_edges = 0;  // that get another verdict, as in Diff
  uint64_t denied_answered = 0;                                   // answered flows of denied_edges
  std::string edges_error;     // why edges could not be read

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("change", self.change);
    visit("diff", self.diff);
    visit("flows", self.flows);
    visit("cut_flows", self.cut_flows);
    visit("cut", self.cut);
    visit("edges", self.edges);
    visit("denied_edges", self.denied_edges);
    visit("allowed_edges", self.allowed_edges);
    visit("other_edges", self.other_edges);
    visit("denied_answered", self.denied_answered);
    visit("edges_error", self.edges_error);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_DIFF_H_
