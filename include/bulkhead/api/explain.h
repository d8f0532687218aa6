// SPDX-License-Identifier: Apache-2.0
// Wire types of /v1/explain. Conventions: wire.h.
#ifndef BULKHEAD_API_EXPLAIN_H_
#define BULKHEAD_API_EXPLAIN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::api {

struct ExplainedParty {
  std::string name;      // "shop/web", "host", "world"
  std::string workload;  // NAMESPACE/NAME of the one that was judged
  std::string address;
  std::string mode;  // of its service; empty for host and world

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("workload", self.workload);
    visit("address", self.address);
    visit("mode", self.mode);
  }
};

struct ExplainedRule {
  std::string policy, rule;  // "shop/db", "ingress[0]"
  std::string peers;         // "from app=api"
  bool matches = false;
  std::string why;       // why not
  std::string position;  // file:line:column

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("peers", self.peers);
    visit("matches", self.matches);
    visit("why", self.why);
    visit("position", self.position);
  }
};

struct ExplainedSide {
  std::string verdict;  // allow, deny: what policy says, whatever the mode
  std::string policy, rule;
  std::string position;
  std::vector<std::string> isolates;
  std::vector<ExplainedRule> considered;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("verdict", self.verdict);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("position", self.position);
    visit("isolates", self.isolates);
    visit("considered", self.considered);
  }
};

struct Explanation {
  std::string verdict;  // allow, deny, would-deny: with the modes taken into account
  uint64_t generation = 0;
  ExplainedParty from, to;
  std::string protocol;
  uint16_t port = 0;
  ExplainedSide egress, ingress;
  std::vector<std::string> modes;           // "shop/db enforce -> dropped"
  std::vector<std::string> to_allow;        // one change for each side that denies
  uint64_t answered_1h = 0, denied_1h = 0;  // flows; packets. Between the two services, on this port
  std::vector<std::string> notes;
  std::vector<std::string> text;  // all of it, line by line, for people

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("verdict", self.verdict);
    visit("generation", self.generation);
    visit("from", self.from);
    visit("to", self.to);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("egress", self.egress);
    visit("ingress", self.ingress);
    visit("modes", self.modes);
    visit("to_allow", self.to_allow);
    visit("answered_1h", self.answered_1h);
    visit("denied_1h", self.denied_1h);
    visit("notes", self.notes);
    visit("text", self.text);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_EXPLAIN_H_
