// SPDX-License-Identifier: Apache-2.0
// Wire types of /v1/explain. Conventions: wire.h.
#ifndef BULKHEAD_API_EXPLAIN_H_
#define BULKHEAD_API_EXPLAIN_H_

#include <cstdint>
#include <optional>
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
  std::string tier;                  // Admin, NetworkPolicy, Baseline
  std::optional<uint32_t> priority;  // of its policy, where that has one
  std::string policy, rule;          // "shop/db", "ingress[0]"
  std::string rule_name;             // as the document names it
  std::string action;                // Accept, Allow, Deny, Pass
  bool audit = false;                // its policy is in audit
  std::string peers;                 // "from app=api"
  bool matches = false;
  std::string why;       // why, or why not
  std::string effect;    // of one that matches: "allows", "passes to NetworkPolicy"
  std::string position;  // file:line:column

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("tier", self.tier);
    visit("priority", self.priority);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("rule_name", self.rule_name);
    visit("action", self.action);
    visit("audit", self.audit);
    visit("peers", self.peers);
    visit("matches", self.matches);
    visit("why", self.why);
    visit("effect", self.effect);
    visit("position", self.position);
  }
};

struct ExplainedSide {
  std::string verdict;  // allow, deny: what policy says, whatever the mode; would-deny: the deciding policy is in audit
  std::string tier;     // of what decided: Admin, NetworkPolicy, Baseline, default
  std::optional<uint32_t> priority;  // of the deciding policy, where that has one
  std::string policy, rule;
  std::string rule_name;  // as the document names it
  bool audit = false;     // the deciding policy is in audit, so nothing drops
  std::string position;
  std::vector<std::string> isolates;
  std::vector<ExplainedRule> considered;
  std::string change;  // the smallest that makes this side say the other thing; empty: none does
  std::string hint;    // why none does

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("verdict", self.verdict);
    visit("tier", self.tier);
    visit("priority", self.priority);
    visit("policy", self.policy);
    visit("rule", self.rule);
    visit("rule_name", self.rule_name);
    visit("audit", self.audit);
    visit("position", self.position);
    visit("isolates", self.isolates);
    visit("considered", self.considered);
    visit("change", self.change);
    visit("hint", self.hint);
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
  std::vector<std::string> to_allow;        // one change for each side that denies or would deny
  std::vector<std::string> to_deny;         // when both sides allow: one change, of either
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
    visit("to_deny", self.to_deny);
    visit("answered_1h", self.answered_1h);
    visit("denied_1h", self.denied_1h);
    visit("notes", self.notes);
    visit("text", self.text);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_EXPLAIN_H_
