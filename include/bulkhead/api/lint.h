// SPDX-License-Identifier: Apache-2.0
// Wire types of `policy lint`. Conventions: wire.h.
#ifndef BULKHEAD_API_LINT_H_
#define BULKHEAD_API_LINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/api/change.h"

namespace bulkhead::api {

// What to lint as if it were in force too, or instead of the objects of the same names.
struct LintRequest {
  std::vector<PolicyFile> files;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("files", self.files);
  }
};

struct LintPlace {
  std::string file;
  int64_t line = 0, column = 0;  // from 1

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("file", self.file);
    visit("line", self.line);
    visit("column", self.column);
  }
};

// A connection that shows what is said.
struct LintWitness {
  std::string from, to;             // NAMESPACE/NAME, host, or an address
  std::string source, destination;  // addresses; empty: the workload has none
  std::string protocol;
  uint16_t port = 0;  // 0: the protocol has none
  std::string text;   // "shop/web-0 -> shop/db-0 5432/tcp"

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("source", self.source);
    visit("destination", self.destination);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("text", self.text);
  }
};

struct LintFinding {
  std::string severity;  // error, warning, info
  std::string check;     // "shadowed-rule"
  std::string policy;    // "shop/db", "cnp:guard"
  std::string rule;      // "ingress[1]"; empty: the whole policy
  std::string file;
  int64_t line = 0, column = 0;  // from 1; 0: it is about no place
  std::string message;
  std::optional<LintPlace> related;  // of what the message speaks of
  std::optional<LintWitness> witness;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("severity", self.severity);
    visit("check", self.check);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("file", self.file);
    visit("line", self.line);
    visit("column", self.column);
    visit("message", self.message);
    visit("related", self.related);
    visit("witness", self.witness);
  }
};

struct LintAnswer {
  uint64_t policies = 0;   // that were judged
  uint64_t workloads = 0;  // that they were judged with
  bool world = false;      // they were judged with workloads: else only what holds whoever lives there is found
  uint64_t errors = 0, warnings = 0, infos = 0;
  uint64_t omitted = 0;                // of these: beyond the most that are listed
  std::vector<LintFinding> findings;  // by file and position

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("policies", self.policies);
    visit("workloads", self.workloads);
    visit("world", self.world);
    visit("errors", self.errors);
    visit("warnings", self.warnings);
    visit("infos", self.infos);
    visit("omitted", self.omitted);
    visit("findings", self.findings);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_LINT_H_
