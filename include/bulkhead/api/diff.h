// SPDX-License-Identifier: Apache-2.0
// Wire types of what another policy would change. Conventions: wire.h.
#ifndef BULKHEAD_API_DIFF_H_
#define BULKHEAD_API_DIFF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/api/change.h"

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

struct LiveDiffRequest {
  std::vector<PolicyFile> files;  // in place of objects of the same kind and name
  bool all = false;               // every row
  bool rule_rows = false;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("files", self.files);
    visit("all", self.all);
    visit("rule_rows", self.rule_rows);
  }
};

// A flow that passes now and would be dropped.
struct CutFlow {
  std::string from, to;                  // services
  std::string from_address, to_address;  // "198.18.0.2:41812"
  std::string protocol;
  uint16_t port = 0;
  uint64_t bytes = 0;  // both ways, so far
  std::string rule;    // that would drop it
  std::string position;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("from_address", self.from_address);
    visit("to_address", self.to_address);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("bytes", self.bytes);
    visit("rule", self.rule);
    visit("position", self.position);
  }
};

// Against what is in force on this host.
struct LiveDiff {
  uint64_t generation = 0;  // that is in force
  Diff diff;
  uint64_t live_flows = 0, cut_flows = 0;
  std::vector<CutFlow> cut;  // the first of them
  // Recorded edges of services that are here: those whose verdict changes, and the answered flows of those that get denied.
  uint64_t edges = 0, changed_edges = 0, denied_answered = 0;
  uint64_t gone_edges = 0;  // of services that are not here, and are not judged

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation);
    visit("diff", self.diff);
    visit("live_flows", self.live_flows);
    visit("cut_flows", self.cut_flows);
    visit("cut", self.cut);
    visit("edges", self.edges);
    visit("changed_edges", self.changed_edges);
    visit("denied_answered", self.denied_answered);
    visit("gone_edges", self.gone_edges);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_DIFF_H_
