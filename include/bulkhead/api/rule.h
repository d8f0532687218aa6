// SPDX-License-Identifier: Apache-2.0
// A rule in force and what it has decided. As wire.h: types list their JSON fields once.
#ifndef BULKHEAD_API_RULE_H_
#define BULKHEAD_API_RULE_H_

#include <cstdint>
#include <string>

namespace bulkhead::api {

struct RuleRow {
  std::string rule;       // its key: "shop/db ingress[0]", "shop/db ingress isolated", "default"
  std::string policy;     // "shop/db", "cnp:guard"; empty for what is no policy's
  std::string tier;       // Admin, NetworkPolicy, Baseline; empty
  std::string name;       // as the document names the rule
  std::string direction;  // ingress, egress; empty
  std::string action;     // accept, deny, pass; of an isolation deny
  std::string place;      // file:line:column
  uint64_t flows = 0;       // that it allowed, for its side
  uint64_t denied = 0;      // packets
  uint64_t would_deny = 0;  // flows that passed because of the mode

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("rule", self.rule);
    visit("policy", self.policy);
    visit("tier", self.tier);
    visit("name", self.name);
    visit("direction", self.direction);
    visit("action", self.action);
    visit("place", self.place);
    visit("flows", self.flows);
    visit("denied", self.denied);
    visit("would_deny", self.would_deny);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_RULE_H_
