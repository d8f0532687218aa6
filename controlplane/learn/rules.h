// SPDX-License-Identifier: Apache-2.0
// Rules: from what supports a rule to the rules of one service, as few as permit exactly that. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_RULES_H_
#define BULKHEAD_CONTROLPLANE_LEARN_RULES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "bulkhead/model/policy.h"
#include "controlplane/learn/selectors.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

// What rules are made in view of.
struct Surroundings {
  Selectors selectors;
  std::vector<IpAddress> host;     // what a rule to the host names
  std::set<IpAddress> workloads;   // addresses of workloads here: never taken for somebody outside
  std::map<IpAddress, std::set<std::string>> names;  // that DNS answers gave
};

struct Rules {
  std::vector<PolicyRule> rules;
  std::vector<std::vector<std::string>> comments;  // one list of lines for each rule: what was seen
};

// Ports with the same peers share a rule, or peers with the same ports, whichever makes fewer: never more than there are relations.
// In the order of the lowest ports.
Rules MakeRules(const std::vector<Relation>& relations, const ServiceName& service, Direction direction,
                const Surroundings& surroundings);

// "shop/db"; "the host", "outside", "unknown".
std::string NodeText(const Node& node);
// "5432/tcp"; "icmp".
std::string PortText(uint8_t protocol, uint16_t port);
// "214 answered flows", "1 packet": the noun gets an s unless count is 1.
std::string CountText(uint64_t count, std::string_view noun);
// "2026-01-31 12:05 .. 14:10 UTC"; the second date only where it differs.
std::string SpanText(uint64_t first_unix, uint64_t last_unix);
// Text from outside (labels, names) for a comment: control characters and invalid bytes become '?'; at most 120 bytes.
std::string Printable(std::string_view text);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_RULES_H_
